"""Steps that read and write records, and that call other servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from ...errors import EnfyraError
from .scene import Scene

_VERBS: Mapping[str, str] = {
    "query": "find", "create": "create", "update": "update", "delete": "delete",
}  # fmt: skip
# Milliseconds that fetching takes at most.
_MOST_FETCH = 30_000


class Asking(Protocol):
    """Asks for something in the name of a step."""

    async def ask(self, scene: Scene, name: str, *arguments: Any) -> Any:
        """Ask the host of scripts."""
        ...


class RecordSteps:
    """Reads and writes records, trusted as scripts are."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def __call__(self, scene: Scene) -> Any:
        """Do what the kind says with the table of the configuration."""
        options = {key: value for key, value in scene.config.items() if key != "table"}
        verb = _VERBS[scene.step.kind]
        return await self._asking.ask(
            scene, f"repos.{verb}", scene.config["table"], "trusted", options
        )


class HttpStep:
    """Sends a request; an answer that says no is an answer, too."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def __call__(self, scene: Scene) -> Any:
        """Send it; give `{status, data}`."""
        config = scene.config
        method = str(config.get("method") or "GET").upper()
        options: dict[str, Any] = {
            "method": method,
            "headers": config.get("headers") or {},
            "timeoutMs": int(min(config.get("timeout") or scene.timeout, _MOST_FETCH)),
        }
        if config.get("responseType") is not None:
            options["responseType"] = config["responseType"]
        if config.get("body") is not None and method not in {"GET", "HEAD"}:
            options["body"] = config["body"]
        try:
            data = await self._asking.ask(scene, "helpers.fetch", str(config["url"]), options)
        except EnfyraError as error:
            status = _status(error.details)
            if status is None:
                raise
            scene.log("warning", error.message)
            return {"status": status, "data": cast("dict[str, Any]", error.details).get("body")}
        return {"status": 200, "data": data}


def _status(details: Any) -> int | None:
    if not isinstance(details, dict):
        return None
    status = cast("dict[str, Any]", details).get("status")
    return status if type(status) is int else None
