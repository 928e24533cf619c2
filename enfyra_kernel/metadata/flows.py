"""Flows as they are defined: what sets them off, and their steps as a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import msgspec

from ..errors import EnfyraError, did_you_mean
from .hooks import DEFAULT_LANGUAGE

MANUAL, SCHEDULE, WEBHOOK, EVENT, FLOW = "manual", "schedule", "webhook", "event", "flow"
CREATED, UPDATED, DELETED = "created", "updated", "deleted"
EVENTS = (CREATED, UPDATED, DELETED)
# Steps whose children say what is done.
CONDITION, PARALLEL, FOREACH = "condition", "parallel", "foreach"
CONTAINERS = frozenset({CONDITION, PARALLEL, FOREACH})
# What `@FLOW` holds beside the results of steps, and what it can do in Python.
RESERVED_KEYS = frozenset(
    {
        "payload",
        "last",
        "meta",
        "item",
        "index",
        "vars",
        *(one for one in dir(dict) if one[0] != "_"),
    }
)


class FlowRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of `flow_definition`."""

    id: int
    name: str
    trigger_type: str | None = None
    trigger_config: Any = None
    timeout: int | None = None
    is_enabled: bool = True
    max_executions: int | None = None
    max_concurrent: int | None = None
    alert_config: Any = None
    created_at: str | None = None


class _Ref(msgspec.Struct, frozen=True):
    id: int


class FlowStepRow(msgspec.Struct, frozen=True, rename="camel"):
    """A row of `flow_step_definition`."""

    id: int
    key: str
    step_order: int
    type: str
    flow: _Ref
    config: Any = None
    source_code: str | None = None
    script_language: str | None = None
    timeout: int | None = None
    on_error: str = "stop"
    retry_attempts: int = 0
    is_enabled: bool = True
    branch: str | None = None
    parent: _Ref | None = None


class StepDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a flow.

    Attributes:
        kind: What it does: `script`, `query`, `http` and the others.
        config: What it does that with; strings may hold `{{ expressions }}`.
        timeout: Milliseconds; None for what is usual for its kind.
        on_error: `stop`, `skip` or `retry`.
        branch: Of a child of a condition: the outcome that it belongs to.
        children: The enabled steps within it, in order.
    """

    id: int
    key: str
    kind: str
    config: Mapping[str, Any] = {}
    source: str = ""
    language: str = DEFAULT_LANGUAGE
    timeout: int | None = None
    on_error: str = "stop"
    retry_attempts: int = 0
    branch: str | None = None
    children: tuple[StepDefinition, ...] = ()

    def walk(self) -> Iterator[StepDefinition]:
        """Give the step and all steps within it."""
        yield self
        for child in self.children:
            yield from child.walk()


class FlowDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A flow.

    Attributes:
        trigger: What sets it off besides people: `manual` for nothing.
        timeout: Milliseconds for all of a run; None for no limit.
        kept: How many of its runs are kept.
        most: How many of its runs may go on at the same time; None for any number.
        alert: What is done when a run has failed.
        steps: The enabled steps that are within no other, in order.
    """

    id: int
    name: str
    trigger: str = MANUAL
    trigger_config: Mapping[str, Any] = {}
    timeout: int | None = None
    is_enabled: bool = True
    kept: int = 100
    most: int | None = None
    alert: Mapping[str, Any] = {}
    created: str | None = None
    steps: tuple[StepDefinition, ...] = ()

    def walk(self) -> Iterator[StepDefinition]:
        """Give all steps, those within others behind these."""
        for step in self.steps:
            yield from step.walk()

    def step(self, key: str) -> StepDefinition:
        """Find a step.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND with the nearest key.
        """
        for step in self.walk():
            if step.key == key:
                return step
        keys = [step.key for step in self.walk()]
        raise EnfyraError(
            "RESOURCE_NOT_FOUND",
            f"The flow '{self.name}' has no step '{key[:80]}'.{did_you_mean(key, keys)}",
        )


