"""What has become of a run so far, as its holder knows it and its row will."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from ..clock import Clock
from ..encoding import encode_json
from ..errors import EnfyraError
from ..metadata.flows import FlowDefinition, StepDefinition
from .runs import MOST_STATE, Run

# Lines that a run may leave behind, and characters of one.
MOST_LINES = 10_000
MOST_LINE = 10_000
# Entries of steps, and of those that loops and parallel steps have run: of these, the last ones.
MOST_ENTRIES = 1_000
MOST_TURNS = 200


class Entry(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """What is known of a step that is over.

    Attributes:
        duration: Milliseconds.
        retries: How often it was tried again.
        within: The key of the loop, or of the parallel step, that has run it.
        turn: Which turn of that loop it was, from 0; of loops within loops, the outer one first.
    """

    key: str
    type: str
    status: str
    duration: float
    started_at: str = ""
    branch: str | None = None
    retries: int = 0
    error: str | None = None
    within: str | None = None
    turn: list[int] = []


class RunProgress:
    """The results, entries and log lines of one run.

    Attributes:
        turns: The entries of steps within others, the last ones.
        current: The key of the step that runs, if it is one of the flow's own level.
    """

    def __init__(self, run: Run, flow: FlowDefinition, clock: Clock) -> None:
        self._run = run
        self._clock = clock
        self._steps = max(sum(1 for _ in flow.walk()), 1)
        given = _mapping(run.state)
        self.results: dict[str, Any] = dict(_mapping(given.get("results")))
        self.last: Any = given.get("last")
        self._sizes = {key: len(encode_json(one)) for key, one in self.results.items()}
        self.entries: list[Entry] = msgspec.convert(run.completed_steps or [], list[Entry])
        self._over = {one.key for one in self.entries if one.status != "failed"}
        turns = msgspec.convert(run.turns or [], list[Entry])
        self.turns: deque[Entry] = deque(turns, maxlen=MOST_TURNS)
        self.current: str | None = None
        self._said = 0
        self._lines: deque[dict[str, Any]] = deque()
        self._working: dict[str, Any] = {}
        self.changed = False

    # -- what steps see -------------------------------------------------------------------------

    def known(self, meta: Mapping[str, Any]) -> dict[str, Any]:
        """Give what `@FLOW` holds."""
        return {
            **self.results,
            "payload": self._run.payload,
            "last": self.last,
            "meta": meta,
        }

    # -- steps ----------------------------------------------------------------------------------

    def is_over(self, step: StepDefinition) -> bool:
        """Say whether a step was done before, by a holder that has gone, or in an earlier run."""
        return step.key in self._over

    def begin(self, step: StepDefinition) -> None:
        """Note which step begins."""
        self.current = step.key
        self._working = {}
        self.changed = True

    def keep(self, key: str, result: Any) -> None:
        """Keep the result of a step.

        Raises:
            EnfyraError: PAYLOAD_TOO_LARGE when all results are too large together.
        """
        # Only what is new is encoded: to do so with all of it after each step would hold the loop.
        size = len(encode_json(result))
        if sum(self._sizes.values()) - self._sizes.get(key, 0) + size > MOST_STATE:
            raise EnfyraError(
                "PAYLOAD_TOO_LARGE",
                f"With what the step '{key}' gave, the results of the run have more than "
                f"{MOST_STATE >> 20} MB",
                hint="Store the data in a table, and give its keys",
            )
        self._sizes[key] = size
        self.results[key] = self.last = result

    def note(self, entry: Entry) -> None:
        """Note that a step is over."""
        if entry.status != "failed":
            self._over.add(entry.key)
        if len(self.entries) < MOST_ENTRIES:
            self.entries.append(entry)
        self.changed = True

    def note_turn(self, entry: Entry) -> None:
        """Note that a step within another is over, once."""
        self.turns.append(entry)
        self.changed = True

    def turn_anew(self, within: str, turn: Sequence[int]) -> None:
        """Forget the turns of a loop that begins, since it does so once more.

        Args:
            turn: The turn of the loop that it is in.
        """
        around = list(turn)
        gone = [
            one for one in self.turns if one.within == within and one.turn[: len(around)] == around
        ]
        for one in gone:
            self.turns.remove(one)

    def work(self, done: float, total: float, what: str) -> None:
        """Note how far the step at work is."""
        self._working = {"done": done, "total": total, "what": what[:200]}
        self.changed = True

    # -- the log --------------------------------------------------------------------------------

    def say(self, step: str, level: str, message: str) -> None:
        """Note a line of the log."""
        self._said += 1
        if self._said > MOST_LINES:
            return
        if self._said == MOST_LINES:
            level, message = "warning", f"The log ends here: it has {MOST_LINES} lines"
        self._lines.append(
            {
                "step": step,
                "level": level,
                "message": message[:MOST_LINE],
                "at": self._clock.now().isoformat(),
            }
        )

    def lines(self) -> list[dict[str, Any]]:
        """Give the lines that were not asked for yet."""
        found = list(self._lines)
        self._lines.clear()
        return found

    def unsaid(self, lines: list[dict[str, Any]]) -> None:
        """Take lines back that could not be stored."""
        self._lines.extendleft(reversed(lines))

    # -- the row --------------------------------------------------------------------------------

    def row(self) -> dict[str, Any]:
        """Give the columns of the run's row."""
        self.changed = False
        done = len({one.key for one in self.entries if one.status != "failed"})
        # Most runs have none, and write nothing for them.
        turns = {"turns": msgspec.to_builtins(list(self.turns))} if self.turns else {}
        return {
            "completedSteps": msgspec.to_builtins(self.entries),
            **turns,
            "state": {"results": self.results, "last": self.last},
            "progress": {"done": done, "total": max(self._steps, done), **self._within()},
            "currentStep": self.current,
        }

    def _within(self) -> dict[str, Any]:
        return {"step": self._working} if self._working else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
