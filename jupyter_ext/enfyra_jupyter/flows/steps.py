"""The steps of a flow as a tree, and what has become of each in a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .durations import duration_of
from .turns import Turns

WAITING, RUNNING, COMPLETED, FAILED = "waiting", "running", "completed", "failed"
SKIPPED, CANCELLED = "skipped", "cancelled"
LEFT_OUT, UNREACHED, OFF = "left out", "not reached", "turned off"
CONDITION, PARALLEL, FOREACH = "condition", "parallel", "foreach"
UNDER_WAY = ("pending", "running")
# What says most about a step, of its configuration.
_TELLING = ("table", "url", "flow", "flowName", "path", "items", "message", "ms")


@dataclass(frozen=True, slots=True)
class Step:
    """A step.

    Attributes:
        about: What it works on, in a word or two.
        branch: Of a child of a condition: `true` or `false`.
    """

    key: str
    kind: str
    about: str = ""
    branch: str | None = None
    is_enabled: bool = True
    children: tuple[Step, ...] = ()

    def walk(self) -> Iterator[Step]:
        """Give the step and all within it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class State:
    """What has become of a step.

    Attributes:
        word: One of the words above.
        note: How long it took, and how often it was tried again.
    """

    word: str
    note: str = ""


def steps_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Put rows of `flow_step_definition` together.

    Example:
        >>> rows = [
        ...     {"id": 1, "key": "all", "type": "foreach", "stepOrder": 0},
        ...     {"id": 2, "key": "one", "type": "log", "stepOrder": 0, "parent": {"id": 1}},
        ... ]
        >>> [step.key for step in steps_of(rows)[0].walk()]
        ['all', 'one']
    """
    within: defaultdict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        within[(row.get("parent") or {}).get("id")].append(row)

    def children(parent: Any) -> tuple[Step, ...]:
        found = sorted(within[parent], key=lambda row: (row["stepOrder"], row["id"]))
        return tuple(
            Step(
                key=row["key"],
                kind=row["type"],
                about=about_of(row.get("config")),
                branch=row.get("branch"),
                is_enabled=bool(row.get("isEnabled", True)),
                children=children(row["id"]),
            )
            for row in found
        )

    return children(None)


def about_of(config: Any) -> str:
    """Say in a word what a step works on."""
    given = config if isinstance(config, Mapping) else {}
    return next((str(given[name]) for name in _TELLING if given.get(name) is not None), "")


# -- in a run -------------------------------------------------------------------------------------


def states_of(steps: Sequence[Step], run: Mapping[str, Any]) -> dict[str, State]:
    """Say what has become of each step, by key.

    Args:
        run: A row of `flow_execution_definition`.
    """
    entries = {one["key"]: one for one in run.get("completedSteps") or []}
    states: dict[str, State] = {}
    _mark(steps, entries, run, states)
    turns = Turns(run)
    for step in (one for top in steps for one in top.walk() if one.kind in {FOREACH, PARALLEL}):
        _mark_turns(step, turns, states)
    return states


def _mark_turns(step: Step, turns: Turns, states: dict[str, State]) -> None:
    """Say of the steps within one what has become of them, all turns together."""
    for child in (one for top in step.children for one in top.walk()):
        known = {one["status"] for one in turns.of(child.key)}
        if not known:
            continue
        if FAILED in known:
            word = FAILED
        elif states[step.key].word == RUNNING:
            word = RUNNING
        else:
            word = SKIPPED if known == {SKIPPED} else COMPLETED
        states[child.key] = State(word, turns.told(child.key))


def _mark(
    steps: Sequence[Step],
    entries: Mapping[str, Mapping[str, Any]],
    run: Mapping[str, Any],
    states: dict[str, State],
) -> None:
    for step in steps:
        if not step.is_enabled:
            _all(step.walk(), State(OFF), states)
            continue
        entry = entries.get(step.key)
        state = states[step.key] = _state(step, entry, run)
        if step.kind != CONDITION:
            # As long as nothing is known of its turns.
            inner = State(state.word) if state.word in {WAITING, RUNNING, COMPLETED} else State("")
            for child in step.children:
                _all(child.walk(), inner if child.kind != CONDITION else State(""), states)
            continue
        taken = entry.get("branch") if entry is not None else None
        _mark([one for one in step.children if taken in {None, one.branch}], entries, run, states)
        for child in step.children:
            if taken not in {None, child.branch}:
                _all(child.walk(), State(LEFT_OUT), states)


def _all(steps: Iterable[Step], state: State, states: dict[str, State]) -> None:
    for step in steps:
        states[step.key] = state


def _state(step: Step, entry: Mapping[str, Any] | None, run: Mapping[str, Any]) -> State:
    if entry is not None:
        note = [took] if (took := duration_of(entry.get("duration"))) else []
        if step.kind == CONDITION and entry.get("branch"):
            note.insert(0, str(entry["branch"]))
        if retries := entry.get("retries"):
            note.append(f"{retries} {'retry' if retries == 1 else 'retries'}")
        return State(str(entry["status"]), ", ".join(note))
    status = run.get("status")
    if run.get("currentStep") == step.key and status in {"running", "cancelled"}:
        return State(RUNNING if status == "running" else CANCELLED)
    return State(WAITING if status in UNDER_WAY else UNREACHED)