class Flows:
    """All flows, found by what sets them off.

    Example:
        >>> flows = Flows([FlowDefinition(id=1, name="refresh")])
        >>> flows.find("refresh").id
        1
    """

    def __init__(self, flows: Iterable[FlowDefinition] = ()) -> None:
        self.by_id: Mapping[int, FlowDefinition] = MappingProxyType({one.id: one for one in flows})

    def find(self, which: Any) -> FlowDefinition:
        """Find a flow by its name, or by its id as a number or digits.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND with the nearest name.
        """
        found = self._by_name.get(which) if isinstance(which, str) else None
        if found is None and (type(which) is int or (isinstance(which, str) and which.isdigit())):
            found = self.by_id.get(int(which))
        if found is None:
            hint = did_you_mean(str(which), self._by_name)
            raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no flow '{str(which)[:80]}'.{hint}")
        return found

    @cached_property
    def _by_name(self) -> Mapping[str, FlowDefinition]:
        return {one.name: one for one in self.by_id.values()}

    @cached_property
    def scheduled(self) -> tuple[FlowDefinition, ...]:
        """Those that run at certain times."""
        return tuple(self._set_off_by(SCHEDULE))

    @cached_property
    def webhooks(self) -> Mapping[str, FlowDefinition]:
        """Those that requests from elsewhere set off, by the end of their path."""
        return {str(one.trigger_config.get("path")): one for one in self._set_off_by(WEBHOOK)}

    @cached_property
    def _listening(self) -> Mapping[tuple[str, str], tuple[FlowDefinition, ...]]:
        found: defaultdict[tuple[str, str], list[FlowDefinition]] = defaultdict(list)
        for one in self._set_off_by(EVENT):
            for event in one.trigger_config.get("on") or EVENTS:
                found[str(one.trigger_config.get("table")), event].append(one)
        return {key: tuple(flows) for key, flows in found.items()}

    def listens(self, table: str) -> bool:
        """Say whether anything waits for what becomes of a table's records."""
        return any((table, event) in self._listening for event in EVENTS)

    def on(self, table: str, event: str) -> tuple[FlowDefinition, ...]:
        """Give those that wait for records of a table to be `created`, `updated` or `deleted`."""
        return self._listening.get((table, event), ())

    def after(self, flow: str, status: str) -> list[FlowDefinition]:
        """Give those that wait for the end of another flow's run."""
        return [
            one
            for one in self._set_off_by(FLOW)
            if one.trigger_config.get("flow") == flow
            and status in (one.trigger_config.get("on") or ["completed"])
        ]

    def _set_off_by(self, trigger: str) -> Iterator[FlowDefinition]:
        return (one for one in self.by_id.values() if one.is_enabled and one.trigger == trigger)


def assemble_flows(
    rows: Iterable[FlowRow], steps: Iterable[FlowStepRow]
) -> tuple[FlowDefinition, ...]:
    """Put flows together with their steps; what is turned off is left out with all within it."""
    within: defaultdict[tuple[int, int | None], list[FlowStepRow]] = defaultdict(list)
    for step in steps:
        if step.is_enabled:
            within[step.flow.id, step.parent.id if step.parent else None].append(step)

    def children(flow: int, parent: int | None) -> tuple[StepDefinition, ...]:
        found = sorted(within[flow, parent], key=lambda one: (one.step_order, one.id))
        return tuple(_step(one, children(flow, one.id)) for one in found)

    return tuple(_flow(row, children(row.id, None)) for row in rows)


def _flow(row: FlowRow, steps: tuple[StepDefinition, ...]) -> FlowDefinition:
    return FlowDefinition(
        id=row.id,
        name=row.name,
        trigger=row.trigger_type or MANUAL,
        trigger_config=_mapping(row.trigger_config),
        timeout=row.timeout,
        is_enabled=row.is_enabled,
        kept=100 if row.max_executions is None else row.max_executions,
        most=row.max_concurrent,
        alert=_mapping(row.alert_config),
        created=row.created_at,
        steps=steps,
    )


def _step(row: FlowStepRow, children: tuple[StepDefinition, ...]) -> StepDefinition:
    return StepDefinition(
        id=row.id,
        key=row.key,
        kind=row.type,
        config=_mapping(row.config),
        source=row.source_code or "",
        language=row.script_language or DEFAULT_LANGUAGE,
        timeout=row.timeout,
        on_error=row.on_error,
        retry_attempts=row.retry_attempts,
        branch=row.branch,
        children=children,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]
