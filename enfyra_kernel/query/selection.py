"""Which fields an answer has: names, wildcards, exclusions, and relations below them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..errors import EnfyraError
from ..metadata.definitions import ColumnDefinition
from ..metadata.tables import Relation, Table
from ..metadata.types import ColumnType
from .ast import Deep, Filter, Operator, SortKey
from .conditions import Conditions, key_is_here
from .orderings import resolve_order
from .predicates import Ordering, Predicate, both
from .slots import Slot, Slots
from .visibility import Names

MAX_DEPTH = 7
MAX_PATH = 50
MAX_RELATIONS = 100
DEFAULT_LIMIT = 10


@dataclass(frozen=True, slots=True)
class SelectedColumn:
    """A column in the answer.

    Attributes:
        visible: The condition on the record for the value to be shown; otherwise it is null.
    """

    name: str
    column: ColumnDefinition
    visible: Predicate | None = None


@dataclass(frozen=True, slots=True)
class SelectedOne:
    """A to-one relation in the answer: an object, or null where there is none that meets `where`.

    Attributes:
        key_only: Whether only the related record's key is asked for, which needs no join.
        visible: The condition on the record for the relation to be shown; otherwise it is null.
    """

    name: str
    relation: Relation
    target: Table
    selection: Selection
    key_only: bool
    where: Predicate | None = None
    visible: Predicate | None = None


@dataclass(frozen=True, slots=True)
class SelectedMany:
    """A to-many relation in the answer: a list of objects.

    Attributes:
        order: Always ends with the primary key.
        limit: The slot of the most records for each record; None for `DEFAULT_LIMIT`.
        offset: The slot of the number of records to pass over; None for none.
    """

    name: str
    relation: Relation
    target: Table
    selection: Selection
    where: Predicate | None
    order: tuple[Ordering, ...]
    limit: int | None
    offset: int | None


Selected = SelectedColumn | SelectedOne | SelectedMany
Selection = tuple[Selected, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a query may go.

    Attributes:
        depth: The most relations on the way to a field.
        rows: The most records in one list of an answer.
    """

    depth: int = MAX_DEPTH
    rows: int = 10_000


