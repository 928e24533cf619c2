"""The `client` of a step: connected when it is first used."""

from __future__ import annotations

from typing import Any

from .channel import Channel


class LazyClient:
    """A `Client` that asks the server for a login when something is first asked of it."""

    def __init__(self, channel: Channel, url: str | None) -> None:
        self._channel = channel
        self._url = url
        self._made: Any = None

    def __repr__(self) -> str:
        return f"Client({self._url!r})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._made is None:
            self._made = self._connected()
        return getattr(self._made, name)

    def _connected(self) -> Any:
        from ..client import ApiError, Client
        from ..credentials import Login

        if self._url is None:
            raise ApiError(
                "NO_SERVER",
                "The process that runs this flow serves no API, and nobody has said who does",
                hint="Set ENFYRA_URL for `enfyra worker` to the address of `enfyra serve`",
            )
        given = self._channel.ask("login")
        if "error" in given:
            raise ApiError("NO_LOGIN", given["error"])
        return Client(self._url, Login(self._url, given))
