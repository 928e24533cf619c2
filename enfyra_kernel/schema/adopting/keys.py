"""Which column tells the records of somebody's table apart, or which columns do so together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...errors import EnfyraError, did_you_mean
from ...metadata.types import DOCUMENTS, ColumnType
from ...storage.physical import PhysicalColumn, PhysicalTable

_KEY_TYPES = frozenset(
    {ColumnType.INT, ColumnType.BIGINT, ColumnType.UUID, ColumnType.VARCHAR, ColumnType.TEXT,
     ColumnType.ENUM}
)  # fmt: skip
NO_KEY = "it has no key that tells its records apart"


class Key(NamedTuple):
    """How records are told apart, by physical names.

    Attributes:
        primary: The column that stands for a record.
        together: The columns that only together tell records apart; None if `primary` does.
        read_only: Why records cannot be written at all; None if they can.
    """

    primary: str
    together: tuple[str, ...] | None = None
    read_only: str | None = None


def choose_key(table: PhysicalTable, asked: str | None = None) -> Key | None:
    """Choose what tells records apart; None where nothing can.

    Args:
        asked: The column that somebody says does, in a view or a table without a key.

    Raises:
        EnfyraError: VALIDATION_ERROR for a column that cannot.
    """
    key = _own_key(table)
    if key is None or key.read_only is not None:
        return _asked(table, asked, key)
    if asked is not None and asked != key.primary:
        raise _refused(table, asked, f"its key is '{key.primary}'")
    return key


def _own_key(table: PhysicalTable) -> Key | None:
    if table.kind != "table":
        return _everything(table, f"it is a {table.kind}")
    primary = [one for one in table.columns if one.primary]
    if len(primary) == 1 and primary[0].type in _KEY_TYPES:
        return Key(primary[0].name)
    for column in table.columns:
        if not column.nullable and column.type in _KEY_TYPES and _is_unique(table, column):
            return Key(column.name)
    if primary and all(has_order(one) for one in primary):
        return Key(primary[0].name, tuple(one.name for one in primary))
    return _everything(table, NO_KEY)


def _everything(table: PhysicalTable, reason: str) -> Key | None:
    """Tell records apart by all that they hold, as far as it has an order."""
    ordered = [one for one in table.columns if has_order(one)]
    if not ordered:
        return None
    names = tuple(one.name for one in ordered)
    likely = ("id", f"{table.name}_id", f"{table.name}id")
    for column in _likely(ordered, likely):
        return Key(column.name, names, reason)
    required = next((one for one in ordered if not one.nullable), ordered[0])
    return Key(required.name, names, reason)


def _likely(columns: Iterable[PhysicalColumn], names: tuple[str, ...]) -> Iterable[PhysicalColumn]:
    by_name = {one.name.lower(): one for one in columns if one.type in _KEY_TYPES}
    return [by_name[name.lower()] for name in names if name.lower() in by_name]


def _asked(table: PhysicalTable, asked: str | None, key: Key | None) -> Key | None:
    if asked is None or key is None:
        return key
    column = table.column(asked)
    if column is None:
        hint = did_you_mean(asked, [one.name for one in table.columns])
        raise _refused(table, asked, f"it has no such column.{hint}")
    if column.type not in _KEY_TYPES:
        raise _refused(table, asked, "a key is a whole number, a UUID or a text")
    return Key(asked, None, key.read_only)


def _refused(table: PhysicalTable, asked: str, why: str) -> EnfyraError:
    problem = f"keys: '{asked[:80]}' cannot be the key of '{table.name}': {why}"
    return EnfyraError("VALIDATION_ERROR", problems=[problem])


def has_order(column: PhysicalColumn) -> bool:
    """Say whether records can be put in the order of a column."""
    return column.type is not None and column.type not in DOCUMENTS


def _is_unique(table: PhysicalTable, column: PhysicalColumn) -> bool:
    return any(one.unique and one.columns == (column.name,) for one in table.indexes)
