"""Attempts to log in: so many for each account and each address, wherever they come in."""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ..cluster.limits import Allowance, Limits
from ..errors import EnfyraError
from ..logs import get_logger
from ..settings import Settings

_log = get_logger("logins")


class LoginThrottle:
    """Counts attempts; all instances count together, as far as there is Redis.

    An account is locked after some attempts without success, whether or not there is such an
    account: the right password is refused as well, or guessing would go on. A successful login
    begins the count anew. For an address, failures alone count, so that many people behind one
    address do not lock each other out.
    """

    def __init__(self, limits: Limits, settings: Settings) -> None:
        self._limits = limits
        self._per_account = settings.login_attempts
        self._per_ip = settings.login_attempts_per_ip
        self._window = settings.login_lockout
        # Attempts of an address that are under way: they may all fail.
        self._pending: Counter[str] = Counter()

    @asynccontextmanager
    async def attempt(self, email: str, ip: str | None) -> AsyncGenerator[None, None]:
        """Let one attempt be made in the block; it has failed when that raises.

        Raises:
            EnfyraError: RATE_LIMIT_EXCEEDED.
        """
        account, address = _account_key(email), _address_key(ip)
        await self._check_address(address)
        if self._per_account:
            allowance = await self._limits.check(account, self._per_account, self._window)
            _refuse(allowance)
        self._pending[address] += 1
        try:
            yield
        except EnfyraError as error:
            if error.code == "INVALID_CREDENTIALS" and self._per_ip and ip:
                await self._limits.check(address, self._per_ip, self._window)
            raise
        finally:
            self._pending[address] -= 1
            if not self._pending[address]:
                del self._pending[address]
        await self.forgive(email)

    async def forgive(self, email: str) -> None:
        """Unlock an account: somebody has shown that it is his, or has set another password."""
        if self._per_account:
            await self._limits.reset(_account_key(email), self._window)

    async def _check_address(self, address: str) -> None:
        if not self._per_ip or not address:
            return
        allowance = await self._limits.status(address, self._per_ip, self._window)
        if allowance.allowed and self._pending[address] >= allowance.remaining:
            raise _too_many(1)
        _refuse(allowance)


def _account_key(email: str) -> str:
    # Of any length, and with any characters, as it comes from outside.
    return f"login:account:{hashlib.sha256(email.strip().lower().encode()).hexdigest()[:40]}"


def _address_key(ip: str | None) -> str:
    """Give the key of an address; of IPv6, a subscriber has a whole network.

    Example:
        >>> _address_key("2001:db8::1") == _address_key("2001:db8::2")
        True
    """
    if not ip:
        return ""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return f"login:ip:{ip[:64]}"
    if address.version == 6:
        return f"login:ip:{ipaddress.ip_network((address, 64), strict=False)}"
    return f"login:ip:{address}"


def _refuse(allowance: Allowance) -> None:
    if not allowance.allowed:
        _log.warning("too many attempts to log in", extra={"limit": allowance.limit})
        raise _too_many(allowance.retry_after)


def _too_many(seconds: int) -> EnfyraError:
    return EnfyraError(
        "RATE_LIMIT_EXCEEDED",
        "There have been too many attempts to log in",
        details={"reason": "login", "retryAfterSeconds": seconds},
        hint=f"Try again in {seconds} seconds",
    )
