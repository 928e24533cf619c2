"""Which fields an answer has: names, wildcards, exclusions, and relations below them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..errors import EnfyraError
from ..metadata.definitions import ColumnDefinition
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, Table
from .ast import Deep

MAX_DEPTH = 7
MAX_PATH = 50

Sees = Callable[[ColumnDefinition | Relation], bool]
UnknownField = Callable[[Table, str, str], EnfyraError]


@dataclass(frozen=True, slots=True)
class SelectedColumn:
    """A column in the answer."""

    name: str
    column: ColumnDefinition


@dataclass(frozen=True, slots=True)
class SelectedOne:
    """A to-one relation in the answer: an object or null.

    Attributes:
        key_only: Whether only the related record's key is asked for, which needs no join.
    """

    name: str
    relation: Relation
    target: Table
    selection: Selection
    key_only: bool


Selected = SelectedColumn | SelectedOne
Selection = tuple[Selected, ...]


class _Wanted:
    """What is asked for of one table, collected from all spellings."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.excluded: set[str] = set()
        self.everything = False
        self.below: dict[str, _Wanted] = {}
        self.empty = True

    def relation(self, name: str) -> _Wanted:
        return self.below.setdefault(name, _Wanted())

    def add(self, field: str) -> None:
        self.empty = False
        exclude = field.startswith("-")
        head, dot, rest = field.removeprefix("-").partition(".")
        if field.count(".") > MAX_PATH:
            raise EnfyraError("INVALID_QUERY", f"fields: '{field[:60]}...' is too long a path")
        if dot:
            if not head or not rest:
                raise EnfyraError("INVALID_QUERY", f"fields: '{field}' is not a path of names")
            self.relation(head).add(f"-{rest}" if exclude else rest)
        elif head == "*":
            if exclude:
                raise EnfyraError("INVALID_QUERY", "fields: '-*' would leave nothing")
            self.everything = True
        elif exclude:
            self.excluded.add(head)
        else:
            self.names.append(head)


def select_fields(
    fields: tuple[str, ...] | None,
    deep: tuple[Deep, ...],
    table: Table,
    snapshot: Snapshot,
    sees: Sees,
    unknown: UnknownField,
    most: int = MAX_DEPTH,
) -> Selection:
    """Resolve what an answer shall hold, at most so many relations deep.

    Without `fields`: every column the caller may see, and each to-one relation as its key.
    An excluded name (`-content`) turns its level into "all but".
    """
    wanted = _collect(fields, deep)
    return _Selector(snapshot, sees, unknown, most).select(wanted, table, "fields", 0)


def _collect(fields: Iterable[str] | None, deep: tuple[Deep, ...]) -> _Wanted:
    wanted = _Wanted()
    for field in fields or ():
        wanted.add(field)
    for one in deep:
        inner = _collect(one.fields, one.deep)
        mine = wanted.relation(one.relation)
        mine.names += inner.names
        mine.excluded |= inner.excluded
        mine.everything |= inner.everything or inner.empty
        mine.empty &= inner.empty
        mine.below |= inner.below
    return wanted


class _Selector:
    def __init__(self, snapshot: Snapshot, sees: Sees, unknown: UnknownField, most: int) -> None:
        self._most = most
        self._snapshot = snapshot
        self._sees = sees
        self._unknown = unknown

    def select(self, wanted: _Wanted, table: Table, place: str, depth: int) -> Selection:
        if depth > self._most:
            raise EnfyraError(
                "INVALID_QUERY", f"{place}: relations can be followed {self._most} deep at most"
            )
        for name in (*wanted.names, *wanted.excluded, *wanted.below):
            if name not in table.columns and name not in table.relations:
                raise self._unknown(table, name, place)
        return tuple(
            self._one(name, wanted, table, place, depth)
            for name in self._names(wanted, table, place)
        )

    def _names(self, wanted: _Wanted, table: Table, place: str) -> list[str]:
        for name in wanted.names:
            self._permit(table, name, place)
        if wanted.excluded or wanted.everything or wanted.empty:
            names = [name for name in self._default(table) if name not in wanted.excluded]
            if not wanted.excluded:
                names += [name for name in wanted.names if name not in names]
        else:
            names = list(dict.fromkeys(wanted.names))
        # The primary key is always there: without it a row cannot be addressed.
        if table.primary.name not in names:
            names.insert(0, table.primary.name)
        return names + [name for name in wanted.below if name not in names]

    def _default(self, table: Table) -> list[str]:
        columns = [name for name, column in table.columns.items() if self._sees(column)]
        relations = [
            name
            for name, relation in table.relations.items()
            if relation.kind.to_one and self._sees(relation)
        ]
        return columns + relations

    def _permit(self, table: Table, name: str, place: str) -> None:
        field = table.columns.get(name) or table.relations[name]
        if not self._sees(field):
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"{place}: you are not allowed to see the field '{name}' of '{table.name}'",
            )

    def _one(self, name: str, wanted: _Wanted, table: Table, place: str, depth: int) -> Selected:
        column = table.columns.get(name)
        if column is not None:
            if name in wanted.below:
                raise EnfyraError(
                    "INVALID_QUERY", f"{place}: '{name}' is a column and has no fields of its own"
                )
            return SelectedColumn(name, column)
        relation = table.relations[name]
        self._permit(table, name, place)
        if not relation.kind.to_one:
            raise EnfyraError(
                "INVALID_QUERY",
                f"{place}: '{name}' holds many records, which this version cannot expand",
                hint=f"Query '{relation.target}' with a filter on the relation instead",
            )
        target = self._snapshot.tables[relation.target]
        below = wanted.below.get(name)
        if below is None:
            selection: Selection = (SelectedColumn(target.primary.name, target.primary),)
        else:
            selection = self.select(below, target, f"{place}.{name}", depth + 1)
        return SelectedOne(
            name, relation, target, selection, _key_only(relation, target, selection)
        )


def _key_only(relation: Relation, target: Table, selection: Selection) -> bool:
    return (
        relation.holds_key
        and relation.referenced == target.primary.physical
        and len(selection) == 1
        and isinstance(selection[0], SelectedColumn)
        and selection[0].column is target.primary
    )
