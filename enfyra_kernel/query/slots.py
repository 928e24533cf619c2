"""Slots: how the values of a query become the values that are bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import EnfyraError
from ..metadata.types import ColumnType
from .ast import LISTS, Operator


@dataclass(frozen=True, slots=True)
class Slot:
    """How a value of the query becomes the value that is bound.

    Attributes:
        place: What to call it in messages.
        read: Makes the canonical value or raises ValueError.
        parameter: The parameter of the query that the place is in.
        hint: What else somebody may have meant whose value cannot be read.
    """

    place: str
    type: ColumnType
    operator: Operator
    read: Callable[[Any], Any] = field(compare=False)
    parameter: str = field(default="filter", compare=False)
    hint: str | None = field(default=None, compare=False)

    def bind(self, value: Any) -> Any:
        """Give the canonical value for what the client sent."""
        try:
            if self.operator in LISTS or self.operator is Operator.BETWEEN:
                return [self.read(item) for item in value]
            return self.read(value)
        except ValueError as error:
            raise EnfyraError(
                "INVALID_VALUE",
                f"{self.parameter}.{self.place}: {error}",
                details={"field": self.place, "operator": self.operator.value},
                hint=self.hint,
            ) from None


class Slots:
    """Collects the slots of one Plan, by their numbers."""

    def __init__(self) -> None:
        self._slots: dict[int, Slot] = {}

    def add(self, number: int, slot: Slot) -> None:
        """Note what a value is for."""
        self._slots[number] = slot

    def all(self) -> tuple[Slot, ...]:
        """Give them in the order of the values."""
        return tuple(self._slots[number] for number in range(len(self._slots)))


def bound(slots: Sequence[Slot], values: Sequence[Any]) -> tuple[Any, ...]:
    """Give the canonical values to bind for a query's values."""
    return tuple(slot.bind(value) for slot, value in zip(slots, values, strict=True))