class _Wanted:
    """What is asked for of one table, collected from all spellings."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.excluded: set[str] = set()
        self.everything = False
        self.below: dict[str, _Wanted] = {}
        self.empty = True
        self.options: Deep | None = None

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

    def take(self, one: Deep) -> None:
        """Add what `deep` says of a relation of this table."""
        mine = self.relation(one.relation)
        inner = _Wanted()
        for field in one.fields or ():
            inner.add(field)
        mine.names += inner.names
        mine.excluded |= inner.excluded
        # Without fields of its own, `deep` does not widen what `fields` names.
        mine.everything |= inner.everything or (inner.empty and mine.empty)
        mine.empty &= inner.empty
        for name, below in inner.below.items():
            mine.below.setdefault(name, below)
        mine.options = one
        for deeper in one.deep:
            mine.take(deeper)


@dataclass(slots=True)
class Selector:
    """Resolves what an answer shall hold.

    Without `fields`: every column the caller may see, and each relation as the keys of its
    records. An excluded name (`-content`) turns its level into "all but".
    """

    names: Names
    slots: Slots
    limits: Limits
    relations: int = 0

    def resolve(
        self, fields: Iterable[str] | None, deep: tuple[Deep, ...], table: Table
    ) -> Selection:
        """Resolve the selection of a query on a table."""
        wanted = _Wanted()
        for field in fields or ():
            wanted.add(field)
        for one in deep:
            wanted.take(one)
        return self._select(wanted, table, "fields", 0)

    def _select(self, wanted: _Wanted, table: Table, place: str, depth: int) -> Selection:
        if depth > self.limits.depth:
            raise EnfyraError(
                "INVALID_QUERY",
                f"{place}: relations can be followed {self.limits.depth} deep at most",
            )
        for name in (*wanted.names, *wanted.excluded, *wanted.below):
            if name not in table.columns and name not in table.relations:
                raise self.names.unknown(table, name, place)
        for name in wanted.excluded:
            if name in wanted.names or name in wanted.below:
                raise EnfyraError(
                    "INVALID_QUERY", f"{place}: '{name}' is both asked for and left out"
                )
        return tuple(
            self._one(name, wanted, table, place, depth)
            for name in self._names(wanted, table, place)
        )

    def _names(self, wanted: _Wanted, table: Table, place: str) -> list[str]:
        for name in wanted.names:
            self._permit(table, name, place)
        if wanted.excluded or wanted.everything or wanted.empty:
            names = [name for name in self.names.access.names(table) if name not in wanted.excluded]
            if not wanted.excluded:
                names += [name for name in wanted.names if name not in names]
        else:
            names = list(dict.fromkeys(wanted.names))
        # The primary key is always there: without it a row cannot be addressed.
        if table.primary.name not in names:
            names.insert(0, table.primary.name)
        return names + [name for name in wanted.below if name not in names]

    def _permit(self, table: Table, name: str, place: str) -> None:
        field = table.columns.get(name) or table.relations[name]
        if not self.names.access.sees(field):
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
            return self._column(table, column)
        relation = table.relations[name]
        self._permit(table, name, place)
        self._count(place)
        target = self.names.target(relation)
        below = wanted.below.get(name)
        inner = f"{place}.{name}"
        if below is None:
            selection: Selection = tuple(
                self._column(target, one)
                for one in target.keys
                if one is target.primary or self.names.access.sees(one)
            )
            options = None
        else:
            selection = self._select(below, target, inner, depth + 1)
            options = below.options
        if relation.kind.to_one:
            one = self._to_one(relation, target, selection, options, inner)
            return replace(one, visible=self.names.visible(table, relation))
        return self._to_many(relation, target, selection, options, inner)

    def _column(self, table: Table, column: ColumnDefinition) -> SelectedColumn:
        visible = None if column.is_primary else self.names.visible(table, column)
        return SelectedColumn(column.name, column, visible)

    def _count(self, place: str) -> None:
        self.relations += 1
        if self.relations > MAX_RELATIONS:
            raise EnfyraError(
                "INVALID_QUERY",
                f"{place}: a query can show {MAX_RELATIONS} relations at most",
                hint="Name the fields that you need, instead of *",
            )

    def _to_one(
        self,
        relation: Relation,
        target: Table,
        selection: Selection,
        options: Deep | None,
        place: str,
    ) -> SelectedOne:
        where = None
        if options is not None:
            for name, given in (("sort", options.sort), ("limit", options.limit is not None)):
                if given:
                    raise EnfyraError(
                        "INVALID_QUERY",
                        f"{_deep(place)}: '{relation.name}' holds one record, "
                        f"{name} is for relations to many",
                    )
            where = self._where(options.where, target, place)
        where = both(where, self.names.rows(target))
        key_only = where is None and _key_only(relation, target, selection)
        return SelectedOne(relation.name, relation, target, selection, key_only, where)

    def _to_many(
        self,
        relation: Relation,
        target: Table,
        selection: Selection,
        options: Deep | None,
        place: str,
    ) -> SelectedMany:
        sort: tuple[SortKey, ...] = options.sort if options is not None else ()
        where = self._where(options.where, target, place) if options is not None else None
        where = both(where, self.names.rows(target))
        limit = options.limit if options is not None else None
        offset = options.offset if options is not None else None
        named = _deep(place)
        if limit is not None:
            slot = Slot("limit", ColumnType.BIGINT, Operator.EQ, self._read_limit, named)
            self.slots.add(limit, slot)
        if offset is not None:
            slot = Slot("page", ColumnType.BIGINT, Operator.EQ, int, named)
            self.slots.add(offset, slot)
        order = resolve_order(sort, target, self.names, f"{named}.sort")
        return SelectedMany(relation.name, relation, target, selection, where, order, limit, offset)

    def _where(self, where: Filter | None, target: Table, place: str) -> Predicate | None:
        if where is None:
            return None
        return Conditions(self.names, self.slots, f"{_deep(place)}.filter").resolve(where, target)

    def _read_limit(self, value: Any) -> int:
        if value > self.limits.rows:
            raise ValueError(f"must be at most {self.limits.rows}")
        return value or self.limits.rows


def _deep(place: str) -> str:
    return f"deep.{place.removeprefix('fields.')}"


def _key_only(relation: Relation, target: Table, selection: Selection) -> bool:
    return (
        key_is_here(relation, target)
        and len(selection) == 1
        and isinstance(selection[0], SelectedColumn)
        and selection[0].column is target.primary
    )
