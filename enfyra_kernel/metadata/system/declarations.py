"""The words in which the system tables are declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..definitions import (
    ColumnDefinition,
    Group,
    RelationDefinition,
    TableDefinition,
    timestamp_columns,
)
from ..tables import with_physical_names
from ..types import ColumnType, OnDelete, RelationKind

_SUFFIX = "_definition"
_ALIAS_EXCEPTIONS = {"gql_definition": "enfyra_graphql"}
_LANGUAGES = ["python", "javascript"]


def alias_of(name: str) -> str:
    """Give the newer spelling of a system table's name.

    Example:
        >>> alias_of("pre_hook_definition")
        'enfyra_pre_hook'
    """
    return _ALIAS_EXCEPTIONS.get(name, f"enfyra_{name.removesuffix(_SUFFIX)}")


class Declarations:
    """Collects the declarations; the ids it gives are provisional and negative."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {}
        self.columns: dict[str, list[ColumnDefinition]] = {}
        self.relations: list[tuple[str, str, dict[str, Any]]] = []
        self._last_id = 0
        self._table = ""

    def next_id(self) -> int:
        """Give a provisional id."""
        self._last_id -= 1
        return self._last_id

    def table(
        self,
        name: str,
        *,
        uuid: bool = False,
        uniques: tuple[Group, ...] = (),
        indexes: tuple[Group, ...] = (),
        single: bool = False,
        description: str | None = None,
    ) -> None:
        """Begin a table; the primary column comes with it."""
        self._table = name
        self.tables[name] = {
            "id": self.next_id(),
            "name": name,
            "alias": alias_of(name),
            "is_system": True,
            "is_single_record": single,
            "uniques": uniques,
            "indexes": indexes,
            "description": description,
        }
        self.columns[name] = []
        self.column(
            "id",
            ColumnType.UUID if uuid else ColumnType.INT,
            is_primary=True,
            is_generated=True,
            is_nullable=False,
            is_updatable=False,
        )

    def column(self, name: str, type_: ColumnType, **facts: Any) -> None:
        """Add a column of any type."""
        self.columns[self._table].append(
            ColumnDefinition(id=self.next_id(), name=name, type=type_, is_system=True, **facts)
        )

    def relation(
        self,
        kind: RelationKind,
        name: str,
        target: str,
        inverse: str | None = None,
        **facts: Any,
    ) -> None:
        """Add a relation, and its inverse where that has a name."""
        facts |= {"kind": kind, "target": target, "inverse": inverse}
        self.relations.append((self._table, name, facts))

    # -- one word for each kind of line ---------------------------------------------------------

    def text(self, *names: str, **facts: Any) -> None:
        """Add short texts."""
        for name in names:
            self.column(name, ColumnType.VARCHAR, **facts)

    def long(self, *names: str, **facts: Any) -> None:
        """Add texts of any length."""
        for name in names:
            self.column(name, ColumnType.TEXT, **facts)

    def flag(self, name: str, default: bool = False, **facts: Any) -> None:
        """Add a yes or no."""
        self.column(name, ColumnType.BOOLEAN, is_nullable=False, default_value=default, **facts)

    def number(self, name: str, default: int | None = None, **facts: Any) -> None:
        """Add a whole number."""
        self.column(name, ColumnType.INT, default_value=default, **facts)

    def json(self, *names: str, **facts: Any) -> None:
        """Add columns of any JSON."""
        for name in names:
            self.column(name, ColumnType.SIMPLE_JSON, **facts)

    def instant(self, *names: str) -> None:
        """Add points in time."""
        for name in names:
            self.column(name, ColumnType.DATETIME)

    def choice(
        self, name: str, values: list[str], default: str | None = None, **facts: Any
    ) -> None:
        """Add one of some texts."""
        self.column(name, ColumnType.ENUM, options=values, default_value=default, **facts)

    def enabled(self) -> None:
        """Add the switch that rows are turned off with."""
        self.flag("isEnabled", True)

    def system(self) -> None:
        """Add the mark of rows that the server brings along."""
        self.flag("isSystem")

    def described(self) -> None:
        """Add a description."""
        self.long("description")

    def script(self, *, timeout: bool = True) -> None:
        """Add source code, its language, and the milliseconds it may take."""
        self.column("sourceCode", ColumnType.CODE)
        self.choice("scriptLanguage", _LANGUAGES, "python")
        if timeout:
            self.number("timeout", 30_000)

    def to_one(self, name: str, target: str, inverse: str | None = None, **facts: Any) -> None:
        """Refer to one record, which may go."""
        self.relation(RelationKind.MANY_TO_ONE, name, target, inverse, **facts)

    def part_of(self, name: str, target: str, inverse: str | None = None, **facts: Any) -> None:
        """Refer to the record that this one is deleted with."""
        self.to_one(name, target, inverse, on_delete=OnDelete.CASCADE, **facts)

    def many(self, name: str, target: str, inverse: str | None = None) -> None:
        """Refer to many records, which belong to many of these."""
        self.relation(RelationKind.MANY_TO_MANY, name, target, inverse)

    # -- the outcome ----------------------------------------------------------------------------

    def build(self) -> tuple[TableDefinition, ...]:
        """Give the tables, with both sides of each relation."""
        sides: dict[str, list[RelationDefinition]] = {name: [] for name in self.tables}
        for source, name, facts in self.relations:
            owner = self._owner(source, name, facts)
            sides[source].append(owner)
            if facts["inverse"] is not None:
                sides[facts["target"]].append(self._inverse(owner, facts["inverse"]))
        return tuple(
            TableDefinition(
                **facts,
                columns=(*self.columns[name], *timestamp_columns(self.next_id)),
                relations=tuple(sides[name]),
            )
            for name, facts in self.tables.items()
        )

    def _owner(self, source: str, name: str, facts: Mapping[str, Any]) -> RelationDefinition:
        return with_physical_names(
            RelationDefinition(
                id=self.next_id(),
                type=facts["kind"],
                property_name=name,
                source=self.tables[source]["id"],
                target=self.tables[facts["target"]]["id"],
                is_nullable=facts.get("is_nullable", True),
                on_delete=facts.get("on_delete"),
                is_system=True,
            ),
            source,
            facts["target"],
        )

    def _inverse(self, owner: RelationDefinition, name: str) -> RelationDefinition:
        return RelationDefinition(
            id=self.next_id(),
            type=owner.type.inverse,
            property_name=name,
            source=owner.target,
            target=owner.source,
            mapped_by=owner.id,
            is_system=True,
        )
