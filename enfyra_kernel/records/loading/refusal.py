"""Which row of a load the database has refused: it says at most which value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import EnfyraError
from ...metadata.tables import StoredColumn, Table
from ...storage.database import ConstraintViolation
from ..violations import columns_of, explain_write, field_names

Row = tuple[Any, ...]

_TOLD = frozenset({"unique", "reference"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A batch of rows that could not be written.

    Attributes:
        columns: What the values of each row are for.
        rows: The rows of the batch.
        numbers: The number of each row, for messages.
    """

    table: Table
    columns: Sequence[StoredColumn]
    rows: Sequence[Row]
    numbers: Sequence[int]

    def explain(self, violation: ConstraintViolation) -> EnfyraError:
        """Explain it, with the row where that can be told."""
        columns = violation.columns or columns_of(violation.constraint, self.table)
        names = [column.name for column in self.columns]
        if violation.kind not in _TOLD or not columns or not set(columns) <= set(names):
            return explain_write(violation, self.table, {})
        places = [names.index(name) for name in columns]
        keys = [tuple(row[place] for place in places) for row in self.rows]
        twice = _twice(keys) if violation.kind == "unique" else None
        if twice is not None:
            return self._twice(columns, keys[twice[1]], *(self.numbers[one] for one in twice))
        met = _met(keys, violation.value)
        if met is None:
            known = dict.fromkeys(columns, violation.value) if len(columns) == 1 else {}
            return explain_write(violation, self.table, known if violation.value else {}, columns)
        number, values = self.numbers[met], dict(zip(columns, keys[met], strict=True))
        error = explain_write(violation, self.table, values, columns, f"row {number}")
        error.details |= {"row": number}
        return error

    def _twice(self, columns: Sequence[str], key: Row, first: int, second: int) -> EnfyraError:
        fields = field_names(self.table, columns)
        both = ", ".join(f"{name} {value!r}" for name, value in zip(fields, key, strict=True))
        return EnfyraError(
            "DUPLICATE_RESOURCE",
            f"rows {first} and {second}: {', '.join(fields)} must be unique, and both have {both}",
            details={"table": self.table.name, "fields": fields, "row": second},
        )


def _twice(keys: Sequence[Row]) -> tuple[int, int] | None:
    """Find two rows with the same key; a null is equal to nothing."""
    seen: dict[Row, int] = {}
    for number, key in enumerate(keys):
        if None in key:
            continue
        if key in seen:
            return seen[key], number
        seen[key] = number
    return None


def _met(keys: Sequence[Row], value: str | None) -> int | None:
    """Find the row whose key is the value that the database names."""
    if value is None:
        return None
    for separator in (", ", "-"):
        for number, key in enumerate(keys):
            if separator.join(map(str, key)) == value:
                return number
    return None
