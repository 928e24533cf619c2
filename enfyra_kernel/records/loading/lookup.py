"""Related records that a stream names by another field than their key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...encoding import decode_json
from ...errors import EnfyraError
from ...metadata.definitions import ColumnDefinition
from ...metadata.tables import Table, stored
from ...metadata.values import reader
from ...query.ast import Operator
from ...query.plan import Comparison, Plan, Slot
from ...query.selection import SelectedColumn
from ...storage.database import Database, Read, Session


class Lookup:
    """Finds the keys of one table's records by one field, each value once.

    Args:
        place: The column of the stream, for messages.
        strict: Whether a value that no record has is an error.

    Attributes:
        unmatched: How many values no record had.
    """

    def __init__(
        self, database: Database, table: Table, field: ColumnDefinition, place: str, *, strict: bool
    ) -> None:
        self._table = table
        self._field = field
        self._place = place
        self._strict = strict
        self._known: dict[Any, Any] = {}
        self._read: Read = database.read(_plan(table, field))
        self.unmatched = 0

    async def keys(self, session: Session, values: Sequence[Any], rows: Sequence[int]) -> list[Any]:
        """Give the key for each value; None for None, and for a value that no record has.

        Raises:
            EnfyraError: RELATION_NOT_FOUND, naming the first row.
        """
        unknown = {value for value in values if value is not None and value not in self._known}
        if unknown:
            self._known |= await self._find(session, list(unknown))
        missing = [
            (row, value)
            for row, value in zip(rows, values, strict=True)
            if value is not None and value not in self._known
        ]
        if missing and self._strict:
            shown = ", ".join(repr(value) for value in sorted({str(v) for _, v in missing})[:5])
            raise EnfyraError(
                "RELATION_NOT_FOUND",
                f"{self._place}: there is no '{self._table.name}' with {self._field.name} {shown} "
                f"(row {missing[0][0]})",
                hint="Load those records first, or ask for missing=null",
            )
        self.unmatched += len(missing)
        return [self._known.get(value) for value in values]

    async def _find(self, session: Session, values: list[Any]) -> dict[Any, Any]:
        page = await session.find(self._read, (values,), -1)
        read = reader(self._field.type, self._field.options)
        keys: dict[Any, Any] = {}
        for row in decode_json(page.rows):
            value = read(row[self._field.name])
            if value in keys:
                raise EnfyraError(
                    "INVALID_BODY",
                    problems=[
                        f"{self._place}: several '{self._table.name}' have "
                        f"{self._field.name} {value!r}"
                    ],
                )
            keys[value] = row[self._table.primary.name]
        return keys


def _plan(table: Table, field: ColumnDefinition) -> Plan:
    by = stored(field)
    return Plan(
        table=table,
        selection=(
            SelectedColumn(table.primary.name, table.primary),
            SelectedColumn(field.name, field),
        ),
        where=Comparison(by, Operator.IN, 0),
        order=(),
        slots=(Slot(by.name, by.type, Operator.IN, lambda value: value),),
    )
