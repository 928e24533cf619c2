"""Passwords that were forgotten: a token that works once, brought to its owner by somebody else."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from ..background import end
from ..clock import Clock
from ..cluster.limits import Limits
from ..errors import EnfyraError
from ..logs import get_logger
from .passwords import Passwords
from .sessions import Sessions
from .tokens import Tokens, token_hash
from .users import UserRow, Users

_log = get_logger("logins")

_KIND = "password-reset"
LASTS = timedelta(hours=1)
# Of one account and of one address, within an hour.
PER_ACCOUNT, PER_ADDRESS, _HOUR = 3, 20, 3600


class ResetAsked(NamedTuple):
    """Somebody has asked for a new password.

    Attributes:
        token: Sets a password, once; worth as much as one until then.
    """

    user: str
    email: str
    token: str
    expires: datetime


class PasswordResets:
    """Gives out tokens that set passwords, and takes them.

    Nobody is told whether there is an account: the answer is the same, and comes as soon.

    Attributes:
        deliver: Brings a token to the account's owner; None where nobody does.
    """

    def __init__(
        self,
        users: Users,
        passwords: Passwords,
        sessions: Sessions,
        tokens: Tokens,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._sessions = sessions
        self._tokens = tokens
        self._limits = limits
        self._clock = clock
        self._delivering: set[asyncio.Task[None]] = set()
        self.deliver: Callable[[ResetAsked], Awaitable[None]] | None = None

    async def ask(self, email: str, ip: str) -> None:
        """Have a token brought to an account's owner, if there is such an account.

        Raises:
            EnfyraError: ROUTE_NOT_FOUND where nobody brings them; RATE_LIMIT_EXCEEDED for an
                address that asks too often.
        """
        if self.deliver is None:
            raise EnfyraError(
                "ROUTE_NOT_FOUND",
                "Passwords are not reset here",
                hint="ENFYRA_PASSWORD_RESET_FLOW names the flow that sends the token",
            )
        if ip:
            allowance = await self._limits.check(f"reset:ip:{ip[:64]}", PER_ADDRESS, _HOUR)
            if not allowance.allowed:
                raise EnfyraError(
                    "RATE_LIMIT_EXCEEDED", details={"retryAfterSeconds": allowance.retry_after}
                )
        key = hashlib.sha256(email.strip().lower().encode()).hexdigest()[:40]
        allowed = await self._limits.check(f"reset:account:{key}", PER_ACCOUNT, _HOUR)
        user = await self._users.by_email(email)
        if user is not None and not user.is_disabled and allowed.allowed:
            # How long that takes would tell that there is an account.
            task = asyncio.ensure_future(self._deliver(user))
            self._delivering.add(task)
            task.add_done_callback(self._delivering.discard)

    async def _deliver(self, user: UserRow) -> None:
        now = self._clock.now()
        claims = {"sub": user.id, "fp": _fingerprint(user)}
        asked = ResetAsked(
            user.id, user.email, self._tokens.statement(_KIND, claims, now, LASTS), now + LASTS
        )
        try:
            if self.deliver is not None:
                await self.deliver(asked)
        except EnfyraError as error:
            _log.error("no token was brought", extra={"user": user.id, "reason": error.message})
        except Exception:
            _log.exception("no token was brought", extra={"user": user.id})

    async def reset(self, token: str, password: str) -> None:
        """Set the password of the account that a token is for; its logins end.

        Raises:
            EnfyraError: INVALID_TOKEN, also for one that was used; TOKEN_EXPIRED;
                ACCOUNT_DISABLED; INVALID_BODY for an empty password.
        """
        claims = self._tokens.read_statement(_KIND, token)
        if not password:
            raise EnfyraError("INVALID_BODY", problems=["password must be a text"])
        user = await self._users.by_id(str(claims.get("sub")))
        if user is None or claims.get("fp") != _fingerprint(user):
            raise EnfyraError(
                "INVALID_TOKEN",
                "The token was used, or the password has changed since",
                hint="POST /auth/password/forgot sends another one",
            )
        user.refuse_disabled()
        await self._users.set_password(user.id, await self._passwords.hash(password))
        await self._sessions.changed(user.id, {"password": None})

    async def stop(self) -> None:
        """Bring no more tokens."""
        for task in tuple(self._delivering):
            await end(task)


def _fingerprint(user: UserRow) -> str:
    """Give what tells a password from the next one, so that a token works once."""
    return token_hash(user.password or "")[:32]
