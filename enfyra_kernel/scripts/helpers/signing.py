"""Tokens that scripts sign: with a key of their own, so that none of them is a login."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ...clock import Clock
from ...errors import EnfyraError

ALGORITHM = "HS256"
DEFAULT_EXPIRES = 900
LONGEST_EXPIRES = 3650 * 86_400
_SPAN = re.compile(r"(\d{1,9})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# What we say ourselves.
_OURS = ("exp", "iat")


class ScriptTokens:
    """Signs and reads the tokens of scripts.

    Args:
        key: The application's signing key. Tokens are signed with another one that is derived from
            it: it cannot be found out from their key, and neither reads the other's tokens.
    """

    def __init__(self, key: str, clock: Clock) -> None:
        derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"enfyra tokens of scripts")
        self._key = derive.derive(key.encode())
        self._clock = clock

    def sign(self, payload: dict[str, Any], expires: float | str | None) -> str:
        """Sign a token.

        Args:
            expires: Seconds, or a text such as `15m`; 15 minutes for None.

        Raises:
            EnfyraError: INVALID_ARGUMENT.
        """
        for name in _OURS:
            if name in payload:
                raise _invalid("payload", f"'{name}' is set by the second argument")
        now = self._clock.now()
        claims = {**payload, "iat": now, "exp": now + timedelta(seconds=seconds_of(expires))}
        try:
            return jwt.encode(claims, self._key, ALGORITHM)  # pyright: ignore[reportUnknownMemberType]
        except (TypeError, ValueError) as error:
            raise _invalid("payload", str(error)) from None

    def verify(self, token: str) -> dict[str, Any]:
        """Give the payload of a token that was signed here.

        Raises:
            EnfyraError: TOKEN_EXPIRED or INVALID_TOKEN.
        """
        try:
            return jwt.decode(  # pyright: ignore[reportUnknownMemberType]
                token,
                self._key,
                algorithms=[ALGORITHM],
                # What else it says is the script's business.
                options={
                    "require": ["exp", "iat"],
                    "verify_iat": False,
                    "verify_aud": False,
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        except jwt.ExpiredSignatureError:
            raise EnfyraError("TOKEN_EXPIRED", hint="") from None
        except jwt.InvalidTokenError:
            raise EnfyraError(
                "INVALID_TOKEN", "The token was not signed by a script of this server", hint=""
            ) from None


def seconds_of(expires: float | str | None) -> float:
    """Read how long a token is valid.

    Raises:
        EnfyraError: INVALID_ARGUMENT.

    Example:
        >>> seconds_of("2h"), seconds_of(90), seconds_of(None)
        (7200, 90, 900)
    """
    if expires is None:
        return DEFAULT_EXPIRES
    if isinstance(expires, str):
        found = _SPAN.fullmatch(expires.strip())
        seconds = int(found[1]) * _SECONDS[found[2]] if found is not None else math.nan
    else:
        seconds = expires
    if not 0 < seconds <= LONGEST_EXPIRES:
        raise _invalid("expires", f"{expires!r} is no span of time, such as 900 (seconds) or '15m'")
    return seconds


def _invalid(argument: str, problem: str) -> EnfyraError:
    return EnfyraError(
        "INVALID_ARGUMENT",
        f"helpers.jwt: {argument}: {problem}",
        details={"function": "helpers.jwt", "argument": argument},
    )
