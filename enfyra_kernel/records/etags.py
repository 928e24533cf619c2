"""ETags: what tells one state of a record from another, and requests that depend on it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from types import GenericAlias
from typing import Any, NamedTuple

import msgspec

from ..errors import EnfyraError
from ..metadata.tables import Table
from ..query.plan import Access

_TAG = re.compile(r'(W/)?"[^"\x00-\x20\x7f]*"')
ANY = "*"
_Decoder = msgspec.json.Decoder[Any]


class Tagger:
    """Gives the ETags of one table's records.

    An ETag is a hash of all that a caller may see of the record itself: its columns, and the keys
    it holds of others. It changes with any of these, whoever changes them. What other records hold
    of this one is not part of it, or each comment would change the post.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.fields = lru_cache(8)(self._fields)
        self._decoder = lru_cache(8)(self._make_decoder)

    def _fields(self, access: Access) -> tuple[str, ...]:
        """Give the fields that an ETag is made of."""
        relations = self._table.relations
        return tuple(
            name
            for name in access.names(self._table)
            if name not in relations or relations[name].holds_key
        )

    def _make_decoder(self, access: Access) -> tuple[_Decoder, tuple[int, ...]]:
        """Make a decoder of just those fields, which leaves columns as they are written.

        Beside it stand the places of the relations among them.
        """
        names = self.fields(access)
        labels = {f"f{number}": name for number, name in enumerate(names)}
        kinds = [
            (label, dict[str, msgspec.Raw] | None if name in self._table.relations else msgspec.Raw)
            for label, name in labels.items()
        ]
        row = msgspec.defstruct("Row", kinds, rename=labels, gc=False)
        places = (number for number, name in enumerate(names) if name in self._table.relations)
        only: Any = GenericAlias(tuple, (row,))
        return msgspec.json.Decoder(only), tuple(places)

    def tag(self, rows: bytes, access: Access) -> str:
        """Give the ETag of the one record in a JSON array, which shows all its fields."""
        decoder, relations = self._decoder(access)
        (row,) = decoder.decode(rows)
        parts: list[Any] = list(msgspec.structs.astuple(row))
        for place in relations:
            # How databases put spaces into objects differs; a key is all that these hold.
            related = parts[place]
            parts[place] = b"null" if related is None else b"".join(related.values())
        return f'"{hashlib.blake2b(_joined(parts), digest_size=12).hexdigest()}"'


# No JSON of a database has a line feed in it.
_joined = b"\n".join


class Preconditions(NamedTuple):
    """What a request asks of a record before anything is done with it.

    Attributes:
        match: Tags of which the record has one, `*` for any; None if nothing is asked.
        none_match: Tags of which it has none.
    """

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def check(self, tag: str) -> None:
        """Refuse a record that is in another state.

        Raises:
            EnfyraError: PRECONDITION_FAILED with the record's ETag.
        """
        if self.match is not None and not self.match & {tag, ANY}:
            raise EnfyraError("PRECONDITION_FAILED", details={"etag": tag})
        if self.none_match is not None and self.none_match & {tag, f"W/{tag}", ANY}:
            raise EnfyraError(
                "PRECONDITION_FAILED",
                "The record is there, in the state that If-None-Match rules out",
                details={"etag": tag},
            )


def read_preconditions(headers: Mapping[str, str]) -> Preconditions | None:
    """Read the headers If-Match and If-None-Match; None if there are none.

    Raises:
        EnfyraError: BAD_REQUEST for what is no list of ETags.
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is None and none_match is None:
        return None
    return Preconditions(_tags("If-Match", match), _tags("If-None-Match", none_match))


def _tags(header: str, text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if part != ANY and not _TAG.fullmatch(part):
            raise EnfyraError(
                "BAD_REQUEST",
                f'{header} must be * or ETags as answers have them, such as "1f3a", not {part!r}',
            )
    return frozenset(parts)
