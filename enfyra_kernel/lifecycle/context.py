"""What an operation gets to see of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ..encoding import decode_json, decode_json_in_pieces
from ..errors import EnfyraError
from ..identity.callers import Caller
from ..metadata.queries import SavedQueries
from ..metadata.routes import Route, RouteMatch
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..query.ast import Query
from ..query.brackets import parse_query_string
from ..query.forms import parse_text
from ..query.names import flag
from ..query.parse import parse
from ..query.plan import Access
from ..query.saved import SAVED, expanded, in_full
from ..records.streams import formats
from ..records.streams.formats import Format
from .messages import JSON, Request

# Decoding so many bytes takes about a millisecond.
LARGE = 1 << 17


# The queries of the mappings that scripts have left, by identity: the mapping is kept with it.
_known: dict[int, tuple[Mapping[str, Any], Query]] = {}
_MOST_KNOWN = 1024


def _parsed(named: Mapping[str, Any]) -> Query:
    """Parse parameters; a mapping that cannot change is parsed once."""
    if not isinstance(named, MappingProxyType):
        return parse(named)
    found = _known.get(id(named))
    if found is None or found[0] is not named:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        found = _known[id(named)] = (named, parse(named))
    return found[1]


@lru_cache(1024)
def _of_text(text: str, ignoring: frozenset[str], saved: SavedQueries, table: int | None) -> Query:
    """Parse a query string that may name a saved query, which is another one after a change."""
    return _of_named(parse_query_string(text), ignoring, saved, table)


def _of_named(
    named: Mapping[str, Any], ignoring: frozenset[str], saved: SavedQueries, table: int | None
) -> Query:
    given = {key: value for key, value in named.items() if key not in ignoring}
    return parse(in_full(given, saved, table))


@dataclass(slots=True)
class Context:
    """A request on its way: the Snapshot it sees, where it leads, who sent it.

    Attributes:
        access: What the caller may see.
        named_query: The parameters of the query, where a script has changed them.
    """

    request: Request
    snapshot: Snapshot
    match: RouteMatch
    caller: Caller | None
    access: Access
    named_query: Mapping[str, Any] | None = None

    @property
    def route(self) -> Route:
        """The route."""
        return self.match.route

    @property
    def method(self) -> str:
        """The method, as routes have it: HEAD is a GET."""
        method = self.request.method
        return "GET" if method == "HEAD" else method

    @property
    def table(self) -> Table:
        """The table that the route is about."""
        table = self.match.route.table
        if table is None:
            raise EnfyraError("ROUTE_NOT_FOUND", f"'{self.route.path}' has no table")
        return table

    @property
    def parameters(self) -> Mapping[str, str]:
        """Values of the path's parameters."""
        return self.match.parameters

    def query(self, *, ignoring: frozenset[str] = frozenset()) -> Query:
        """Give the query of the request.

        Args:
            ignoring: Parameters that the operation reads by itself.
        """
        text, named = self.request.query, self.named_query
        if named is None:
            if SAVED in text:
                return _of_text(text, ignoring, self.snapshot.queries, self._table_id)
            if not any(name in text for name in ignoring):
                return parse_text(text)
            named = parse_query_string(text)
        elif SAVED not in named and not ignoring.intersection(named):
            return _parsed(named)
        return _of_named(named, ignoring, self.snapshot.queries, self._table_id)

    def written_out(self, named: dict[str, Any]) -> dict[str, Any]:
        """Give parameters with those of the saved query in the place of its name.

        What is no name of one of the table's own stays: handlers may mean something else by it.

        Raises:
            EnfyraError: What is wrong with its values.
        """
        saved = self.snapshot.queries.find(str(named.get(SAVED)), self._table_id)
        return named if saved is None else expanded(saved, named)

    @property
    def _table_id(self) -> int | None:
        table = self.match.route.table
        return None if table is None else table.definition.id

    @property
    def has_query(self) -> bool:
        """Whether there are parameters at all."""
        return bool(self.request.query) or bool(self.named_query)

    def option(self, *names: str) -> str | None:
        """Give a parameter of the query by any of its names."""
        named = self.named_query
        if named is None:
            if not self.request.query:
                return None
            named = parse_query_string(self.request.query)
        for name in names:
            value = named.get(name)
            if isinstance(value, str):
                return value
            if isinstance(value, bool | int):
                return str(value).lower()
        return None

    def flag(self, name: str) -> bool:
        """Give a parameter of the query that is true or false."""
        return flag(name, self.option(name))

    async def json(self) -> Any:
        """Give the body; a large one is decoded on a thread.

        Raises:
            EnfyraError: UNSUPPORTED_MEDIA_TYPE, or INVALID_JSON.
        """
        kind = self.content_type
        if kind not in {JSON, ""} and not kind.endswith("+json"):
            raise EnfyraError(
                "UNSUPPORTED_MEDIA_TYPE",
                f"The body is of the type {kind[:80]}; send {JSON}",
                hint=f"With curl: -H 'Content-Type: {JSON}'",
            )
        coding = self.request.headers.get("content-encoding", "identity")
        if coding.strip().lower() != "identity":
            raise EnfyraError(
                "UNSUPPORTED_MEDIA_TYPE",
                f"The body is compressed ({coding[:80]}); send it as it is",
            )
        if self.request.stream is not None:
            raise EnfyraError(
                "UNSUPPORTED_MEDIA_TYPE", f"{self.route.path} takes JSON only; leave format out"
            )
        if not self.request.body:
            raise EnfyraError("INVALID_JSON", "The body is empty; send a JSON object")
        if len(self.request.body) > LARGE:
            return await asyncio.to_thread(decode_json_in_pieces, self.request.body)
        return decode_json(self.request.body)

    @property
    def content_type(self) -> str:
        """The type of the body, without parameters."""
        return self.request.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def answer_format(self) -> Format:
        """The format of the answer: what `format` says, or what the Accept header likes best."""
        request = self.request
        return formats.asked(request.query) or formats.accepted(request.headers.get("accept", ""))

    @property
    def body_format(self) -> Format:
        """The format of the body: what `format` says, or its content type; JSON if unknown."""
        asked = formats.asked(self.request.query)
        return asked or formats.of_content(self.content_type) or formats.JSON
