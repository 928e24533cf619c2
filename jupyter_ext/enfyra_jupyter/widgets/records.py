"""The records behind the rows of a grid: read one by one, changed, made and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from ..client import ApiError, Client
from . import cells
from .columns import Column

_TRIES = 3
_GONE = "RESOURCE_NOT_FOUND"
_STALE = "PRECONDITION_FAILED"


class Changed(NamedTuple):
    """What has become of a record that was to be changed or deleted.

    Attributes:
        record: As it is now; empty if it is not there any more.
        done: Whether it has been done, rather than left alone since others were quicker.
    """

    record: Mapping[str, Any]
    done: bool


class Records:
    """The records of a route, by their keys.

    Each is written only if nobody else has written it meanwhile: the server compares ETags.

    Args:
        shape: `fields`, `include` and `deep` of the rows.
    """

    def __init__(self, client: Client, path: str, key: Column, shape: Mapping[str, Any]) -> None:
        self._client = client
        self._path = path
        self._key = key
        self._shape = dict(shape)

    def now(self, key: str) -> tuple[dict[str, Any] | None, str | None]:
        """Give a record as it is now, and the ETag that stands for that."""
        wanted = {self._key.name: {"_eq": cells.read(self._key, key)}}
        return self._client.record(self._path, filter=wanted)

    def read(self, key: str) -> tuple[dict[str, Any], str | None]:
        """Give a record as `now` does.

        Raises:
            ApiError: RESOURCE_NOT_FOUND.
        """
        record, tag = self.now(key)
        if record is None:
            raise ApiError(_GONE, "The row is not there any more", hint="Refresh")
        return record, tag

    def change(self, key: str, column: Column, text: str | None, base: str | None) -> Changed:
        """Set a field, if its value is still `base`; other fields may be others meanwhile."""
        body = {column.sets or column.name: cells.read(column, text)}
        for _ in range(_TRIES):
            record, tag = self.read(key)
            if cells.whole(column.value_in(record)) != base:
                return Changed(record, done=False)
            try:
                answer = self._send("PATCH", key, tag, body)
            except ApiError as error:
                if error.code != _STALE:
                    raise
                continue
            return Changed(answer["data"][0], done=True)
        raise _restless()

    def create(self, columns: Mapping[str, Column], given: Mapping[str, str | None]) -> Any:
        """Make a record of what is given; give it as the rows are."""
        body = {
            columns[name].sets or name: cells.read(columns[name], text)
            for name, text in given.items()
        }
        return self._client.send("POST", self._path, body=body, params=self._shape)["data"][0]

    def delete(self, key: str, columns: Iterable[Column], base: Mapping[str, Any]) -> Changed:
        """Delete a record, if it is still what was seen of it; one that is gone is done with.

        Args:
            base: What was seen of it, by the names of columns, as `cells.shown` gives it.
        """
        own = [one for one in columns if one.name in base and (len(one.path) == 1 or one.sets)]
        for _ in range(_TRIES):
            record, tag = self.now(key)
            if record is None:
                return Changed({}, done=True)
            if any(cells.shown(one.value_in(record)) != base[one.name] for one in own):
                return Changed(record, done=False)
            try:
                self._send("DELETE", key, tag)
            except ApiError as error:
                if error.code not in {_STALE, _GONE}:
                    raise
                continue
            return Changed({}, done=True)
        raise _restless()

    def row(self, key: str) -> dict[str, Any]:
        """Give a record as the rows are; empty if it is gone."""
        wanted = {self._key.name: {"_eq": cells.read(self._key, key)}}
        rows = self._client.get(self._path, **self._shape, filter=wanted, limit=1)["data"]
        return rows[0] if rows else {}

    def _send(self, method: str, key: str, tag: str | None, body: Any = None) -> Any:
        return self._client.send(
            method,
            f"{self._path}/{quote(key, safe='')}",
            body=body,
            params=self._shape if method == "PATCH" else {},
            headers={"if-match": tag} if tag else {},
        )


def problems_by_column(error: ApiError, columns: Mapping[str, Column]) -> dict[str, str]:
    """Say what is wrong with each column of a row; what is about no column of these is under ''.

    Example:
        >>> error = ApiError("INVALID_BODY", "title is required; views must be an integer")
        >>> problems_by_column(error, {"views": Column("views", "integer")})
        {'': 'title is required', 'views': 'views must be an integer'}
    """
    by_field = {one.sets or name: name for name, one in columns.items()}
    details = error.details if isinstance(error.details, Mapping) else {}
    fields = [*details.get("fields", ()), *filter(None, [details.get("field")])]
    named = [by_field[field] for field in fields if field in by_field]
    if named:
        return dict.fromkeys(named, error.message)
    found: dict[str, str] = {}
    for said in re.split(r"; (?=\w+ (?:must|is|has)\b)", error.message):
        field = re.match(r"[\w.]+", said)
        name = by_field.get(field[0], "") if field is not None else ""
        found[name] = "; ".join(filter(None, [found.get(name), said]))
    return found


def _restless() -> ApiError:
    return ApiError(_STALE, "Others change this record all the time", hint="Try again")
