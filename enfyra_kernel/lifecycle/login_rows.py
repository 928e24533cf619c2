"""Rows of logins and API tokens over their tables' routes: deleting one ends what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import EnfyraError
from ..identity.api_tokens import API_TOKEN
from ..identity.session_rows import SESSION
from ..identity.users import Users
from ..identity.verified import Revocations, Revoked
from .context import Context

_REVOKED: Mapping[str, Callable[[str], Revoked]] = {
    SESSION: lambda id_: Revoked(sessions=(id_,)),
    API_TOKEN: lambda id_: Revoked(tokens=(id_,)),
}


class LoginRows:
    """Says who may end a login or API token by its row, and has its tokens refused at once."""

    def __init__(self, users: Users, revocations: Revocations) -> None:
        self._users = users
        self._revocations = revocations

    def holds(self, table: str) -> bool:
        """Say whether rows of a table are logins or API tokens."""
        return table in _REVOKED

    async def check(self, context: Context, row: Mapping[str, Any]) -> None:
        """Refuse to end what is an administrator's, or what an API token must not end.

        Args:
            row: The login or API token, with its `user`.

        Raises:
            EnfyraError: AUTHORIZATION_ERROR.
        """
        caller, owner = context.caller, row["user"]["id"]
        if caller is not None and caller.api_token is not None and caller.id == owner:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                "An API token cannot end logins and API tokens of its own account",
                hint="Log in",
            )
        if caller is not None and caller.is_root:
            return
        user = await self._users.by_id(owner)
        if user is not None and user.is_root_admin:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                "Logins and API tokens of administrators are ended by administrators only",
            )

    async def ended(self, table: str, id_: str) -> None:
        """Have what was deleted refused, here and on all other instances."""
        await self._revocations.revoke(_REVOKED[table](id_))
