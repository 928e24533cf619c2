"""Logins: begun with a password, prolonged with a refresh token, ended at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ..clock import Clock
from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.uuid7 import new_uuid, read_uuid
from ..settings import Settings
from .callers import Caller
from .passwords import Passwords
from .session_rows import SessionRow, SessionRows
from .throttle import LoginThrottle
from .tokens import Tokens, token_hash
from .users import Users, caller_of
from .verified import Revocations, Revoked

_log = get_logger("sessions")

# What of the client's own words is kept.
_MOST_TEXT = 255


@dataclass(frozen=True, slots=True)
class Client:
    """What a login is begun from, as far as it says.

    Attributes:
        device: The program's name for itself.
    """

    ip: str | None = None
    device: str | None = None


NO_CLIENT = Client()


class LoggedIn(msgspec.Struct, frozen=True, rename="camel"):
    """What a login gives.

    Attributes:
        refresh_token: None where the login cannot be prolonged.
        exp_time: When the access token expires, in milliseconds since 1970.
    """

    access_token: str
    refresh_token: str | None
    exp_time: int
    login_provider: str | None = None


class Sessions:
    """Begins, prolongs and ends logins."""

    def __init__(
        self,
        rows: SessionRows,
        users: Users,
        passwords: Passwords,
        tokens: Tokens,
        throttle: LoginThrottle,
        clock: Clock,
        settings: Settings,
        revocations: Revocations,
    ) -> None:
        self._rows = rows
        self._users = users
        self._passwords = passwords
        self._tokens = tokens
        self._throttle = throttle
        self._clock = clock
        self._settings = settings
        self._revocations = revocations

    # -- who a token belongs to -----------------------------------------------------------------

    async def caller(self, session: str, user: str) -> Caller:
        """Give the user of a login that goes on.

        Raises:
            EnfyraError: ACCOUNT_DISABLED, or INVALID_TOKEN when the login has ended.
        """
        found = await self._going_on(session)
        if found.user.id != user:
            raise EnfyraError("INVALID_TOKEN")
        return caller_of(found.user, session=found.id, login_provider=found.login_provider)

    async def _going_on(self, id_: str) -> SessionRow:
        session = await self._rows.find(id_)
        if session is None or self._is_over(session):
            raise EnfyraError("INVALID_TOKEN", "The login has ended")
        session.user.refuse_disabled()
        return session

    def _is_over(self, session: SessionRow) -> bool:
        return session.expired_at is not None and session.expired_at <= self._clock.now()

    # -- beginning ------------------------------------------------------------------------------

    async def login(
        self, email: str, password: str, *, remember: bool = False, client: Client = NO_CLIENT
    ) -> LoggedIn:
        """Begin a login.

        Raises:
            EnfyraError: INVALID_CREDENTIALS, whichever of the two is wrong; ACCOUNT_DISABLED where
                both are right; RATE_LIMIT_EXCEEDED.
        """
        async with self._throttle.attempt(email, client.ip):
            user = await self._users.by_email(email)
            stored_hash = user.password if user is not None else None
            if not await self._passwords.verify(password, stored_hash) or user is None:
                raise EnfyraError("INVALID_CREDENTIALS")
            user.refuse_disabled()
        if stored_hash is not None and self._passwords.is_outdated(stored_hash):
            await self._users.set_password(user.id, await self._passwords.hash(password))
        return await self.begin(user.id, remember=remember, client=client)

    async def refuse_disabled(self, user: str) -> None:
        """Refuse a user who cannot log in.

        Raises:
            EnfyraError: ACCOUNT_DISABLED; INVALID_TOKEN when there is no such user any more.
        """
        found = await self._users.by_id(user)
        if found is None:
            raise EnfyraError("INVALID_TOKEN", "The account no longer exists")
        found.refuse_disabled()

    async def begin(
        self,
        user: str,
        *,
        remember: bool = False,
        login_provider: str | None = None,
        client: Client = NO_CLIENT,
        id_: str | None = None,
    ) -> LoggedIn:
        """Begin a login of somebody who has shown who it is; its id is always a new one.

        Args:
            user: The user's id.
            login_provider: Who says so; None for the password.
            id_: The login's, where we have made one up before.
        """
        session, now = id_ or new_uuid(), self._clock.now()
        lifetime = self._lifetime(remember)
        refresh = self._tokens.refresh(session, now, lifetime, remember=remember)
        row = {
            "id": session,
            "expiredAt": now + lifetime,
            "remember": remember,
            "loginProvider": login_provider,
            "refreshTokenHash": token_hash(refresh),
            "ip": _shortened(client.ip),
            "userAgent": _shortened(client.device),
            "user": {"id": user},
        }
        await self._rows.create(row)
        return self._given(user, session, refresh, login_provider)

    def _given(self, user: str, session: str, refresh: str, login_provider: str | None) -> LoggedIn:
        now, lifetime = self._clock.now(), timedelta(seconds=self._settings.access_token_ttl)
        access = self._tokens.access(user, session, now, lifetime)
        return LoggedIn(access, refresh, int((now + lifetime).timestamp() * 1000), login_provider)

    def _lifetime(self, remember: bool) -> timedelta:
        settings = self._settings
        return timedelta(seconds=settings.remember_ttl if remember else settings.refresh_token_ttl)

    # -- prolonging -----------------------------------------------------------------------------

    async def refresh(self, token: str) -> LoggedIn:
        """Prolong a login; the refresh token is used up, and the answer has its successor.

        Whoever sends it again within `ENFYRA_REFRESH_GRACE` seconds gets that same successor;
        later, somebody has stolen one of the two, and the login ends.

        Raises:
            EnfyraError: TOKEN_REUSED; TOKEN_EXPIRED; ACCOUNT_DISABLED; INVALID_TOKEN when the
                login has ended.
        """
        id_ = self._tokens.read_refresh(token).session
        used = token_hash(token)
        session = await self._going_on(id_)
        if session.refresh_token_hash == used:
            now = self._clock.now()
            successor = self._successor(session, token, now)
            swapped = await self._rows.swap(
                id_, used, token_hash(successor),
                refreshed=now, expires=now + self._lifetime(session.remember),
            )  # fmt: skip
            if swapped:
                return self._given(session.user.id, id_, successor, session.login_provider)
            session = await self._going_on(id_)
        return await self._repeated(session, token, used)

    async def _repeated(self, session: SessionRow, token: str, used: str) -> LoggedIn:
        """Answer a refresh token that is used up: by its successor, or by the end of the login."""
        at = session.refreshed_at
        grace = timedelta(seconds=self._settings.refresh_grace)
        if (
            session.previous_token_hash == used
            and at is not None
            and self._clock.now() <= at + grace
        ):
            successor = self._successor(session, token, at)
            if token_hash(successor) == session.refresh_token_hash:
                return self._given(session.user.id, session.id, successor, session.login_provider)
        _log.warning("refresh token used twice", extra={"login": session.id})
        await self.end(session.id)
        raise EnfyraError("TOKEN_REUSED")

    def _successor(self, session: SessionRow, token: str, at: datetime) -> str:
        """Give the refresh token after one: always the same, so that it need not be stored."""
        return self._tokens.refresh(
            session.id, at, self._lifetime(session.remember),
            remember=session.remember, number=self._tokens.number_after(token),
        )  # fmt: skip

    def lasts(self, given: LoggedIn) -> int | None:
        """Give how many seconds a browser is to remember a login; None until it is closed."""
        if given.refresh_token is None:
            return None
        claims = self._tokens.read_refresh(given.refresh_token)
        if not claims.remember:
            return None
        return int(claims.expires - self._clock.now().timestamp())

    # -- ending ---------------------------------------------------------------------------------

    async def end(self, session: str, *, user: str | None = None) -> bool:
        """End a login; its tokens are worth nothing from now on. Say whether there was one.

        Args:
            user: Whose it has to be.
        """
        id_ = read_uuid(session)
        if id_ is None or not await self._rows.delete(id_, user=user):
            return False
        await self._revocations.revoke(Revoked(sessions=(id_,)))
        return True

    async def end_all(self, user: str, *, but: str | None = None) -> int:
        """End a user's logins; give how many.

        Args:
            but: One that goes on.
        """
        count = await self._rows.delete_of(user, but=but)
        await self._revocations.revoke(Revoked(users=(user,)))
        return count

    async def changed(
        self, user: str, fields: Mapping[str, Any], *, session: str | None = None
    ) -> None:
        """Note that a user has changed: a new password or a disabled account ends its logins.

        With a new password, an account that was locked is not any more.

        Args:
            session: The login that the change was made from, which goes on.
        """
        if "password" in fields:
            row = await self._users.by_id(user)
            if row is not None:
                await self._throttle.forgive(row.email)
        if "password" in fields or fields.get("isDisabled") is True:
            await self.end_all(user, but=session)
        else:
            await self._revocations.revoke(Revoked(users=(user,)))

    async def of_user(self, user: str) -> list[dict[str, Any]]:
        """Give a user's logins, the latest first."""
        return await self._rows.of_user(user, self._clock.now())

    async def prune(self) -> int:
        """Delete the logins that have run out; give how many."""
        return await self._rows.prune(self._clock.now())

    def session_of(self, refresh_token: str) -> str:
        """Give the login that a refresh token belongs to."""
        return self._tokens.read_refresh(refresh_token).session


def _shortened(text: str | None) -> str | None:
    return text[:_MOST_TEXT] if text else None
