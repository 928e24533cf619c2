"""From rows to documents: what SQL checks by itself is checked here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from ...errors import StaleDefinitionError
from ...metadata.tables import StoredColumn
from ...metadata.types import DATES, INTEGERS, ColumnType
from ...metadata.values import length_of, reader
from ..database import ConstraintViolation
from ..physical import PhysicalColumn, PhysicalTable
from .client import Document
from .values import FOLDED, KEY, Convert, encoder, field_of, folded, is_searched

NOW = "now"
_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)


@dataclass(slots=True)
class Changes:
    """What an update sets, and which fields it takes away: those that become null."""

    set: Document = field(default_factory=dict[str, Any])
    unset: Document = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    column: PhysicalColumn
    encode: Convert | None
    searched: bool
    allowed: frozenset[str] | None
    check: str | None

    def kept(self, value: Any) -> Any:
        """Give what is kept for a value that is not null."""
        self._refuse(value)
        return value if self.encode is None else self.encode(value)

    def _refuse(self, value: Any) -> None:
        type_ = self.column.type
        if self.allowed is not None and value not in self.allowed:
            raise ConstraintViolation("check", (self.column.name,), self.check)
        if type_ in INTEGERS:
            if value not in (_INT32 if type_ is ColumnType.INT else _INT64):
                raise ConstraintViolation("range", (self.column.name,))
        elif type_ is ColumnType.VARCHAR and len(value) > length_of(self.column.options):
            raise ConstraintViolation("range", (self.column.name,))


class Writer:
    """Makes documents of the rows of one table.

    Attributes:
        table: The table as it is in the database.
        counts: Whether keys are counted up where none is given.
    """

    def __init__(self, table: PhysicalTable) -> None:
        self.table = table
        checks = {one.column: one for one in table.checks}
        self._fields: dict[str, _Field] = {}
        for column in table.columns:
            check = checks.get(column.name)
            self._fields[column.name] = _Field(
                field_of(column.name),
                column,
                encoder(column.type),
                is_searched(column.type),
                frozenset(check.values) if check is not None else None,
                check.name if check is not None else None,
            )
        key = table.column("id")
        self.counts = key is not None and key.generated and key.type in INTEGERS
        self._makes_ids = key is not None and key.type is ColumnType.OBJECT_ID
        self._defaults = {
            column.name: make
            for column in table.columns
            if (make := default_of(column)) is not None
        }

    def field(self, column: str) -> _Field:
        """Give the field of a column.

        Raises:
            StaleDefinitionError: The table has no such column.
        """
        found = self._fields.get(column)
        if found is None:
            raise StaleDefinitionError(f"no such field: {self.table.name}.{column}")
        return found

    def document(self, columns: Sequence[StoredColumn], values: Sequence[Any]) -> Document:
        """Make the document of a new row.

        Raises:
            ConstraintViolation: A value is missing, out of range, or not one of those allowed.
        """
        made: Document = {}
        shadows: Document = {}
        given = {column.name for column in columns}
        for column, value in zip(columns, values, strict=True):
            self._put(made, shadows, self.field(column.name), value)
        for name, one in self._fields.items():
            if name not in given:
                default = self._defaults.get(name)
                self._put(made, shadows, one, None if default is None else default())
        if self._makes_ids and KEY not in made:
            made[KEY] = ObjectId()
        if shadows:
            made[FOLDED] = shadows
        return made

    def _put(self, made: Document, shadows: Document, one: _Field, value: Any) -> None:
        if value is None:
            filled = one.name == KEY and (self.counts or self._makes_ids)
            if not one.column.nullable and not filled:
                raise ConstraintViolation("missing", (one.column.name,))
            return
        made[one.name] = one.kept(value)
        if one.searched and (shadow := folded(value)) is not None:
            shadows[one.name] = shadow

    def changes(self, columns: Sequence[StoredColumn], values: Sequence[Any]) -> Changes:
        """Make what an update does.

        Raises:
            ConstraintViolation: As for `document`.
        """
        made = Changes()
        for column, value in zip(columns, values, strict=True):
            one = self.field(column.name)
            shadow = folded(value) if one.searched and value is not None else None
            if value is None:
                if not one.column.nullable:
                    raise ConstraintViolation("missing", (one.column.name,))
                made.unset[one.name] = ""
            else:
                made.set[one.name] = one.kept(value)
            if one.searched:
                place = f"{FOLDED}.{one.name}"
                if shadow is None:
                    made.unset[place] = ""
                else:
                    made.set[place] = shadow
        return made


def default_of(column: PhysicalColumn) -> Callable[[], Any] | None:
    """Give what makes the value of a column that is not given one."""
    default, type_ = column.default, column.type
    if default is None or type_ is None:
        return None
    if default == NOW and type_ in DATES:
        if column.nullable:
            return None
        if type_ is ColumnType.DATE:
            return lambda: datetime.now(UTC).date()
        return lambda: datetime.now(UTC)
    value = reader(type_, column.options)(default)
    return lambda: value
