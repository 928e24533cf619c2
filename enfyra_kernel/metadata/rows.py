"""From the rows of the system tables to definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from .definitions import (
    ColumnDefinition,
    RelationDefinition,
    RouteDefinition,
    RuleDefinition,
    TableDefinition,
)
from .hooks import (
    DEFAULT_LANGUAGE,
    DEFAULT_TIMEOUT,
    POST,
    PRE,
    HandlerDefinition,
    HookDefinition,
    Scripts,
)
from .system import SECRETS
from .types import OnDelete, RelationKind

_STAGES: tuple[tuple[str, Literal["pre", "post"]], ...] = (
    ("pre_hook_definition", PRE),
    ("post_hook_definition", POST),
)
_TABLES_WITH_SECRETS = frozenset(table for table, _ in SECRETS)


class Ref(msgspec.Struct, frozen=True):
    """A related record, as default answers show it."""

    id: int


class TableRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of `table_definition`."""

    id: int
    name: str
    alias: str | None
    is_system: bool
    is_single_record: bool
    is_adopted: bool
    uniques: tuple[tuple[str, ...], ...] | None
    indexes: tuple[tuple[str, ...], ...] | None
    description: str | None
    metadata: Any
    validate_body: bool
    physical_name: str | None
    read_only: str | None
    key_fields: tuple[str, ...] | None


class ColumnOwner(msgspec.Struct, frozen=True):
    """What a row of `column_definition` has beside its `ColumnDefinition`."""

    table: Ref


class RelationRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of `relation_definition`."""

    id: int
    type: RelationKind
    property_name: str
    is_nullable: bool
    on_delete: OnDelete | None
    is_system: bool
    is_published: bool
    is_updatable: bool
    description: str | None
    metadata: Any
    foreign_key_column: str | None
    referenced_column: str | None
    constraint_name: str | None
    junction_table_name: str | None
    junction_source_column: str | None
    junction_target_column: str | None
    source_table: Ref
    target_table: Ref
    mapped_by: Ref | None


class RuleRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of `column_rule_definition`."""

    id: int
    rule_type: str
    value: Any
    message: str | None
    is_enabled: bool
    description: str | None
    column: Ref | None
    relation: Ref | None


class RouteRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of `route_definition`."""

    id: int
    path: str
    is_enabled: bool
    is_system: bool
    icon: str | None
    description: str | None
    main_table: Ref | None


class ScriptRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of one of the tables of scripts."""

    id: int
    source_code: str | None
    script_language: str | None
    timeout: int | None
    route: Ref | None
    name: str = ""
    priority: int = 0
    is_enabled: bool = True
    is_global: bool = False
    method: Ref | None = None


class MethodRow(msgspec.Struct, frozen=True):
    """A row of `method_definition`."""

    id: int
    name: str


class LinkRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of a junction."""

    source_id: int
    target_id: int


def assemble_tables(
    tables: Iterable[TableRow],
    columns: Iterable[tuple[int, ColumnDefinition]],
    relations: Iterable[RelationRow],
    rules: Iterable[RuleRow] = (),
) -> dict[int, TableDefinition]:
    """Put tables together with columns, relations and rules, each in the order of their ids.

    Args:
        columns: With the id of the table that each belongs to.
    """
    column_rows: defaultdict[int, list[ColumnDefinition]] = defaultdict(list)
    relation_rows: defaultdict[int, list[RelationDefinition]] = defaultdict(list)
    of_columns, of_relations = _rules_by_field(rules)
    for table, column in columns:
        if column.id in of_columns:
            column = msgspec.structs.replace(column, rules=of_columns[column.id])
        column_rows[table].append(column)
    for relation in relations:
        relation_rows[relation.source_table.id].append(
            _relation(relation, of_relations.get(relation.id, ()))
        )
    return {
        row.id: TableDefinition(
            id=row.id,
            name=row.name,
            alias=row.alias,
            is_system=row.is_system,
            is_single_record=row.is_single_record,
            is_adopted=row.is_adopted,
            uniques=row.uniques or (),
            indexes=row.indexes or (),
            description=row.description,
            metadata=row.metadata,
            validate_body=row.validate_body,
            physical_name=row.physical_name,
            read_only=row.read_only,
            key_fields=row.key_fields,
            columns=_ordered_columns(row.name, column_rows[row.id]),
            relations=tuple(sorted(relation_rows[row.id], key=lambda one: one.id)),
        )
        for row in tables
    }


def decode_columns(rows: bytes) -> Iterable[tuple[int, ColumnDefinition]]:
    """Read rows of `column_definition`: the id of the table, and the column.

    There are tens of thousands of them in a large project, so none is copied; decoding twice is
    ten times faster.
    """
    owners = msgspec.json.decode(rows, type=list[ColumnOwner])
    columns = msgspec.json.decode(rows, type=list[ColumnDefinition])
    return zip((owner.table.id for owner in owners), columns, strict=True)


def _ordered_columns(table: str, rows: list[ColumnDefinition]) -> tuple[ColumnDefinition, ...]:
    # The timestamps come last, also behind columns that were added after them.
    ordered = sorted(
        rows, key=lambda one: (one.is_system and one.is_generated and not one.is_primary, one.id)
    )
    if table not in _TABLES_WITH_SECRETS:
        return tuple(ordered)
    return tuple(
        msgspec.structs.replace(one, is_secret=(table, one.name) in SECRETS) for one in ordered
    )


def _rules_by_field(
    rows: Iterable[RuleRow],
) -> tuple[dict[int, tuple[RuleDefinition, ...]], dict[int, tuple[RuleDefinition, ...]]]:
    """Give the rules of columns, and those of relations, by the field's id."""
    of_columns: dict[int, tuple[RuleDefinition, ...]] = {}
    of_relations: dict[int, tuple[RuleDefinition, ...]] = {}
    for row in rows:
        owner = row.column or row.relation
        rule = RuleDefinition(
            id=row.id,
            rule_type=row.rule_type,
            value=row.value,
            message=row.message,
            is_enabled=row.is_enabled,
            description=row.description,
        )
        if owner is not None:
            rules = of_columns if row.column is not None else of_relations
            rules[owner.id] = (*rules.get(owner.id, ()), rule)
    return of_columns, of_relations


