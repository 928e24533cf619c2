"""Rows of users, written over their table's route: what of them is whose to set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import EnfyraError
from ..identity.callers import Caller
from ..identity.passwords import Passwords
from ..identity.sessions import Sessions
from ..metadata.tables import stored
from ..query.ast import Operator
from ..query.commands import Update, key_equals
from ..query.plan import Slot
from ..records.records import Records
from ..storage.database import Session

USER = "user_definition"
PASSWORD = "password"  # noqa: S105 - a column's name
# Given by the server; a false one may come along with a row that is written back.
_NEVER = ("isRootAdmin", "isSystem")
# What makes somebody more, or less, than he is.
_ADMINISTRATORS = ("id", "role", "isDisabled", "allowedRoutePermissions")


class UserRows:
    """Checks bodies of users, hashes passwords, ends logins when their user changes."""

    def __init__(self, records: Records, passwords: Passwords, sessions: Sessions) -> None:
        self._records = records
        self._passwords = passwords
        self._sessions = sessions

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
        if password is not None and (not isinstance(password, str) or not password):
            problems.append("password must be a text")
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)
        named = {name: value for name, value in body.items() if name not in _NEVER}
        if isinstance(named.get("email"), str):
            named["email"] = named["email"].strip().lower()
        if password is None:
            return named, None
        del named[PASSWORD]
        return named, await self._passwords.hash(password)

    async def set_password(self, user: str, hash_: str, session: Session | None) -> None:
        """Store a password's hash, which no caller may see or write himself."""
        table = self._records.of(USER).table
        update = Update(
            table,
            (stored(table.columns[PASSWORD]),),
            where=key_equals(table),
            slots=(Slot(table.key.name, table.key.type, Operator.EQ, str),),
        )
        database = self._records.database
        await (session or database).write(database.update(update), (hash_, user))

    async def changed(self, user: str, fields: Mapping[str, Any], caller: Caller | None) -> None:
        """End the logins that a change ends, but for the one that it was made from."""
        own = caller is not None and caller.id == user
        await self._sessions.changed(
            user, fields, session=caller.session if caller is not None and own else None
        )
