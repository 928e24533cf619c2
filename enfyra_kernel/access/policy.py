"""Route policy: which methods of a route a caller may use.

Access and identity are rooms of one floor and do not know each other; a caller is anybody who has
`is_root`.
"""

from __future__ import annotations

from typing import Protocol

from ..errors import EnfyraError
from ..metadata.routes import Route


class Asking(Protocol):
    """Whoever asks."""

    @property
    def is_root(self) -> bool:
        """Whether everything is allowed."""
        ...


def authorize(route: Route, method: str, caller: Asking | None) -> None:
    """Refuse a request that the route does not allow.

    Methods that a route publishes are open to everybody; some are open to whoever is logged in;
    the rest is for administrators.

    Raises:
        EnfyraError: AUTHENTICATION_ERROR for nobody, AUTHORIZATION_ERROR for somebody else.
    """
    if method in route.public:
        return
    if caller is None:
        raise EnfyraError("AUTHENTICATION_ERROR")
    if method in route.skip_role_guard or caller.is_root:
        return
    raise EnfyraError("AUTHORIZATION_ERROR", f"You are not allowed to {method} {route.path}")
