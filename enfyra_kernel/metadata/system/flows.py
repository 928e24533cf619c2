"""Flows, their steps, and their runs."""

from __future__ import annotations

from .declarations import Declarations


def declare(d: Declarations) -> None:
    """Declare the tables."""
    d.table("flow_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.described()
    d.text("icon")
    d.choice("triggerType", ["manual", "schedule", "webhook", "event"], "manual")
    d.json("triggerConfig")
    d.number("timeout", 30_000)
    d.enabled()
    d.system()
    d.number("maxExecutions", 100)

    d.table("flow_step_definition", uniques=(("flow", "key"),))
    d.text("key", is_nullable=False)
    d.number("stepOrder", 0, is_nullable=False)
    d.choice(
        "type",
        ["script", "condition", "query", "create", "update", "delete", "http", "trigger_flow",
         "sleep", "log", "notebook", "python"],
        is_nullable=False,
    )  # fmt: skip
    d.json("config")
    d.script(timeout=False)
    d.number("timeout", 5_000)
    d.choice("onError", ["stop", "skip", "retry"], "stop", is_nullable=False)
    d.number("retryAttempts", 0, is_nullable=False)
    d.enabled()
    d.choice("branch", ["true", "false"])
    d.part_of("flow", "flow_definition", "steps", is_nullable=False)
    d.part_of("parent", "flow_step_definition", "children")

    d.table("flow_execution_definition", uniques=(("flow", "scheduledFor"),))
    d.choice(
        "status",
        ["pending", "running", "completed", "failed", "cancelled"],
        "pending",
        is_nullable=False,
    )
    d.json("payload", "completedSteps")
    d.text("currentStep")
    d.json("error")
    d.instant("scheduledFor", "startedAt", "completedAt")
    d.number("duration")
    d.number("fence", 0, is_nullable=False)
    d.part_of("flow", "flow_definition", "executions", is_nullable=False)
    d.to_one("triggeredBy", "user_definition")
