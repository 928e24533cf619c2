"""Whether what was answered is what the page says; `...` stands for anything."""

from __future__ import annotations

import re
from typing import Any

ANYTHING = "..."


def json_problem(said: Any, answered: Any, place: str = "") -> str | None:
    """Say where an answer is not what the page says; `"..."` is any value, or any more keys."""
    if said == ANYTHING:
        return None
    if isinstance(said, dict) and isinstance(answered, dict):
        missing = sorted(set(said) - set(answered) - {ANYTHING})
        extra = sorted(set(answered) - set(said)) if ANYTHING not in said else []
        if missing or extra:
            return f"{place or 'the object'}: not there {missing}, not mentioned {extra}"
        parts = [(f"{place}.{key}", said[key], answered[key]) for key in said if key != ANYTHING]
    elif isinstance(said, list) and isinstance(answered, list):
        if said and said[-1] == ANYTHING:
            said, answered = said[:-1], answered[: len(said) - 1]
        if len(said) != len(answered):
            return f"{place or 'the list'}: {len(answered)} entries instead of {len(said)}"
        parts = [
            (f"{place}[{number}]", one, other)
            for number, (one, other) in enumerate(zip(said, answered, strict=True))
        ]
    elif isinstance(said, str) and isinstance(answered, str):
        return text_problem(said, answered, place)
    else:
        same = said == answered and isinstance(said, bool) == isinstance(answered, bool)
        return None if same else f"{place}: {answered!r} instead of {said!r}"
    return next(
        (found for part in parts if (found := json_problem(part[1], part[2], part[0]))), None
    )


def text_problem(said: str, answered: str, place: str = "") -> str | None:
    """Say that a text is not what the page says, if it is not."""
    pattern = ".*?".join(re.escape(part) for part in said.strip().split(ANYTHING))
    if re.fullmatch(pattern, answered.strip(), re.DOTALL):
        return None
    return f"{place}: {answered.strip()!r} instead of {said.strip()!r}"
