"""Requests to providers of identities."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from ...encoding import decode_json
from ...errors import EnfyraError

_PATIENCE = 10.0
_LARGEST = 1 << 20
_REFUSING = frozenset({401, 403})


class _Refused(Exception):
    """What was sent along is not good enough."""

    def __init__(self, error: EnfyraError) -> None:
        super().__init__(error.message)
        self.error = error


class Remote:
    """Asks other servers for JSON. It follows no redirects, and connects when it is first used."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._making = asyncio.Lock()

    async def stop(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def get(self, url: str, *, token: str | None = None, or_none: bool = False) -> Any:
        """Get JSON.

        Args:
            token: A bearer token to send.
            or_none: Whether to give None when that token is not good.

        Raises:
            EnfyraError: EXTERNAL_SERVICE_ERROR.
        """
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            return await self._asked("GET", url, headers=headers)
        except _Refused as refused:
            if or_none:
                return None
            raise refused.error from None

    async def post(
        self, url: str, form: Mapping[str, str], *, login: tuple[str, str] | None = None
    ) -> Any:
        """Send a form, and get JSON; raises as `get`.

        Args:
            login: A name and password to send.
        """
        auth = None if login is None else httpx.BasicAuth(*login)
        try:
            return await self._asked("POST", url, data=dict(form), auth=auth)
        except _Refused as refused:
            raise refused.error from None

    async def _asked(self, method: str, url: str, **more: Any) -> Any:
        client = await self._connected()
        more["headers"] = {"Accept": "application/json", **more.get("headers", {})}
        try:
            answer = await client.request(method, url, **more)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise _failed(url, type(error).__name__) from None
        if len(answer.content) > _LARGEST:
            raise _failed(url, "it says too much")
        if answer.status_code in _REFUSING:
            raise _Refused(_failed(url, f"status {answer.status_code}"))
        if answer.status_code != 200:
            raise _failed(url, f"status {answer.status_code}")
        try:
            return decode_json(answer.content)
        except EnfyraError:
            raise _failed(url, "it gives no JSON") from None

    async def _connected(self) -> httpx.AsyncClient:
        async with self._making:
            if self._client is None:
                # Loading the certificates takes longer than anybody else may be held up.
                self._client = await asyncio.to_thread(
                    lambda: httpx.AsyncClient(timeout=_PATIENCE, follow_redirects=False)
                )
            return self._client


def _failed(url: str, reason: str) -> EnfyraError:
    # The query may hold what is nobody's business.
    return EnfyraError(
        "EXTERNAL_SERVICE_ERROR",
        f"The provider of identities has not answered as expected: {reason}",
        details={"url": url.partition("?")[0]},
    )
