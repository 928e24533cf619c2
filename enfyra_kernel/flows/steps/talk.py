"""What is said between a step and the process that does it, wherever that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from ...encoding import decode_json, encode_json
from ...errors import EnfyraError
from ...identity.sessions import LoggedIn
from ...logs import get_logger
from .scene import Scene

_log = get_logger("flows")
_HINT = "What it has printed is in the log of the run: flow_log_definition"


class Logins(Protocol):
    """Begins logins of administrators for steps."""

    async def begin(self, scene: Scene) -> LoggedIn:
        """Begin one."""
        ...

    async def end(self, login: LoggedIn) -> None:
        """End it."""
        ...


class Wire(Protocol):
    """The way to a step's process; messages are JSON."""

    async def send(self, message: bytes) -> None:
        """Tell it something."""
        ...

    async def received(self) -> bytes | None:
        """Wait for what it says next; None when it says nothing any more."""
        ...

    async def last_words(self) -> str:
        """Say what has become of it, once it says nothing any more."""
        ...


class Talk:
    """Tells a process what to do, and answers what it asks for.

    Attributes:
        over: Whether it has said how it went: it ends by itself now.
    """

    def __init__(self, logins: Logins, scene: Scene) -> None:
        self._logins = logins
        self._scene = scene
        self._login: LoggedIn | None = None
        self.over = False

    async def line(self, text: str) -> None:
        """Put a line that the process has printed into the log."""
        self._scene.log("info", text)

    async def to_the_end(self, wire: Wire, task: Mapping[str, Any]) -> Any:
        """Give a process its task; give the result.

        Raises:
            EnfyraError: SCRIPT_EXECUTION_ERROR when it has failed, or its process has ended.
        """
        await wire.send(encode_json(task))
        while True:
            body = await wire.received()
            if body is None:
                raise EnfyraError("SCRIPT_EXECUTION_ERROR", await wire.last_words(), hint=_HINT)
            message = cast("dict[str, Any]", decode_json(body))
            self.over = message.get("say") in {"result", "error"}
            match message.get("say"):
                case "result":
                    return message.get("result")
                case "error":
                    raise EnfyraError(
                        "SCRIPT_EXECUTION_ERROR",
                        str(message.get("message")),
                        details=message.get("details"),
                        hint=str(message.get("hint") or _HINT),
                    )
                case "progress":
                    self._scene.progress(
                        float(message["done"]), float(message["total"]), str(message["what"])
                    )
                case _:
                    await wire.send(encode_json(await self._login_message()))

    async def _login_message(self) -> Any:
        try:
            if self._login is None:
                self._login = await self._logins.begin(self._scene)
        except EnfyraError as error:
            return {"error": error.message}
        return self._login

    async def close(self) -> None:
        """End the login, if there is one: what the process was told is worth nothing any more."""
        if self._login is None:
            return
        try:
            await self._logins.end(self._login)
        except EnfyraError as error:
            _log.warning("a step's login was not ended", extra={"reason": error.message})
