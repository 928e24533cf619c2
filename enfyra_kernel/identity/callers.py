"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass

from .scopes import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A user in a request.

    Attributes:
        session: The login that the request belongs to; None for the owner of a Jupyter server.
        api_token: The API token that the request was sent with, by its id.
        scopes: What that token is for; None for everything that the user may do.
    """

    id: str
    email: str
    is_root: bool = False
    role: int | None = None
    session: str | None = None
    login_provider: str | None = None
    api_token: str | None = None
    scopes: tuple[Scope, ...] | None = None

    def permits(self, method: str, path: str) -> bool:
        """Say whether what the request was sent with is meant for a method of a path.

        What the user may do is another question; see `access`.

        Example:
            >>> from enfyra_kernel.identity.scopes import parse_scope
            >>> ann = Caller(id="1", email="ann@example.org", scopes=(parse_scope("GET /post/**"),))
            >>> ann.permits("GET", "/post/7"), ann.permits("DELETE", "/post/7")
            (True, False)
        """
        return self.scopes is None or any(scope.covers(method, path) for scope in self.scopes)
