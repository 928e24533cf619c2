"""The physical schema as values: what a table looks like in the database."""

from __future__ import annotations

from typing import Any

import msgspec

from ..metadata.types import ColumnType, OnDelete


class PhysicalColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column.

    Attributes:
        default: A JSON value that new rows get, or None.
        generated: Whether the database counts it up.
        native: The database's own type, as it writes it; set for what was there before.
        read_only: Why we cannot write what was there before; None where we can.
        key: Which definition it stands for, so that a rename is not taken for a loss.
    """

    name: str
    type: ColumnType | None
    options: Any = None
    nullable: bool = True
    default: Any = None
    primary: bool = False
    generated: bool = False
    native: str | None = None
    read_only: str | None = None
    key: str = ""


class PhysicalIndex(msgspec.Struct, frozen=True, kw_only=True):
    """An index, unique or not."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False


class PhysicalReference(msgspec.Struct, frozen=True, kw_only=True):
    """A foreign key constraint of one column, or of several in a table that was there before."""

    name: str | None
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    on_delete: OnDelete = OnDelete.RESTRICT


class PhysicalCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A constraint that keeps a column to a list of values."""

    name: str
    column: str
    values: tuple[str, ...]


class Remark(msgspec.Struct, frozen=True):
    """Something of a table that was there before, and that a definition cannot say.

    Attributes:
        what: The kind of thing, such as `column` or `trigger`.
        name: What it is called.
        reason: What becomes of it.
    """

    what: str
    name: str
    reason: str


class PhysicalTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table.

    Attributes:
        key: Which definition it stands for: a table, or a relation's junction.
        adopted: Whether it was there before Enfyra.
        kind: `table`, or what else inspection found: `view`, `materialized view`, `foreign table`.
        remarks: What a definition cannot say; only a survey gives them.
    """

    name: str
    columns: tuple[PhysicalColumn, ...]
    indexes: tuple[PhysicalIndex, ...] = ()
    references: tuple[PhysicalReference, ...] = ()
    checks: tuple[PhysicalCheck, ...] = ()
    key: str = ""
    adopted: bool = False
    kind: str = "table"
    remarks: tuple[Remark, ...] = ()

    @property
    def primary(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return tuple(column.name for column in self.columns if column.primary)

    def column(self, name: str) -> PhysicalColumn | None:
        """Give the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)
