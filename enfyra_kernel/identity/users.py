"""Users: their rows, as the server itself needs them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import msgspec

from ..errors import EnfyraError
from ..metadata.tables import stored
from ..query.ast import Compare, Operator, Query, Shape
from ..query.commands import Update, key_equals
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR, INTERNAL, Slot
from ..records.records import Records
from ..settings import Settings
from ..storage.database import Session
from .callers import Caller
from .passwords import Passwords
from .verified import Revoked

USER = "user_definition"
USER_FIELDS = ("id", "email", "isRootAdmin", "isDisabled", "role")
_MOST_PROFILES = 10_000


class UserRow(msgspec.Struct, frozen=True, rename="camel"):
    """What of a user says who it is and what it may do."""

    id: str
    email: str
    password: str | None = None
    is_root_admin: bool = False
    is_disabled: bool = False
    role: Mapping[str, int] | None = None

    def refuse_disabled(self) -> None:
        """Refuse a user whose account is switched off.

        Raises:
            EnfyraError: ACCOUNT_DISABLED.
        """
        if self.is_disabled:
            raise EnfyraError("ACCOUNT_DISABLED")


class Users:
    """Finds users, and creates the first administrator."""

    def __init__(self, records: Records, passwords: Passwords, settings: Settings) -> None:
        self._records = records
        self._passwords = passwords
        self._settings = settings
        self._profiles: dict[str, bytes] = {}
        self._changes = 0

    async def by_email(self, email: str) -> UserRow | None:
        """Give the user with an e-mail address, in any case."""
        email = email.strip().lower()
        # Nobody has an address that databases do not take for a text.
        return await self._find("email", email) if email.isprintable() else None

    async def by_id(self, id_: str) -> UserRow | None:
        """Give the user with an id."""
        try:
            return await self._find("id", id_)
        except EnfyraError as error:
            if error.code == "INVALID_VALUE":
                return None  # It is no id at all.
            raise

    async def _find(self, field: str, value: str | bool) -> UserRow | None:
        shape = Shape(where=Compare(field, Operator.EQ, 0), fields=(*USER_FIELDS, "password"))
        query = Query(shape=shape, values=(value,), limit=1)
        page = await self._records.of(USER).find(query, INTERNAL)
        rows = msgspec.json.decode(page.rows, type=list[UserRow])
        return rows[0] if rows else None

    async def caller_of(self, user: str) -> Caller:
        """Give a user as a caller, by id or e-mail address.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND.
        """
        found = await (self.by_email(user) if "@" in user else self.by_id(user))
        if found is None:
            raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no user '{user[:80]}'")
        return caller_of(found)

    async def owner(self) -> Caller:
        """Give the first administrator, whom the owner of a Jupyter server acts as.

        Raises:
            EnfyraError: SERVICE_UNAVAILABLE when there is none.
        """
        asked = parse(
            {"filter": {"isRootAdmin": True}, "fields": ",".join(USER_FIELDS),
             "sort": "-isSystem,createdAt,id", "limit": 1}
        )  # fmt: skip
        page = await self._records.of(USER).find(asked, INTERNAL)
        users = msgspec.json.decode(page.rows, type=list[UserRow])
        if not users:
            raise EnfyraError("SERVICE_UNAVAILABLE", "There is no administrator")
        return caller_of(users[0])

    async def make_administrator(self, user: str) -> None:
        """Let a user do everything, for good; no request can say that of anybody."""
        table = self._records.of(USER).table
        update = Update(
            table,
            (stored(table.columns["isRootAdmin"]),),
            where=key_equals(table),
            slots=(Slot(table.key.name, table.key.type, Operator.EQ, str),),
        )
        database = self._records.database
        await database.write(database.update(update), (True, user))

    async def set_password(self, user: str, hash_: str, session: Session | None = None) -> bool:
        """Store a password's hash, which no caller may see or write himself; say whether it was.

        Args:
            user: The user's id.
        """
        table = self._records.of(USER).table
        update = Update(
            table,
            (stored(table.columns["password"]),),
            where=key_equals(table),
            slots=(Slot(table.key.name, table.key.type, Operator.EQ, str),),
        )
        database = self._records.database
        count, _ = await (session or database).write(database.update(update), (hash_, user))
        return count > 0

    # -- profiles -------------------------------------------------------------------------------

    async def profile(self, caller: Caller) -> bytes:
        """Give a caller's row as JSON, without what is secret; kept until somebody changes."""
        known = self._profiles.get(caller.id)
        if known is None:
            changes = self._changes
            shape = parse({"fields": "*,role.*"}).shape
            where = Compare("id", Operator.EQ, 0)
            query = Query(shape=msgspec.structs.replace(shape, where=where), values=(caller.id,))
            page = await self._records.of(USER).find(query, ADMINISTRATOR)
            known = page.rows[1:-1] or b"null"
            if len(self._profiles) >= _MOST_PROFILES:
                self._profiles.clear()
            if self._changes == changes:
                # Else somebody has changed while this was read.
                self._profiles[caller.id] = known
        return known

    def forget(self, revoked: Revoked) -> None:
        """Read the rows of those who have changed anew."""
        self._changes += 1
        if revoked.everybody:
            self._profiles.clear()
        for user in revoked.users:
            self._profiles.pop(user, None)

    # -- the first administrator ----------------------------------------------------------------

    async def ensure_administrator(self) -> str | None:
        """Create the first administrator if there is none; give a password that was made up."""
        if await self._find("isRootAdmin", True) is not None:
            return None
        made_up = None
        if self._settings.admin_password is not None:
            password = self._settings.admin_password.get_secret_value()
        else:
            password = made_up = new_password()
        row = {
            "email": self._settings.admin_email.lower(),
            "password": await self._passwords.hash(password),
            "isRootAdmin": True,
            "isSystem": True,
        }
        try:
            await self._records.of(USER).create(row, access=INTERNAL)
        except EnfyraError as error:
            if error.code != "DUPLICATE_RESOURCE":
                raise
            # Another instance started at the same moment.
            return None
        return made_up


def caller_of(
    user: UserRow, *, session: str | None = None, login_provider: str | None = None
) -> Caller:
    """Give a user as a caller."""
    return Caller(
        id=user.id,
        email=user.email,
        is_root=user.is_root_admin,
        role=user.role["id"] if user.role is not None else None,
        session=session,
        login_provider=login_provider,
    )


def new_password() -> str:
    """Make up a password that a person can type."""
    alphabet = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))
