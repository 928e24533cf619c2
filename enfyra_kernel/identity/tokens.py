"""Tokens: signed statements of who somebody is, valid for a while."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import jwt

from ..errors import EnfyraError

ALGORITHM = "HS256"
_ACCESS, _REFRESH = "access", "refresh"


class Claims(NamedTuple):
    """What an access token says.

    Attributes:
        expires: Seconds since 1970.
    """

    user: str
    session: str
    expires: float


class Tokens:
    """Signs and reads tokens."""

    def __init__(self, key: str) -> None:
        self._key = key

    def access(self, user: str, session: str, now: datetime, lifetime: timedelta) -> str:
        """Sign an access token."""
        claims = {"sub": user, "sid": session, "typ": _ACCESS, "iat": now, "exp": now + lifetime}
        return jwt.encode(claims, self._key, ALGORITHM)  # pyright: ignore[reportUnknownMemberType]

    def refresh(self, session: str, now: datetime, lifetime: timedelta) -> str:
        """Sign a refresh token; each one is different."""
        claims = {
            "sub": session,
            "jti": secrets.token_hex(8),
            "typ": _REFRESH,
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode(claims, self._key, ALGORITHM)  # pyright: ignore[reportUnknownMemberType]

    def read_access(self, token: str) -> Claims:
        """Read an access token.

        Raises:
            EnfyraError: TOKEN_EXPIRED or INVALID_TOKEN.
        """
        claims = self._read(token, _ACCESS, ["exp", "iat", "sub", "sid"])
        return Claims(claims["sub"], claims["sid"], float(claims["exp"]))

    def read_refresh(self, token: str) -> str:
        """Read a refresh token; give the session's id."""
        return self._read(token, _REFRESH, ["exp", "iat", "sub"])["sub"]

    def _read(self, token: str, kind: str, required: list[str]) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(  # pyright: ignore[reportUnknownMemberType]
                token,
                self._key,
                algorithms=[ALGORITHM],
                # Another instance's clock may be a little ahead of ours.
                options={"require": required, "verify_iat": False},
            )
        except jwt.ExpiredSignatureError:
            raise EnfyraError("TOKEN_EXPIRED") from None
        except jwt.InvalidTokenError:
            raise EnfyraError("INVALID_TOKEN") from None
        if claims.get("typ") != kind:
            raise EnfyraError("INVALID_TOKEN", f"This is no {kind} token")
        return claims


def token_hash(token: str) -> str:
    """Give what is stored of a token that must be recognised but not known."""
    return hashlib.sha256(token.encode()).hexdigest()
