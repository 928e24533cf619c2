"""What scripts set off elsewhere."""

from __future__ import annotations

from typing import Any

from ..errors import EnfyraError
from ..lifecycle.context import Context
from ..storage.database import Session
from .triggers import Triggers


class FlowEffects:
    """Begins flows for scripts; nobody listens to sockets."""

    def __init__(self, triggers: Triggers) -> None:
        self._triggers = triggers

    async def trigger(
        self, context: Context, flow: Any, payload: Any, session: Session | None = None
    ) -> Any:
        """Begin a flow; within a transaction, only if that is committed."""
        return await self._triggers.trigger(context, flow, payload, session)

    async def committed(self) -> None:
        """Have what was triggered within a transaction begin."""
        await self._triggers.woken()

    async def emit(self, context: Context, function: str, arguments: list[Any]) -> Any:
        """Refuse: there is nobody who could hear it."""
        raise EnfyraError("INVALID_ARGUMENT", "There are no sockets on this server")
