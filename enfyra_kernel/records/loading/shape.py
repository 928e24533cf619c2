"""What becomes of records that name certain fields: where each goes, and by which statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ...errors import EnfyraError
from ...metadata.snapshot import Snapshot
from ...metadata.tables import StoredColumn, Table
from ...query.commands import Insert
from ...query.visibility import Access, Use
from ...storage.database import Database, Write
from ..keys import fixed_columns, physical
from .bodies.batch import Batch
from .columns import Columns, Filler, Source

# Records that name ever other fields are not remembered for ever.
MOST = 256


class Shape(NamedTuple):
    """How records that name certain fields are written.

    Attributes:
        columns: What is written, in order: of the sources, then of the fillers.
        key: The columns among them that tell records apart, for an upsert.
    """

    sources: Sequence[Source]
    fillers: Sequence[Filler]
    columns: tuple[StoredColumn, ...]
    key: tuple[str, ...]
    write: Write


class Shapes:
    """The shapes of one load, by the names that records have.

    Args:
        key: The fields that tell records apart, where records with the same key are updated.
    """

    def __init__(
        self,
        table: Table,
        snapshot: Snapshot,
        database: Database,
        access: Access,
        key: tuple[str, ...],
        now: datetime,
    ) -> None:
        self._table = table
        self._database = database
        self._fields = key
        self._now = now
        uses: tuple[Use, ...] = ("create", "update") if key else ("create",)
        self._matched = Columns(table, snapshot, access, uses)
        self._known: dict[tuple[str, ...], Shape] = {}

    def unnested(self, batch: Batch) -> Batch:
        """Give a batch whose related records are named by columns of their own."""
        return self._matched.unnested(batch)

    def of(self, batch: Batch) -> Shape:
        """Give the shape of a batch.

        Raises:
            EnfyraError: INVALID_BODY with every problem of its columns.
        """
        shape = self._known.get(batch.names)
        if shape is None:
            if len(self._known) >= MOST:
                self._known.clear()
            shape = self._known[batch.names] = self._named(batch)
        return shape

    def _named(self, batch: Batch) -> Shape:
        try:
            return self._made(batch.names)
        except EnfyraError as error:
            if not batch.rows or not error.problems:
                raise
            # Only some records name these fields.
            row = batch.rows[0]
            problems = [f"row {row}: {problem}" for problem in error.problems]
            raise EnfyraError("INVALID_BODY", problems=problems, details={"row": row}) from None

    def _made(self, names: Sequence[str]) -> Shape:
        sources = self._matched.sources(names)
        fillers = self._matched.fillers(sources, self._now)
        columns = (*(one.store for one in sources), *(one.store for one in fillers))
        key = self._key(columns)
        kept = set(fixed_columns(self._table))
        # What the server fills in belongs to new records only, the time of the change excepted.
        kept |= {one.store.name for one in fillers} - {"updatedAt"}
        insert = Insert(self._table, columns, conflict=key, kept=frozenset(kept))
        return Shape(sources, fillers, columns, key, self._database.insert(insert))

    def _key(self, columns: Iterable[StoredColumn]) -> tuple[str, ...]:
        key = physical(self._table, self._fields)
        names = {column.name for column in columns}
        for field, name in zip(self._fields, key, strict=True):
            if name not in names:
                raise EnfyraError("INVALID_BODY", problems=[f"{field} is the key and is required"])
        return key
