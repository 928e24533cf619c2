"""Flows, their steps, their runs, and what runs have said."""

from __future__ import annotations

from .declarations import Declarations

STEP_KINDS = (
    "script", "condition", "query", "create", "update", "delete", "http", "trigger_flow", "sleep",
    "log", "notebook", "python", "parallel", "foreach",
)  # fmt: skip


def declare(d: Declarations) -> None:
    """Declare the tables."""
    d.table("flow_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.described()
    d.text("icon")
    d.choice("triggerType", ["manual", "schedule", "webhook", "event", "flow"], "manual")
    d.json("triggerConfig")
    d.number("timeout")
    d.enabled()
    d.system()
    d.number("maxExecutions", 100)
    d.number("maxConcurrent")
    d.json("alertConfig")

    d.table("flow_step_definition", uniques=(("flow", "key"),))
    d.text("key", is_nullable=False)
    d.number("stepOrder", 0, is_nullable=False)
    d.choice("type", list(STEP_KINDS), is_nullable=False)
    d.json("config")
    d.script(timeout=False)
    d.number("timeout")
    d.choice("onError", ["stop", "skip", "retry"], "stop", is_nullable=False)
    d.number("retryAttempts", 0, is_nullable=False)
    d.enabled()
    d.choice("branch", ["true", "false"])
    d.part_of("flow", "flow_definition", "steps", is_nullable=False)
    d.part_of("parent", "flow_step_definition", "children")

    d.table(
        "flow_execution_definition",
        uniques=(("flow", "scheduledFor"),),
        indexes=(("status",), ("startedAt",)),
    )
    d.choice(
        "status",
        ["pending", "running", "completed", "failed", "cancelled"],
        "pending",
        is_nullable=False,
    )
    d.choice("trigger", ["manual", "schedule", "webhook", "event", "flow", "rerun"], "manual")
    d.json("payload", "completedSteps", "turns", "state", "progress", "chain")
    d.text("currentStep")
    d.json("error")
    d.instant("scheduledFor", "startedAt", "completedAt")
    d.number("duration")
    # Who runs it, until when nobody else may, and how often it was begun: what has another fence
    # than the row is somebody's who was too slow.
    d.number("fence", 0, is_nullable=False)
    d.text("leaseOwner")
    d.instant("leaseUntil")
    d.text("startAt")
    d.part_of("flow", "flow_definition", "executions", is_nullable=False)
    d.to_one("triggeredBy", "user_definition")
    d.to_one("rerunOf", "flow_execution_definition")

    d.table("flow_log_definition", indexes=(("execution",),))
    d.text("step")
    d.choice("level", ["debug", "info", "warning", "error"], "info", is_nullable=False)
    d.long("message")
    d.instant("at")
    d.part_of("execution", "flow_execution_definition", "logs", is_nullable=False)
