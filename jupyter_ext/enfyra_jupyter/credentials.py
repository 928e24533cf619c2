"""Who is calling: kinds of credentials, none of which shows its secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any

import httpx

# Begin anew so many seconds before a token expires: a long load is authenticated at its start.
_MARGIN = 60.0


class Token(httpx.Auth):
    """A token that is sent as it is.

    Args:
        secret: The token.
        scheme: `Bearer` for Enfyra's own, `token` for a Jupyter Server's.

    Example:
        >>> Token("very secret")
        Token(***)
    """

    def __init__(self, secret: str, scheme: str = "Bearer") -> None:
        self._header = f"{scheme} {secret}"

    def __repr__(self) -> str:
        return "Token(***)"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the token into a request."""
        request.headers["Authorization"] = self._header
        yield request


class Login(httpx.Auth):
    """A login, begun with a password that is not kept, and prolonged by itself.

    Args:
        url: Where the API is.
        given: What `POST /auth/login` answered.
    """

    requires_response_body = False

    def __init__(self, url: str, given: dict[str, Any]) -> None:
        self._url = url.rstrip("/")
        self._lock = threading.Lock()
        self._take(given)

    def __repr__(self) -> str:
        return "Login(***)"

    def _take(self, given: dict[str, Any]) -> None:
        self._access: str = given["accessToken"]
        self._refresh: str = given["refreshToken"]
        self._expires = given["expTime"] / 1000

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the access token into a request, after getting a new one if it is about to end."""
        with self._lock:
            if time.time() > self._expires - _MARGIN:
                answer = yield httpx.Request(
                    "POST",
                    f"{self._url}/auth/refresh-token",
                    json={"refreshToken": self._refresh},
                )
                if answer.is_success:
                    answer.read()
                    self._take(answer.json())
        # A login that could not be prolonged is for the server to refuse, with its reason.
        request.headers["Authorization"] = f"Bearer {self._access}"
        yield request
