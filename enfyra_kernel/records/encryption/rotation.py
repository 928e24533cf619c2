"""Encrypting all stored values anew with the first key, so that older keys can go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ...encoding import decode_json
from ...metadata.definitions import ColumnDefinition
from ...metadata.snapshot import Snapshot
from ...metadata.tables import StoredColumn, Table, stored
from ...metadata.values import reader
from ...query.ast import Operator
from ...query.commands import Update
from ...query.plan import All, Comparison, Ordering, Plan, Slot
from ...query.selection import SelectedColumn
from ...storage.database import Database, Read, Session, Write
from .keys import Keyring, Undecipherable
from .values import Secret

BATCH = 500


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rotation has come in one table.

    Attributes:
        rows: How many records have been looked at.
        total: How many there were in the beginning.
        changed: How many values have been encrypted anew.
        failed: How many values cannot be decrypted, and stayed as they are.
    """

    table: str
    rows: int = 0
    total: int = 0
    changed: int = 0
    failed: int = 0


Report = Callable[[Progress], None]


class _Sealed(NamedTuple):
    """A column that holds ciphertext, and what that is bound to."""

    column: ColumnDefinition
    context: bytes


async def rotate_keys(
    database: Database,
    snapshot: Snapshot,
    keyring: Keyring,
    report: Report,
    sealed: Mapping[tuple[str, str], bytes] | None = None,
) -> list[Progress]:
    """Encrypt what was encrypted with other keys with the first one; give the end of each table.

    It can be stopped and begun again, and goes on beside a running server: a value that changes
    meanwhile is left as it was changed.

    Args:
        database: The one that holds the ciphertext.
        report: Called after each batch.
        sealed: Columns that the server encrypts by itself, as table and column, with what their
            values are bound to.
    """
    done: list[Progress] = []
    for table in snapshot.tables.values():
        found = [
            _Sealed(column, Secret(keyring, table, column).context)
            for column in table.columns.values()
            if column.is_encrypted
        ]
        if found:
            done.append(await _Rotation(database, table, keyring, found).run(report))
    for (name, column), context in (sealed or {}).items():
        table = snapshot.tables[name]
        found = [_Sealed(table.columns[column], context)]
        progress = await _Rotation(database, table, keyring, found).run(report)
        # Nobody has asked for these columns, and few have anything in them.
        if progress.total:
            done.append(progress)
    return done


class _Rotation:
    """The rotation of one table."""

    def __init__(
        self, database: Database, table: Table, keyring: Keyring, sealed: Sequence[_Sealed]
    ) -> None:
        self._database = database
        self._table = table
        self._keyring = keyring
        self._secrets = sealed
        self._updates = [self._update(one.column) for one in sealed]
        self._key = reader(table.primary.type, table.primary.options)

    async def run(self, report: Report) -> Progress:
        """Rotate all records, batch after batch in the order of their keys."""
        page = await self._database.find(self._read(total=True), (), 1)
        progress: Progress = Progress(table=self._table.name, total=page.total_count or 0)
        read = self._read()
        values: tuple[Any, ...] = ()
        while rows := await self._rows(read, values):
            async with self._database.transaction() as session:
                for row in rows:
                    progress = await self._row(session, row, progress)
            read = self._read(after=True)
            values = (self._key(rows[-1][self._table.primary.name]),)
            progress = msgspec.structs.replace(progress, rows=progress.rows + len(rows))
            report(progress)
        return progress

    async def _rows(self, read: Read, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        return decode_json((await self._database.find(read, values, BATCH)).rows)

    async def _row(self, session: Session, row: dict[str, Any], progress: Progress) -> Progress:
        key = self._key(row[self._table.primary.name])
        changed, failed = progress.changed, progress.failed
        for secret, update in zip(self._secrets, self._updates, strict=True):
            old = row[secret.column.name]
            if old is None:
                continue
            try:
                if self._keyring.is_current(old):
                    continue
                content = self._keyring.decrypt(old, secret.context)
            except Undecipherable:
                failed += 1
                continue
            new = self._keyring.encrypt(content, secret.context)
            count, _ = await session.write(update, (new, key, old))
            changed += count
        return msgspec.structs.replace(progress, changed=changed, failed=failed)

    def _read(self, *, after: bool = False, total: bool = False) -> Read:
        key = self._table.key
        columns = (self._table.primary, *(secret.column for secret in self._secrets))
        plan = Plan(
            table=self._table,
            selection=tuple(SelectedColumn(one.name, one) for one in columns),
            where=Comparison(key, Operator.GT, 0) if after else None,
            order=(Ordering((), (), key, nullable=False, descending=False),),
            slots=(_slot(key, Operator.GT),) if after else (),
            total_count=total,
        )
        return self._database.read(plan)

    def _update(self, sealed: ColumnDefinition) -> Write:
        """Make the write of a value that is still what was read."""
        column, key = stored(sealed), self._table.key
        update = Update(
            self._table,
            (column,),
            where=All((Comparison(key, Operator.EQ, 0), Comparison(column, Operator.EQ, 1))),
            slots=(_slot(key, Operator.EQ), _slot(column, Operator.EQ)),
        )
        return self._database.update(update)


def _slot(column: StoredColumn, operator: Operator) -> Slot:
    return Slot(column.name, column.type, operator, lambda value: value)
