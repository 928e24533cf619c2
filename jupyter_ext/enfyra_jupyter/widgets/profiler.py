"""The profile of a table to click: a bar or a value narrows it to the rows that it stands for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets
from enfyra_kernel.query.placeholders import spelled

from ..client import ApiError
from ..profiles.asking import AT_ONCE, figures, frequent, sample
from ..profiles.bars import Bar, bars_of, said, values_of, without
from ..profiles.looking import ColumnProfile, looked_at
from ..profiles.profile import Profile, ends_of, mean_of
from ..schema import TableInfo
from .connected import Connected
from .part import action

if TYPE_CHECKING:
    from ..magics.session import Session

# Rows of the page below, and values that are told when more of them are asked for.
_ROWS, _VALUES = 20, 50
_GONE = frozenset({"ROUTE_NOT_FOUND", "TABLE_NOT_FOUND"})


class Profiler(Connected):
    """The columns of a table, each with a picture of its values.

    Attributes:
        facts: The table's name, and its columns' names and types.
        conditions: What rows must meet, each with its text and its filter in JSON.
        search: What the names of the columns that are shown have in them.
        first: What was seen when it was made.
    """

    face: ClassVar[str] = "profiler"
    keeps: ClassVar[tuple[str, ...]] = ("conditions", "search")
    facts = traitlets.Dict().tag(sync=True)
    conditions = traitlets.List().tag(sync=True)
    search = traitlets.Unicode("").tag(sync=True)
    first = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        session: Session,
        table: TableInfo,
        columns: Sequence[str],
        where: Mapping[str, Any] | None,
        size: int,
    ) -> None:
        super().__init__(session)
        self._table = table
        self._where = where
        self._size = size
        self._all = len(columns) == len(table.columns)
        self._profile: Profile | None = None
        facts = [{"name": name, "type": table.columns[name]["type"]} for name in columns]
        self.facts = {"table": table.name, "columns": facts, "batch": AT_ONCE}

    def begin(self) -> None:
        """Look at the first columns, with the conditions that the cell's last run has left.

        Raises:
            ApiError: What the server says.
        """
        wanted = self.search.strip().lower()
        names = [one["name"] for one in self.facts["columns"] if wanted in one["name"].lower()]
        try:
            self.first = self.look(names[:AT_ONCE], self.conditions)
        except ApiError:
            if not self.conditions:
                raise
            # A column that one is about may be gone.
            self.conditions = []
            self.first = self.look(names[:AT_ONCE], [])

    # -- what the face asks for -----------------------------------------------------------------

    @action
    def look(self, names: Sequence[str], conditions: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """Give the profile of some columns, over the rows that meet all conditions."""
        where = self._filter(conditions)
        client = self._session.client
        try:
            rows, known = figures(client, self._table, names, where)
            # Without a name, that is all of them.
            seen = sample(client, self._table, names or [self._table.key], where, self._size)
        except ApiError as error:
            raise self._said(error) from error
        columns = [
            looked_at(name, self._table.columns[name]["type"], seen.column(name), rows, known[name])
            for name in names
        ]
        self._profile = Profile(self._table.name, rows, seen.num_rows, columns)
        names = seen.column_names
        page = [[row[name] for name in names] for row in seen.slice(0, _ROWS).to_pylist()]
        return {
            "rows": rows,
            "sampled": seen.num_rows,
            "columns": [self._facts(one, self._profile) for one in columns],
            "names": names,
            "page": [[None if one is None else said(one) for one in row] for row in page],
            "cell": self.cell(conditions),
        }

    @action
    def values(self, name: str, conditions: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """Give the values of a column that are most often in all rows that meet the conditions."""
        where = self._filter(conditions)
        try:
            found = frequent(self._session.client, self._table, name, where, _VALUES)
        except ApiError as error:
            raise self._said(error) from error
        return [_bar(one) for one in values_of(name, self._table.columns[name]["type"], found)]

    def cell(self, conditions: Sequence[Mapping[str, str]]) -> str:
        """Give the cell that finds the rows which meet the conditions."""
        lines = [f"%%enfyra query {self._table.name}"]
        if not self._all:
            lines.append(f"fields: [{', '.join(one['name'] for one in self.facts['columns'])}]")
        where = self._filter(conditions)
        if where:
            lines.append(f"filter: {json.dumps(spelled(where), ensure_ascii=False)}")
        # A cell needs more than its first line.
        return "\n".join(lines) if len(lines) > 1 else f"%enfyra query {self._table.name}"

    def _filter(self, conditions: Sequence[Mapping[str, str]]) -> dict[str, Any] | None:
        asked = [dict(self._where)] if self._where else []
        asked += [json.loads(one["filter"]) for one in conditions]
        return {"_and": asked} if len(asked) > 1 else next(iter(asked), None)

    def _said(self, error: ApiError) -> ApiError:
        if error.code not in _GONE:
            return error
        said = f"The table '{self._table.name}' is not there any more"
        return ApiError(error.code, said, hint="%enfyra tables lists those that are")

    def _facts(self, column: ColumnProfile, profile: Profile) -> dict[str, Any]:
        encrypted = bool(self._table.columns[column.name].get("isEncrypted"))
        more = "≥ " if profile.sampled < profile.rows else ""
        bars = bars_of(column, encrypted=encrypted)
        countable = not encrypted and any(one.condition for one in bars)
        return {
            "name": column.name,
            "nulls": column.nulls,
            "share": f"{column.nulls / profile.rows:.0%}" if column.nulls else "",
            "null": None if encrypted else json.dumps(without(column.name)),
            "distinct": f"{more}{column.distinct:,}",
            "ends": [said(one) for one in ends_of(column)],
            "mean": mean_of(column),
            "histogram": bool(column.edges),
            "bars": [_bar(one) for one in bars],
            # Those that are not in the picture.
            "more": countable and column.distinct > len(column.top),
        }

    # -- as text --------------------------------------------------------------------------------

    def text(self) -> str:
        """Give what was seen last as text."""
        return "\n".join([*self._notes(), repr(self._profile)])

    def html(self) -> str:
        """Give what was seen last as a table."""
        from html import escape

        notes = "".join(f'<div class="note">{escape(one)}</div>' for one in self._notes())
        return notes + (self._profile.html() if self._profile is not None else "")

    def _notes(self) -> Iterator[str]:
        for one in self.conditions:
            yield f"where {one['field']} is {one['text']}"


def _bar(bar: Bar) -> dict[str, Any]:
    # As a text, since JavaScript's own numbers are not exact.
    asked = None if bar.condition is None else json.dumps(bar.condition, ensure_ascii=False)
    return {"label": bar.label, "count": bar.count, "filter": asked}
