"""Some records of a body, by columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ....errors import EnfyraError

# So many records are read, checked and written together.
ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Records by columns.

    Attributes:
        columns: Names, and Arrow arrays or lists of JSON's values.
        rows: The number of each record in its body, from 0.
        is_text: Whether all values are texts, and only the table knows what they stand for.
    """

    columns: tuple[tuple[str, Any], ...]
    rows: Sequence[int]
    is_text: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(name for name, _ in self.columns)


def unreadable(what: str, error: object) -> EnfyraError:
    """Make the error for a body that is not what it says to be.

    Example:
        >>> unreadable("Parquet file", "it has no end").message
        'The body is not one whole Parquet file: it has no end'
    """
    text = str(error).partition("\n")[0]
    return EnfyraError("BAD_REQUEST", f"The body is not one whole {what}: {text}")


def invalid(row: int, problem: str, field: str | None = None) -> EnfyraError:
    """Make the error for a record that is not right.

    Example:
        >>> invalid(7, "must be an integer", "views").message
        'row 7: views must be an integer'
    """
    place = f"row {row}: {field} " if field is not None else f"row {row}: "
    details = {"row": row} if field is None else {"row": row, "field": field}
    return EnfyraError("INVALID_BODY", problems=[f"{place}{problem}"], details=details)
