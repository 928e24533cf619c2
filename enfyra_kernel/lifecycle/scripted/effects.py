"""What scripts set off elsewhere: flows, and messages to sockets."""

from __future__ import annotations

from typing import Any, Protocol

from ...storage.database import Session
from ..context import Context


class Effects(Protocol):
    """Takes what scripts set off elsewhere: flows, and messages to sockets."""

    async def trigger(
        self, context: Context, flow: Any, payload: Any, session: Session | None = None
    ) -> Any:
        """Start a flow.

        Args:
            session: A transaction that it is part of: it starts if that is committed.
        """
        ...

    async def committed(self) -> None:
        """Have what was triggered within a transaction start."""
        ...

    async def emit(self, context: Context, function: str, arguments: list[Any]) -> Any:
        """Send a message to sockets."""
        ...


class CapturedEffects:
    """Keeps what scripts would have set off, for requests that are only tried.

    Attributes:
        triggers: Flows with their payloads.
        messages: Functions of `@SOCKET` with their arguments.
    """

    def __init__(self) -> None:
        self.triggers: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []

    async def trigger(
        self, context: Context, flow: Any, payload: Any, session: Session | None = None
    ) -> Any:
        """Keep a trigger."""
        self.triggers.append({"flow": flow, "payload": payload})
        return {"jobId": None, "flowId": None}

    async def committed(self) -> None:
        """Do nothing: nothing starts."""

    async def emit(self, context: Context, function: str, arguments: list[Any]) -> Any:
        """Keep a message."""
        self.messages.append({"function": function, "arguments": arguments})
        return None
