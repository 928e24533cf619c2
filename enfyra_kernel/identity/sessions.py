"""Logins: begun with a password, prolonged with a refresh token, ended at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ..clock import Clock
from ..errors import EnfyraError
from ..metadata.tables import stored
from ..metadata.uuid7 import new_uuid
from ..query.ast import Compare, Every, Operator, Query, Shape
from ..query.commands import Update
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR, INTERNAL, All, Comparison, Slot
from ..records.records import Records
from ..settings import Settings
from ..storage.database import Database
from .callers import Caller
from .passwords import Passwords
from .tokens import Tokens, token_hash

SESSION = "session_definition"
USER = "user_definition"
_MOST_CACHED = 10_000


class _UserRow(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    email: str
    password: str | None = None
    is_root_admin: bool = False
    role: Mapping[str, int] | None = None


class _SessionRow(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    remember: bool
    refresh_token_hash: str | None
    expired_at: datetime | None
    login_provider: str | None
    user: _UserRow


_USER_FIELDS = ("id", "email", "isRootAdmin", "role")


class LoggedIn(msgspec.Struct, frozen=True, rename="camel"):
    """What a login gives.

    Attributes:
        exp_time: When the access token expires, in milliseconds since 1970.
    """

    access_token: str
    refresh_token: str
    exp_time: int
    login_provider: str | None = None


class Sessions:
    """Begins, prolongs and ends logins, and finds out who a token belongs to."""

    def __init__(
        self,
        database: Database,
        records: Records,
        passwords: Passwords,
        tokens: Tokens,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._database = database
        self._records = records
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._settings = settings
        self._known: dict[str, tuple[Caller, float]] = {}
        self._profiles: dict[str, bytes] = {}
        # How often somebody has changed: what was being read meanwhile is not kept.
        self._changes = 0

    # -- who a token belongs to -----------------------------------------------------------------

    def cached(self, token: str) -> Caller | None:
        """Give the caller of a token that has been seen before and is still valid."""
        found = self._known.get(token)
        if found is None or found[1] <= self._clock.now().timestamp():
            return None
        return found[0]

    async def caller(self, token: str) -> Caller:
        """Find out who a token belongs to.

        Raises:
            EnfyraError: TOKEN_EXPIRED, or INVALID_TOKEN also when the login has ended.
        """
        known = self.cached(token)
        if known is not None:
            return known
        claims = self._tokens.read_access(token)
        changes = self._changes
        session = await self._session(claims.session)
        if session is None or session.user.id != claims.user:
            raise EnfyraError("INVALID_TOKEN", "The login has ended")
        caller = _caller(session.user, session)
        if len(self._known) >= _MOST_CACHED:
            self._known.clear()
        if self._changes == changes:
            self._known[token] = (caller, claims.expires)
        return caller

    def forget(self) -> None:
        """Look everybody up anew: a user, role or login has changed."""
        self._known.clear()
        self._profiles.clear()
        self._changes += 1

    async def _session(self, id_: str) -> _SessionRow | None:
        fields = (
            "id", "remember", "refreshTokenHash", "expiredAt", "loginProvider",
            *(f"user.{name}" for name in _USER_FIELDS),
        )  # fmt: skip
        shape = Shape(where=Compare("id", Operator.EQ, 0), fields=fields)
        page = await self._records.of(SESSION).find(Query(shape=shape, values=(id_,)), INTERNAL)
        rows = msgspec.json.decode(page.rows, type=list[_SessionRow])
        return rows[0] if rows else None

    # -- beginning, prolonging, ending ----------------------------------------------------------

    async def login(self, email: str, password: str, *, remember: bool = False) -> LoggedIn:
        """Begin a login.

        Raises:
            EnfyraError: INVALID_CREDENTIALS, whichever of the two is wrong.
        """
        user = await self._user(Compare("email", Operator.EQ, 0), email.strip().lower())
        stored_hash = user.password if user is not None else None
        if not await self._passwords.verify(password, stored_hash) or user is None:
            raise EnfyraError("INVALID_CREDENTIALS")
        return await self.begin(user.id, remember=remember)

    async def begin(
        self, user: str, *, remember: bool = False, login_provider: str | None = None
    ) -> LoggedIn:
        """Begin a login of somebody who has shown who it is.

        Args:
            user: The user's id.
            login_provider: Who says so; None for the password.
        """
        session = new_uuid()
        given = self._tokens_for(user, session, remember=remember)
        row = {
            "id": session,
            "expiredAt": self._clock.now() + self._lifetime(remember),
            "remember": remember,
            "loginProvider": login_provider,
            "refreshTokenHash": token_hash(given.refresh_token),
            "user": {"id": user},
        }
        await self._create_session(row)
        return msgspec.structs.replace(given, login_provider=login_provider)

    async def _create_session(self, row: dict[str, Any]) -> None:
        repository = self._records.of(SESSION)
        await repository.create(row, access=INTERNAL)

    def _lifetime(self, remember: bool) -> timedelta:
        settings = self._settings
        return timedelta(seconds=settings.remember_ttl if remember else settings.refresh_token_ttl)

    def _tokens_for(self, user: str, session: str, *, remember: bool) -> LoggedIn:
        now = self._clock.now()
        lifetime = timedelta(seconds=self._settings.access_token_ttl)
        return LoggedIn(
            self._tokens.access(user, session, now, lifetime),
            self._tokens.refresh(session, now, self._lifetime(remember)),
            int((now + lifetime).timestamp() * 1000),
        )

    async def refresh(self, token: str) -> LoggedIn:
        """Prolong a login; the refresh token is used up, and the answer has another.

        Raises:
            EnfyraError: INVALID_TOKEN when it has been used before or the login has ended.
        """
        session = await self._session(self._tokens.read_refresh(token))
        if session is None:
            raise EnfyraError("INVALID_TOKEN", "The login has ended")
        used = token_hash(token)
        given = self._tokens_for(session.user.id, session.id, remember=session.remember)
        swapped = await self._swap_hash(
            session.id, used, token_hash(given.refresh_token), session.remember
        )
        if not swapped:
            raise EnfyraError("INVALID_TOKEN", "The refresh token has been used already")
        return given

    async def _swap_hash(self, id_: str, old: str, new: str, remember: bool) -> bool:
        """Put another hash in place of one, in one step: of two who try, one succeeds."""
        table = self._records.of(SESSION).table
        hash_column = stored(table.columns["refreshTokenHash"])
        update = Update(
            table,
            (hash_column, stored(table.columns["expiredAt"])),
            where=All(
                (
                    Comparison(table.key, Operator.EQ, 0),
                    Comparison(hash_column, Operator.EQ, 1),
                )
            ),
            slots=tuple(
                Slot(column.name, column.type, Operator.EQ, str)
                for column in (table.key, hash_column)
            ),
        )
        expires = self._clock.now() + self._lifetime(remember)
        count, _ = await self._database.write(
            self._database.update(update), (new, expires, id_, old)
        )
        return count == 1

    async def logout(self, session: str) -> None:
        """End a login; its tokens are worth nothing from now on."""
        try:
            await self._records.of(SESSION).delete(session)
        except EnfyraError as error:
            if error.code != "RESOURCE_NOT_FOUND":
                raise
        self.forget()

    def session_of(self, refresh_token: str) -> str:
        """Give the login that a refresh token belongs to."""
        return self._tokens.read_refresh(refresh_token)

    # -- users ----------------------------------------------------------------------------------

    async def _user(self, where: Compare | Every, *values: Any) -> _UserRow | None:
        shape = Shape(where=where, fields=(*_USER_FIELDS, "password"))
        page = await self._records.of(USER).find(Query(shape=shape, values=values), INTERNAL)
        rows = msgspec.json.decode(page.rows, type=list[_UserRow])
        return rows[0] if rows else None

    async def caller_of(self, user: str) -> Caller:
        """Give a user as a caller, by id or e-mail address.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND.
        """
        by_email = "@" in user
        field, value = ("email", user.strip().lower()) if by_email else ("id", user)
        found = await self._user(Compare(field, Operator.EQ, 0), value)
        if found is None:
            raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no user '{user[:80]}'")
        return _caller(found, None)

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
            if len(self._profiles) >= _MOST_CACHED:
                self._profiles.clear()
            if self._changes == changes:
                # Else somebody has changed while this was read.
                self._profiles[caller.id] = known
        return known

    async def owner(self) -> Caller:
        """Give the first administrator, whom the owner of a Jupyter server acts as.

        Raises:
            EnfyraError: SERVICE_UNAVAILABLE when there is none.
        """
        user = await self._user(Compare("isRootAdmin", Operator.EQ, 0), True)
        if user is None:
            raise EnfyraError("SERVICE_UNAVAILABLE", "There is no administrator")
        return _caller(user, None)

    async def ensure_administrator(self) -> str | None:
        """Create the first administrator if there is none; give a password that was made up."""
        if await self._user(Compare("isRootAdmin", Operator.EQ, 0), True) is not None:
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


def new_password() -> str:
    """Make up a password that a person can type."""
    alphabet = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))


def _caller(user: _UserRow, session: _SessionRow | None) -> Caller:
    return Caller(
        id=user.id,
        email=user.email,
        is_root=user.is_root_admin,
        role=user.role["id"] if user.role is not None else None,
        session=session.id if session is not None else None,
        login_provider=session.login_provider if session is not None else None,
    )
