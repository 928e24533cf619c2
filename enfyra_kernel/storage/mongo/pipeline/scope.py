"""What a pipeline under construction knows: the values that are bound, and names for its fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Stage = dict[str, Any]
Document = dict[str, Any]

NEVER: Document = {"$expr": False}
"""A condition that no document meets."""


class Scope:
    """Shared by all parts of one pipeline.

    Args:
        values: The values of the query's slots.
        first_slot: How many values come before those of the slots.
    """

    def __init__(self, values: Sequence[Any], first_slot: int = 0) -> None:
        self._values = values
        self._first_slot = first_slot
        self._fields = 0

    def value(self, slot: int) -> Any:
        """Give the canonical value of a slot."""
        return self._values[self._first_slot + slot]

    def field(self) -> str:
        """Give the name of a new field; no column's name begins like it."""
        self._fields += 1
        return f"_x{self._fields}"
