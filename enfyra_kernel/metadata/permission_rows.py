"""From the rows of the tables of permissions to definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .permissions import (
    FieldPermission,
    GuardDefinition,
    GuardRuleDefinition,
    Permissions,
    RoutePermission,
    RowPolicy,
)
from .rows import LinkRow, MethodRow, Ref


class PermissionRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of any table of permissions; what a table does not have is None."""

    id: int
    is_enabled: bool = True
    name: str | None = None
    action: str | None = None
    effect: str | None = None
    condition: Any = None
    filter: Any = None
    position: str | None = None
    combinator: str | None = None
    priority: int = 0
    is_global: bool = False
    type: str | None = None
    config: Any = None
    origin: str | None = None
    role: Ref | None = None
    route: Ref | None = None
    table: Ref | None = None
    column: Ref | None = None
    relation: Ref | None = None
    parent: Ref | None = None
    guard: Ref | None = None


class UserLinkRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of a junction to users."""

    source_id: int
    target_id: str


def assemble_permissions(
    rows: Mapping[str, Iterable[PermissionRow]],
    methods: Iterable[MethodRow],
    method_links: Mapping[str, Iterable[LinkRow]],
    user_links: Mapping[str, Iterable[UserLinkRow]],
) -> Permissions:
    """Put permissions together with their methods and users; what is disabled is left out.

    Args:
        rows: By table.
        methods: All rows of `method_definition`.
        method_links: Junction rows of methods, by table.
        user_links: Junction rows of users, by table.
    """
    names = {method.id: method.name for method in methods}
    methods_of = {
        table: _sets((link.source_id, names[link.target_id]) for link in links)
        for table, links in method_links.items()
    }
    users_of = {
        table: _sets((link.source_id, link.target_id) for link in links)
        for table, links in user_links.items()
    }
    enabled = {table: [row for row in some if row.is_enabled] for table, some in rows.items()}
    return Permissions(
        routes=tuple(
            RoutePermission(
                id=row.id, route=row.route.id, role=_id(row.role),
                users=frozenset(users_of["route_permission_definition"][row.id]),
                methods=frozenset(methods_of["route_permission_definition"][row.id]),
            )
            for row in enabled["route_permission_definition"] if row.route is not None
        ),
        fields=tuple(
            FieldPermission(
                id=row.id, column=_id(row.column), relation=_id(row.relation),
                action=row.action or "read", effect=row.effect or "allow", role=_id(row.role),
                users=frozenset(users_of["field_permission_definition"][row.id]),
                condition=row.condition,
            )
            for row in enabled["field_permission_definition"]
        ),
        rows=tuple(
            RowPolicy(
                id=row.id, name=row.name or "", table=row.table.id, action=row.action or "all",
                role=_id(row.role), users=frozenset(users_of["row_policy_definition"][row.id]),
                filter=row.filter,
            )
            for row in enabled["row_policy_definition"] if row.table is not None
        ),
        guards=tuple(
            GuardDefinition(
                id=row.id, name=row.name or "", position=row.position,
                combinator=row.combinator or "and", priority=row.priority,
                is_global=row.is_global, parent=_id(row.parent), route=_id(row.route),
                methods=frozenset(methods_of["guard_definition"][row.id]),
            )
            for row in enabled["guard_definition"]
        ),
        guard_rules=tuple(
            GuardRuleDefinition(
                id=row.id, guard=row.guard.id, type=row.type or "", config=row.config,
                priority=row.priority, users=frozenset(users_of["guard_rule_definition"][row.id]),
            )
            for row in enabled["guard_rule_definition"] if row.guard is not None
        ),
        origins=tuple(
            row.origin for row in enabled["cors_origin_definition"] if row.origin is not None
        ),
    )  # fmt: skip


def _id(ref: Ref | None) -> int | None:
    return ref.id if ref is not None else None


def _sets(pairs: Iterable[tuple[int, str]]) -> defaultdict[int, set[str]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    for source, target in pairs:
        found[source].add(target)
    return found
