"""Who may do what, as it is defined: permissions of routes and fields, row policies, guards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

_NOBODY: frozenset[str] = frozenset()

Action = Literal["read", "create", "update", "delete"]
ACTIONS: tuple[Action, ...] = ("read", "create", "update", "delete")


class RoutePermission(msgspec.Struct, frozen=True, kw_only=True):
    """Lets a role, or some users, use methods of a route.

    Attributes:
        users: Their ids.
    """

    id: int
    route: int
    role: int | None = None
    users: frozenset[str] = _NOBODY
    methods: frozenset[str] = frozenset()


class Grant(msgspec.Struct, frozen=True):
    """Whom a method of a route is open to by permissions: a role, or some users."""

    roles: frozenset[int] = frozenset()
    users: frozenset[str] = _NOBODY


Grants = Mapping[str, Grant]


def grants_by_route(permissions: Iterable[RoutePermission]) -> Mapping[int, Grants]:
    """Put permissions together: for each route, by method, whom they let in.

    Example:
        >>> get, ann = frozenset({"GET"}), frozenset({"ann"})
        >>> of_role = RoutePermission(id=1, route=7, role=2, methods=get)
        >>> of_ann = RoutePermission(id=2, route=7, users=ann, methods=get)
        >>> grants_by_route([of_role, of_ann])[7]["GET"]
        Grant(roles=frozenset({2}), users=frozenset({'ann'}))
    """
    roles: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
    users: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for permission in permissions:
        for method in permission.methods:
            place = (permission.route, method)
            users[place] |= permission.users
            roles[place] |= set() if permission.role is None else {permission.role}
    found: defaultdict[int, dict[str, Grant]] = defaultdict(dict)
    for (route, method), some in users.items():
        found[route][method] = Grant(frozenset(roles[route, method]), frozenset(some))
    return found


class FieldPermission(msgspec.Struct, frozen=True, kw_only=True):
    """Lets somebody use a field, or keeps them from it.

    Attributes:
        column: The id of the column; None where it is about a relation.
        relation: The id of the relation.
        role: Whom it is about; None for everybody, unless there are `users`.
        users: Whom alone it is about, whatever their role.
        condition: The records that it is about, as a filter; None for all.
    """

    id: int
    column: int | None = None
    relation: int | None = None
    action: str = "read"
    effect: str = "allow"
    role: int | None = None
    users: frozenset[str] = _NOBODY
    condition: Any = None


class RowPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Names the records that somebody may read, create, change or delete.

    Attributes:
        action: One of them, or `all`.
        role: Whom it is about; None for everybody, unless there are `users`.
        filter: The records, as a filter; None for all.
    """

    id: int
    name: str
    table: int
    action: str = "all"
    role: int | None = None
    users: frozenset[str] = _NOBODY
    filter: Any = None


class GuardDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that requests must meet, made of rules and of other guards.

    Attributes:
        position: Before or after it is known who calls; None in a guard that is part of another.
        route: The id of its route; None for one of all routes, or of none.
        methods: The methods that it is for; empty for all.
    """

    id: int
    name: str
    position: str | None = None
    combinator: str = "and"
    priority: int = 0
    is_global: bool = False
    parent: int | None = None
    route: int | None = None
    methods: frozenset[str] = frozenset()


class GuardRuleDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a guard.

    Attributes:
        users: Whom alone it is for; empty for all.
    """

    id: int
    guard: int
    type: str
    config: Any = None
    priority: int = 0
    users: frozenset[str] = _NOBODY


class Permissions(msgspec.Struct, frozen=True):
    """All that is defined and enabled of who may do what.

    Attributes:
        origins: The web origins whose pages may call.
    """

    routes: tuple[RoutePermission, ...] = ()
    fields: tuple[FieldPermission, ...] = ()
    rows: tuple[RowPolicy, ...] = ()
    guards: tuple[GuardDefinition, ...] = ()
    guard_rules: tuple[GuardRuleDefinition, ...] = ()
    origins: tuple[str, ...] = ()
