"""Hints for what is often written wrongly."""

from __future__ import annotations

import re
from collections.abc import Sequence

Rules = Sequence[tuple[re.Pattern[str], str]]


def rules(pairs: Sequence[tuple[str, str]]) -> Rules:
    """Give rules: a regular expression, and the hint where it is found."""
    return [(re.compile(pattern), hint) for pattern, hint in pairs]


def hint_for(text: str, rules: Rules) -> str | None:
    """Give the hint of the first rule that finds something."""
    return next((hint for pattern, hint in rules if pattern.search(text)), None)
