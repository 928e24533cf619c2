"""A server somewhere else, asked over its public API by the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, cast

import httpx
from enfyra_kernel import __version__
from enfyra_kernel.errors import CATALOGUE, EnfyraError

URL, TOKEN, EMAIL, PASSWORD = "ENFYRA_URL", "ENFYRA_TOKEN", "ENFYRA_EMAIL", "ENFYRA_PASSWORD"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# Seconds: changes of large tables take their time.
_PATIENT = httpx.Timeout(30, read=3600)


class Remote:
    """Asks a server as whoever the environment says.

    Args:
        url: Where its API is.

    Raises:
        EnfyraError: CONFIGURATION_ERROR for an address that is none.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = httpx.URL(url)
        except httpx.InvalidURL:
            parts = httpx.URL("")
        if parts.scheme not in {"http", "https"} or not parts.host or parts.userinfo:
            raise EnfyraError(
                "CONFIGURATION_ERROR",
                "The server's address must be one such as http://localhost:1105",
                hint=f"Tokens and passwords are taken from {TOKEN}, or {EMAIL} and {PASSWORD}",
            )
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(
            timeout=_PATIENT,
            headers={"user-agent": f"enfyra/{__version__}"},
            # Reading the certificates takes a third of a second that plain HTTP need not wait for.
            verify=parts.scheme == "https",
            # A proxy in the environment knows nothing of this machine's own ports.
            trust_env=parts.host not in _LOOPBACK,
        )

    async def __aenter__(self) -> Self:
        """Log in, if the environment says as whom."""
        token = os.environ.get(TOKEN)
        email, password = os.environ.get(EMAIL), os.environ.get(PASSWORD)
        if token is None and email and password:
            answer = await self._send("POST", "/auth/login", {"email": email, "password": password})
            token = answer["accessToken"]
        if token is not None:
            self._http.headers["authorization"] = f"Bearer {token}"
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request; give what is in the first place of the answer's `data`.

        Raises:
            EnfyraError: What the server said, or that it said nothing.
        """
        answer = await self._send(method, path, body, params)
        try:
            return answer["data"][0]
        except (KeyError, IndexError, TypeError):
            raise self._stranger() from None

    async def _send(
        self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None
    ) -> Any:
        given: dict[str, Any] = {} if body is None else {"json": body}
        try:
            answer = await self._http.request(
                method, self.url + path, params=dict(params or {}), **given
            )
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise EnfyraError(
                "SERVICE_UNAVAILABLE",
                f"{self.url} cannot be reached: {reason}",
                hint="Is the server running?",
            ) from None
        try:
            content = answer.json()
        except ValueError:
            raise self._stranger() from None
        if answer.is_error:
            raise self._failure(content)
        return content

    def _failure(self, content: Any) -> EnfyraError:
        error = cast("Mapping[str, Any]", content).get("error") if isinstance(content, dict) else 0
        if not isinstance(error, dict):
            return self._stranger()
        named = cast("Mapping[str, Any]", error)
        code = str(named.get("code"))
        return EnfyraError(
            # A newer server may know more.
            code if code in CATALOGUE else "BAD_REQUEST",
            str(named.get("message")),
            hint=named.get("hint") or "",
            details=named.get("details"),
        )

    def _stranger(self) -> EnfyraError:
        return EnfyraError("BAD_REQUEST", f"{self.url} does not answer as Enfyra does", hint="")
