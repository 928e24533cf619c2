"""Tokens: signed statements of who somebody is, valid for a while."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import jwt

from ..clock import Clock
from ..errors import EnfyraError

ALGORITHM = "HS256"
_ACCESS, _REFRESH = "access", "refresh"
# Claims that are numbers, whoever has signed them.
_NUMBERS = ("exp", "iat", "nbf")
_TEXTS = ("sub", "sid", "pat", "jti")


class Claims(NamedTuple):
    """What an access token says.

    Attributes:
        session: The login that it belongs to, if it is one.
        expires: Seconds since 1970.
        api_token: The API token that it was given for.
    """

    user: str
    session: str | None
    expires: float
    api_token: str | None = None


class RefreshClaims(NamedTuple):
    """What a refresh token says.

    Attributes:
        number: What tells it from the others of its login.
        remember: Whether it is to outlive the browser.
        expires: Seconds since 1970.
    """

    session: str
    number: str
    remember: bool
    expires: float


class Tokens:
    """Signs and reads tokens.

    Args:
        keys: The first one signs, all of them are accepted.

    Example:
        >>> from datetime import timedelta
        >>> from enfyra_kernel.clock import SystemClock
        >>> clock = SystemClock()
        >>> old = Tokens(["the key of last year, long enough"], clock)
        >>> token = old.access("ann", "her login", clock.now(), timedelta(minutes=15))
        >>> new = Tokens(["the key of this year, long enough",
        ...               "the key of last year, long enough"], clock)
        >>> new.read_access(token).user
        'ann'
    """

    def __init__(self, keys: Sequence[str], clock: Clock) -> None:
        self._keys = {key_id(key): key for key in keys}
        self._clock = clock
        self._id = key_id(keys[0])
        self._key = keys[0]

    # -- signing --------------------------------------------------------------------------------

    def access(self, user: str, session: str, now: datetime, lifetime: timedelta) -> str:
        """Sign an access token."""
        claims = {"sub": user, "sid": session, "typ": _ACCESS, "iat": now, "exp": now + lifetime}
        return self._signed(claims)

    def exchanged(self, user: str, api_token: str, now: datetime, expires: datetime) -> str:
        """Sign an access token for an API token, by its id."""
        return self._signed(
            {"sub": user, "pat": api_token, "typ": _ACCESS, "iat": now, "exp": expires}
        )

    def refresh(
        self,
        session: str,
        now: datetime,
        lifetime: timedelta,
        *,
        remember: bool = False,
        number: str | None = None,
    ) -> str:
        """Sign a refresh token.

        Args:
            number: What tells it from others; without one it is like no other.
        """
        claims: dict[str, Any] = {
            "sub": session,
            "jti": number or secrets.token_hex(16),
            "typ": _REFRESH,
            "iat": now,
            "exp": now + lifetime,
        }
        if remember:
            claims["rem"] = True
        return self._signed(claims)

    def statement(
        self, kind: str, claims: dict[str, Any], now: datetime, lifetime: timedelta
    ) -> str:
        """Sign anything else that is to come back to us."""
        return self._signed({**claims, "typ": kind, "iat": now, "exp": now + lifetime})

    def number_after(self, token: str) -> str:
        """Give the number of the refresh token that comes after one, which only we can know."""
        return hmac.new(self._key.encode(), b"after:" + token.encode(), hashlib.sha256).hexdigest()

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode(  # pyright: ignore[reportUnknownMemberType]
            claims, self._key, ALGORITHM, headers={"kid": self._id}
        )

    def is_ours(self, token: str) -> bool:
        """Say whether a token claims to be one of ours; reading it says whether it is."""
        try:
            header: Mapping[str, Any] = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            return False
        named = header.get("kid")
        if named is None:
            return header.get("alg") == ALGORITHM
        return isinstance(named, str) and named in self._keys

    # -- reading --------------------------------------------------------------------------------

    def read_access(self, token: str) -> Claims:
        """Read an access token.

        Raises:
            EnfyraError: TOKEN_EXPIRED or INVALID_TOKEN.
        """
        claims = self._read(token, _ACCESS, ["exp", "iat", "sub"])
        session, api_token = claims.get("sid"), claims.get("pat")
        if (session is None) == (api_token is None):
            raise EnfyraError("INVALID_TOKEN")
        return Claims(claims["sub"], session, float(claims["exp"]), api_token)

    def read_refresh(self, token: str) -> RefreshClaims:
        """Read a refresh token.

        Raises:
            EnfyraError: TOKEN_EXPIRED or INVALID_TOKEN.
        """
        claims = self._read(token, _REFRESH, ["exp", "iat", "sub", "jti"])
        return RefreshClaims(
            claims["sub"], claims["jti"], claims.get("rem") is True, float(claims["exp"])
        )

    def read_statement(self, kind: str, token: str) -> dict[str, Any]:
        """Read what `statement` has signed.

        Raises:
            EnfyraError: TOKEN_EXPIRED or INVALID_TOKEN.
        """
        return self._read(token, kind, ["exp", "iat"])

    def _read(self, token: str, kind: str, required: list[str]) -> dict[str, Any]:
        claims = self._verified(token, required)
        now = self._clock.now().timestamp()
        if any(not isinstance(claims.get(name, 0), int | float) for name in _NUMBERS):
            raise EnfyraError("INVALID_TOKEN", "The token's times are no numbers")
        if any(not isinstance(claims.get(name, ""), str) for name in _TEXTS):
            raise EnfyraError("INVALID_TOKEN")
        if claims["exp"] <= now:
            raise EnfyraError("TOKEN_EXPIRED")
        if claims.get("nbf", 0) > now:
            raise EnfyraError("INVALID_TOKEN", "The token is not valid yet")
        if claims.get("typ") != kind:
            raise EnfyraError("INVALID_TOKEN", f"This is no {kind} token")
        return claims

    def _verified(self, token: str, required: list[str]) -> dict[str, Any]:
        """Give what a token says, if it is signed by one of our keys; times are looked at later.

        The clock that they are held against is the kernel's. The algorithm is ours to say, never
        the token's.
        """
        for key in self._keys_for(token):
            try:
                return jwt.decode(  # pyright: ignore[reportUnknownMemberType]
                    token, key, algorithms=[ALGORITHM], options={
                        "require": required, "verify_exp": False, "verify_iat": False,
                        "verify_nbf": False,
                    },
                )  # fmt: skip
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidTokenError:
                break
        raise EnfyraError("INVALID_TOKEN")

    def _keys_for(self, token: str) -> Sequence[str]:
        try:
            header: Mapping[str, Any] = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise EnfyraError("INVALID_TOKEN") from None
        named = header.get("kid")
        if named is None:
            # Signed before keys had names.
            return tuple(self._keys.values())
        key = self._keys.get(named) if isinstance(named, str) else None
        if key is None:
            raise EnfyraError("INVALID_TOKEN", "The token is signed with a key that is not in use")
        return (key,)


def key_id(key: str) -> str:
    """Give the name of a signing key, which tells nothing about it.

    Example:
        >>> key_id("a key that is long enough") == key_id("another key, long enough too")
        False
    """
    return hashlib.sha256(b"enfyra-key-id:" + key.encode()).hexdigest()[:12]


def token_hash(token: str) -> str:
    """Give what is stored of a token that must be recognised but not known."""
    return hashlib.sha256(token.encode()).hexdigest()