def _relation(row: RelationRow, rules: tuple[RuleDefinition, ...]) -> RelationDefinition:
    return RelationDefinition(
        id=row.id,
        type=row.type,
        property_name=row.property_name,
        source=row.source_table.id,
        target=row.target_table.id,
        mapped_by=row.mapped_by.id if row.mapped_by is not None else None,
        is_nullable=row.is_nullable,
        on_delete=row.on_delete,
        is_system=row.is_system,
        is_published=row.is_published,
        is_updatable=row.is_updatable,
        description=row.description,
        metadata=row.metadata,
        foreign_key_column=row.foreign_key_column,
        referenced_column=row.referenced_column,
        constraint_name=row.constraint_name,
        junction_table_name=row.junction_table_name,
        junction_source_column=row.junction_source_column,
        junction_target_column=row.junction_target_column,
        rules=rules,
    )


def assemble_routes(
    routes: Iterable[RouteRow],
    methods: Iterable[MethodRow],
    links: Mapping[str, Iterable[LinkRow]],
) -> dict[int, RouteDefinition]:
    """Put routes together with their methods.

    Args:
        routes: Rows of `route_definition`.
        methods: All rows of `method_definition`.
        links: Junction rows by the property that they belong to.
    """
    names = {method.id: method.name for method in methods}
    by_property: dict[str, defaultdict[int, set[str]]] = {}
    for property_name, rows in links.items():
        found: defaultdict[int, set[str]] = defaultdict(set)
        for link in rows:
            found[link.source_id].add(names[link.target_id])
        by_property[property_name] = found
    return {
        row.id: RouteDefinition(
            id=row.id,
            path=row.path,
            is_enabled=row.is_enabled,
            is_system=row.is_system,
            main_table=row.main_table.id if row.main_table is not None else None,
            available=frozenset(by_property["availableMethods"][row.id]),
            public=frozenset(by_property["publicMethods"][row.id]),
            skip_role_guard=frozenset(by_property["skipRoleGuardMethods"][row.id]),
            icon=row.icon,
            description=row.description,
        )
        for row in routes
    }


def assemble_scripts(
    rows: Mapping[str, Iterable[ScriptRow]],
    methods: Iterable[MethodRow],
    links: Mapping[str, Iterable[LinkRow]],
) -> Scripts:
    """Put hooks together with their methods, and handlers with their one.

    Args:
        rows: Rows by the table of scripts that they are of.
        methods: All rows of `method_definition`.
        links: Junction rows of hooks' methods, by table.
    """
    names = {method.id: method.name for method in methods}
    hooks: list[HookDefinition] = []
    for table, stage in _STAGES:
        found: defaultdict[int, set[str]] = defaultdict(set)
        for link in links[table]:
            found[link.source_id].add(names[link.target_id])
        hooks += (_hook(row, stage, found[row.id]) for row in rows[table])
    handlers = tuple(
        HandlerDefinition(
            id=row.id,
            route=row.route.id,
            method=names[row.method.id],
            source=row.source_code or "",
            language=row.script_language or DEFAULT_LANGUAGE,
            timeout=row.timeout or DEFAULT_TIMEOUT,
        )
        for row in rows["route_handler_definition"]
        if row.route is not None and row.method is not None
    )
    return Scripts(tuple(hooks), handlers)


def _hook(row: ScriptRow, stage: Literal["pre", "post"], methods: Iterable[str]) -> HookDefinition:
    return HookDefinition(
        id=row.id,
        name=row.name,
        stage=stage,
        source=row.source_code or "",
        language=row.script_language or DEFAULT_LANGUAGE,
        timeout=row.timeout or DEFAULT_TIMEOUT,
        priority=row.priority,
        is_enabled=row.is_enabled,
        is_global=row.is_global,
        route=row.route.id if row.route is not None else None,
        methods=frozenset(methods),
    )
