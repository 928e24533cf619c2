"""Route policy: which methods of a route a caller may use.

Access and identity are rooms of one floor and do not know each other; a caller is anybody who has
an id, perhaps a role, and `is_root`. What decides is compiled into the routes of a Snapshot: a
request costs a look-up or two.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from ..errors import EnfyraError
from ..metadata.routes import Route


class Asking(Protocol):
    """Whoever asks."""

    @property
    def id(self) -> str:
        """The user's id."""
        ...

    @property
    def role(self) -> int | None:
        """The id of the user's role."""
        ...

    @property
    def is_root(self) -> bool:
        """Whether everything is allowed."""
        ...


class Ruling(StrEnum):
    """What decides about a method of a route, in the order in which it is looked at."""

    PUBLIC = "public"
    NOBODY = "nobody"
    LOGGED_IN = "logged_in"
    ROOT = "root"
    ROLE = "role"
    USER = "user"
    NO_PERMISSION = "no_permission"

    @property
    def allows(self) -> bool:
        """Whether the method may be used."""
        return self not in _REFUSING


_REFUSING = frozenset({Ruling.NOBODY, Ruling.NO_PERMISSION})


def decide(route: Route, method: str, caller: Asking | None) -> Ruling:
    """Say whether a caller may use a method of a route, and what decides that.

    Methods that a route publishes are open to everybody; some are open to whoever is logged in;
    the rest is for administrators, and for whom a permission names by role or account.

    Example:
        >>> from enfyra_kernel.metadata.definitions import RouteDefinition
        >>> from enfyra_kernel.metadata.routes import make_route
        >>> get = frozenset({"GET"})
        >>> route = make_route(RouteDefinition(id=1, path="/post", public=get), None)
        >>> decide(route, "GET", None), decide(route, "POST", None)
        (<Ruling.PUBLIC: 'public'>, <Ruling.NOBODY: 'nobody'>)
    """
    if method in route.public:
        return Ruling.PUBLIC
    if caller is None:
        return Ruling.NOBODY
    if method in route.skip_role_guard:
        return Ruling.LOGGED_IN
    if caller.is_root:
        return Ruling.ROOT
    grant = route.grants.get(method)
    if grant is not None:
        if caller.role in grant.roles:
            return Ruling.ROLE
        if caller.id in grant.users:
            return Ruling.USER
    return Ruling.NO_PERMISSION


def authorize(route: Route, method: str, caller: Asking | None) -> None:
    """Refuse a request that the route does not allow.

    Raises:
        EnfyraError: AUTHENTICATION_ERROR for nobody, AUTHORIZATION_ERROR for somebody else.
    """
    ruling = decide(route, method, caller)
    if ruling is Ruling.NOBODY:
        raise EnfyraError("AUTHENTICATION_ERROR")
    if ruling is Ruling.NO_PERMISSION:
        raise EnfyraError(
            "AUTHORIZATION_ERROR",
            f"You are not allowed to {method} {route.path}",
            hint="An administrator can allow it: by a permission of the route for your role "
            "or account (route_permission_definition)",
        )


def open_methods(route: Route, caller: Asking | None) -> frozenset[str]:
    """Give the methods of a route that a caller may use."""
    return frozenset(method for method in route.available if decide(route, method, caller).allows)
