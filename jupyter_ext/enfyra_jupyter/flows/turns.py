"""Steps within loops and parallel steps, turn by turn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .durations import duration_of

# So many are kept of a run: the last ones.
MOST = 200
Entry = Mapping[str, Any]


class Turns:
    """What is known of the steps within others, in a run.

    Args:
        run: A row of `flow_execution_definition`.

    Example:
        >>> turns = Turns({"turns": [{"key": "send", "within": "each", "turn": [2],
        ...                           "status": "completed", "duration": 3.0}]})
        >>> turns.told("send"), label_of(turns.of("send")[0])
        ('1 turn, 3 ms each', 'send · turn 3')
    """

    def __init__(self, run: Mapping[str, Any]) -> None:
        entries: Sequence[Entry] = run.get("turns") or ()
        self._by_key: defaultdict[str, list[Entry]] = defaultdict(list)
        self._within: defaultdict[str, list[Entry]] = defaultdict(list)
        for one in entries:
            self._by_key[one["key"]].append(one)
            self._within[one["within"]].append(one)
        self._is_whole = len(entries) < MOST

    def of(self, key: str) -> list[Entry]:
        """Give each time that a step has run, in the order in which it was over."""
        return self._by_key.get(key, [])

    def within(self, key: str) -> list[Entry]:
        """Give what a loop or a parallel step has run, without what loops in it have run."""
        return self._within.get(key, [])

    def told(self, key: str) -> str:
        """Say how often a step has run, how long that took, and what was not as it should be."""
        entries = self.of(key)
        if not entries:
            return ""
        each = duration_of(sum(float(one.get("duration") or 0) for one in entries) / len(entries))
        counts = Counter(one["status"] for one in entries)
        branches = Counter(one["branch"] for one in entries if one.get("branch"))
        if not entries[0].get("turn"):
            parts = [each]
        else:
            turns = f"{len(entries)} turn{'' if len(entries) == 1 else 's'}"
            parts = [turns if self._is_whole else f"the last {turns}", f"{each} each"]
        wrong = [f"{counts[one]} {one}" for one in ("failed", "skipped") if counts[one]]
        parts += [f"{count} {branch}" for branch, count in sorted(branches.items())]
        # A picture has no room for all of it: what is not as it should be comes first.
        return ", ".join(wrong + parts)


def label_of(entry: Entry) -> str:
    """Name a step and its turn, counted from 1."""
    turn = entry.get("turn") or []
    return (
        f"{entry['key']} · turn {'.'.join(str(one + 1) for one in turn)}" if turn else entry["key"]
    )
