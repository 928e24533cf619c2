"""Rows of users, written over their table's route: what of them is whose to set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..errors import EnfyraError
from ..identity.callers import Caller
from ..identity.passwords import MAX_LENGTH, Passwords
from ..identity.sessions import Sessions
from ..identity.users import Users

PASSWORD = "password"  # noqa: S105 - a column's name
# Given by the server; a false one may come along with a row that is written back.
_NEVER = ("isRootAdmin", "isSystem")
# What makes somebody more, or less, than he is.
_ADMINISTRATORS = ("id", "role", "isDisabled", "allowedRoutePermissions")


class UserRows:
    """Checks bodies of users, hashes passwords, ends logins when their user changes."""

    def __init__(self, users: Users, passwords: Passwords, sessions: Sessions) -> None:
        self._users = users
        self._passwords = passwords
        self._sessions = sessions
        self.set_password = users.set_password

    async def prepared(
        self, body: Mapping[str, Any], caller: Caller | None
    ) -> tuple[dict[str, Any], str | None]:
        """Give the body as it is written, and beside it the hash of the password in it, if any.

        A null takes the password away, which the body keeps.

        Raises:
            EnfyraError: INVALID_BODY for what cannot be set, or not by this caller.
        """
        problems = [f"{name} cannot be set" for name in _NEVER if body.get(name)]
        if caller is None or not caller.is_root:
            problems += [
                f"{name} can be set by administrators only"
                for name in _ADMINISTRATORS
                if name in body
            ]
        password = body.get(PASSWORD)
        if password is not None:
            problems += _problems_of(password)
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)
        named = {name: value for name, value in body.items() if name not in _NEVER}
        if isinstance(named.get("email"), str):
            named["email"] = named["email"].strip().lower()
        if password is None:
            return named, None
        del named[PASSWORD]
        return named, await self._passwords.hash(password)

    def refuse_token(self, caller: Caller, body: Any, password: str | None) -> None:
        """Refuse an API token that would take over the account that it belongs to.

        Raises:
            EnfyraError: AUTHORIZATION_ERROR.
        """
        wants = password is not None or (
            isinstance(body, Mapping)
            and not {PASSWORD, "email"}.isdisjoint(cast("Mapping[str, Any]", body))
        )
        if wants and caller.api_token is not None:
            raise EnfyraError(
                "AUTHORIZATION_ERROR", "An API token cannot change the password or e-mail address "
                "of its own account", hint="Log in"
            )  # fmt: skip

    async def changed(self, user: str, fields: Mapping[str, Any], caller: Caller | None) -> None:
        """End the logins that a change ends, but for the one that it was made from."""
        own = caller is not None and caller.id == user
        await self._sessions.changed(
            user, fields, session=caller.session if caller is not None and own else None
        )


def _problems_of(password: Any) -> list[str]:
    if not isinstance(password, str) or not password:
        return ["password must be a text"]
    if len(password) > MAX_LENGTH:
        return [f"password must have at most {MAX_LENGTH} characters"]
    return []
