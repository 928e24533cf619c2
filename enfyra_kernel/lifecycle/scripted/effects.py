"""What scripts set off elsewhere: flows, and messages to sockets."""

from __future__ import annotations

from typing import Any, Protocol

from ...encoding import decode_json
from ...errors import EnfyraError, did_you_mean
from ...query.ast import Compare, Operator, Query, Shape
from ...query.plan import ADMINISTRATOR
from ...records.records import Records
from ..context import Context

FLOW = "flow_definition"
EXECUTION = "flow_execution_definition"


class Effects(Protocol):
    """Takes what scripts set off elsewhere: flows, and messages to sockets."""

    async def trigger(self, context: Context, flow: Any, payload: Any) -> Any:
        """Start a flow."""
        ...

    async def emit(self, context: Context, function: str, arguments: list[Any]) -> Any:
        """Send a message to sockets."""
        ...


class RecordedEffects:
    """Writes triggers down as pending runs of their flows."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def trigger(self, context: Context, flow: Any, payload: Any) -> Any:
        """Note that a flow is to run, by its name or id.

        Raises:
            EnfyraError: INVALID_ARGUMENT when there is no such flow, or it is turned off.
        """
        found = await self._flow(flow)
        run = {"flow": {"id": found}, "payload": payload, "status": "pending"}
        if context.caller is not None and context.caller.id:
            run["triggeredBy"] = {"id": context.caller.id}
        rows = await self._records.of(EXECUTION).create(
            run, Query(shape=Shape(fields=("id",))), ADMINISTRATOR
        )
        return {"jobId": decode_json(rows)[0]["id"], "flowId": found}

    async def _flow(self, flow: Any) -> Any:
        name = "id" if type(flow) is int else "name"
        repository = self._records.of(FLOW)
        shape = Shape(where=Compare(name, Operator.EQ, 0), fields=("id", "isEnabled"))
        rows = await repository.rows(Query(shape=shape, values=(flow,)), ADMINISTRATOR)
        if not rows:
            names = await repository.rows(
                Query(shape=Shape(fields=("name",)), limit=1000), ADMINISTRATOR
            )
            hint = did_you_mean(str(flow), [row["name"] for row in names])
            raise EnfyraError("INVALID_ARGUMENT", f"There is no flow '{str(flow)[:64]}'.{hint}")
        if not rows[0]["isEnabled"]:
            raise EnfyraError("INVALID_ARGUMENT", f"The flow '{flow}' is turned off")
        return rows[0]["id"]

    async def emit(self, context: Context, function: str, arguments: list[Any]) -> Any:
        """Refuse: there is nobody who could hear it."""
        raise EnfyraError("INVALID_ARGUMENT", "There are no sockets on this server")


class CapturedEffects:
    """Keeps what scripts would have set off, for requests that are only tried.

    Attributes:
        triggers: Flows with their payloads.
        messages: Functions of `@SOCKET` with their arguments.
    """

    def __init__(self) -> None:
        self.triggers: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []

    async def trigger(self, context: Context, flow: Any, payload: Any) -> Any:
        """Keep a trigger."""
        self.triggers.append({"flow": flow, "payload": payload})
        return {"jobId": None, "flowId": None}

    async def emit(self, context: Context, function: str, arguments: list[Any]) -> Any:
        """Keep a message."""
        self.messages.append({"function": function, "arguments": arguments})
        return None
