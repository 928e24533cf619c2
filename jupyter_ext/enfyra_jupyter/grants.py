"""Who may use which methods of which routes: read, granted, revoked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enfyra_kernel.errors import did_you_mean

from .client import ApiError, Client

EVERYBODY = "everybody"
LOGGED_IN = "logged-in"
ALL = "ALL"
_OPEN = {EVERYBODY: "publicMethods", LOGGED_IN: "skipRoleGuardMethods"}
_ORDER = ("GET", "POST", "PATCH", "PUT", "DELETE")
_PERMISSIONS = "/route_permission_definition"
_FIELDS = "id,role.name,methods.name,allowedUsers.email,route.path,isEnabled"


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """A route, as far as it matters here: its methods, and to whom they are open by themselves."""

    id: int
    path: str
    is_system: bool
    available: tuple[str, ...]
    open: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission of a route."""

    id: int
    path: str
    role: str | None
    users: frozenset[str]
    methods: frozenset[str]

    def names(self, who: str) -> bool:
        """Say whether it lets in a role or an account."""
        return who in self.users if "@" in who else who == self.role

    def alone(self, who: str) -> bool:
        """Say whether it lets in nobody else."""
        return self.names(who) and len(self.users) + (self.role is not None) == 1


class Grants:
    """Reads and writes what lets people in.

    `who` is the name of a role, the e-mail address of an account, `everybody`, or `logged-in`.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # -- reading --------------------------------------------------------------------------------

    def roles(self) -> list[dict[str, Any]]:
        """Give the roles."""
        return self._rows("/role_definition", "id,name,description")

    def routes(self) -> list[RouteFacts]:
        """Give the routes, by path."""
        fields = (
            "id,path,isSystem,availableMethods.name,publicMethods.name,skipRoleGuardMethods.name"
        )
        rows = self._rows("/route_definition", fields)
        return sorted(map(_route, rows), key=lambda one: one.path)

    def permissions(self) -> list[Permission]:
        """Give the permissions that count."""
        return [
            Permission(
                row["id"],
                row["route"]["path"],
                row["role"]["name"] if row["role"] else None,
                frozenset(one["email"] for one in row["allowedUsers"]),
                frozenset(one["name"] for one in row["methods"]),
            )
            for row in self._rows(_PERMISSIONS, _FIELDS)
            if row["isEnabled"] and row["route"]
        ]

    def _rows(self, path: str, fields: str) -> list[dict[str, Any]]:
        return list(self._client.get(path, fields=fields, limit=0, sort="id")["data"])

    # -- writing --------------------------------------------------------------------------------

    def grant(self, who: str, methods: Sequence[str], path: str) -> frozenset[str]:
        """Let somebody use methods of a route; give all that he may by the same rule.

        Raises:
            ApiError: With the nearest name, for who or what there is not.
        """
        route, chosen = self._chosen(methods, path)
        if who in _OPEN:
            return self._open(route, who, route.open[who] | chosen)
        known = self._known(who)
        mine = [one for one in self.permissions() if one.path == path and one.alone(known)]
        if mine:
            wanted = mine[0].methods | chosen
            self._client.patch(f"{_PERMISSIONS}/{mine[0].id}", {"methods": in_order(wanted)})
            return wanted
        self._client.post(
            _PERMISSIONS, {"route": path, **_names(known), "methods": in_order(chosen)}
        )
        return chosen

    def revoke(self, who: str, methods: Sequence[str], path: str) -> frozenset[str]:
        """Take methods of a route back from somebody; give what remains."""
        route, chosen = self._chosen(methods, path)
        if who in _OPEN:
            return self._open(route, who, route.open[who] - chosen)
        known = self._known(who)
        remaining: frozenset[str] = frozenset()
        for one in self.permissions():
            if one.path != path or not one.names(known):
                continue
            left = one.methods - chosen
            remaining |= left
            if left != one.methods:
                self._take(one, known, left)
        return remaining

    def _take(self, permission: Permission, who: str, left: frozenset[str]) -> None:
        """Leave somebody these methods of a permission, and others all of theirs."""
        place = f"{_PERMISSIONS}/{permission.id}"
        if permission.alone(who):
            if left:
                self._client.patch(place, {"methods": in_order(left)})
            else:
                self._client.send("DELETE", place)
            return
        users = sorted(permission.users - {who})
        self._client.patch(place, {"allowedUsers": users} if "@" in who else {"role": None})
        if left:
            body = {"route": permission.path, **_names(who), "methods": in_order(left)}
            self._client.post(_PERMISSIONS, body)

    def _open(self, route: RouteFacts, who: str, methods: frozenset[str]) -> frozenset[str]:
        body = {_OPEN[who]: in_order(methods)}
        self._client.patch(f"/route_definition/{route.id}", body)
        return methods

    # -- names ----------------------------------------------------------------------------------

    def _chosen(self, methods: Sequence[str], path: str) -> tuple[RouteFacts, frozenset[str]]:
        routes = {one.path: one for one in self.routes()}
        route = routes.get(path)
        if route is None:
            raise ApiError(
                "ROUTE_NOT_FOUND", f"There is no route {path}.{did_you_mean(path, routes)}"
            )
        upper = [one.upper() for one in methods]
        chosen = frozenset(route.available) if upper == [ALL] else frozenset(upper)
        for one in sorted(chosen - set(route.available)):
            hint = did_you_mean(one, route.available)
            raise ApiError("METHOD_NOT_ALLOWED", f"{path} does not answer {one}.{hint}")
        if not chosen:
            raise ApiError("INVALID_BODY", "Name a method, as in GET,POST")
        return route, chosen

    def _known(self, who: str) -> str:
        """Give a role's name or an account's address as it is stored."""
        if "@" in who:
            wanted = who.strip().lower()
            names = [one["email"] for one in self._rows("/user_definition", "id,email")]
        else:
            wanted = who
            names = [one["name"] for one in self.roles()]
        if wanted not in names:
            kind = "account" if "@" in who else "role"
            known = [*names, *_OPEN]
            hint = did_you_mean(wanted, known)
            if not hint and kind == "role":
                hint = f" There are: {', '.join(known)}"
            raise ApiError("RESOURCE_NOT_FOUND", f"There is no {kind} '{who}'.{hint}")
        return wanted


def in_order(methods: Iterable[str]) -> list[str]:
    """Give methods in the order in which people read them.

    Example:
        >>> in_order({"DELETE", "POST", "GET"})
        ['GET', 'POST', 'DELETE']
    """
    return sorted(methods, key=lambda one: (_ORDER.index(one) if one in _ORDER else 9, one))


def _names(who: str) -> dict[str, Any]:
    return {"allowedUsers": [who]} if "@" in who else {"role": who}


def _route(row: Mapping[str, Any]) -> RouteFacts:
    def names(field: str) -> tuple[str, ...]:
        return tuple(in_order(one["name"] for one in row[field]))

    return RouteFacts(
        row["id"],
        row["path"],
        bool(row["isSystem"]),
        names("availableMethods"),
        {who: frozenset(names(field)) for who, field in _OPEN.items()},
    )
