"""What work on one table's records takes: its definition, its statements, the time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ..clock import Clock
from ..encoding import decode_json, encode_json
from ..errors import EnfyraError
from ..metadata.tables import Table
from ..metadata.values import text_reader
from ..query.answers import answer_by_key, condition_of
from ..query.ast import Operator, Query
from ..query.plan import READ, Access, Demand
from ..storage.database import ConstraintViolation, Session, Write
from .body import BodyReader
from .content import Content, Reading
from .etags import Tagger
from .links import Links
from .refusals import Refusal
from .statements import Statements
from .workbench import Workbench

# Records that are read by their keys in one statement.
AT_ONCE = 5_000

# Says, by raising, that somebody may not write a table's records by a method: the table, the
# method, and where in the request those records stand.
Permit = Callable[[Table, str, str], None]


def anything(_table: Table, _method: str, _place: str) -> None:
    """Permit everything, as the server's own work needs."""


class Desk:
    """Serves the operations on one table."""

    def __init__(self, table: Table, workbench: Workbench, clock: Clock) -> None:
        self.table = table
        self.workbench = workbench
        self.database = workbench.database
        self.clock = clock
        self.bodies: BodyReader = workbench.bodies(table.name)
        self.statements: Statements = workbench.statements(table.name)
        self.links = Links(table, workbench.snapshot, workbench.database)
        self.tagger = Tagger(table)
        self._read_key = text_reader(table.primary.type, table.primary.options)

    def reading(self, access: Access) -> Reading:
        """Begin to read a body."""
        return Reading(self.clock.now(), access)

    def check(self, reading: Reading, permit: Permit) -> None:
        """Finish reading: raise what is wrong with the body, or what is not allowed."""
        reading.check()
        for (name, method), place in reading.touched.items():
            permit(self.workbench.table(name), method, place)

    # -- keys -----------------------------------------------------------------------------------

    def bound_key(self, key: Any) -> Any:
        """Read a key out of a path; one that can be no key is one that does not exist."""
        try:
            return self.statements.key_slot.read(key)
        except ValueError:
            raise self.not_found(key) from None

    def not_found(self, key: Any) -> EnfyraError:
        """Make the error for a key without a record."""
        return EnfyraError(
            "RESOURCE_NOT_FOUND",
            f"There is no '{self.table.name}' with the {self.table.primary.name} {str(key)[:80]}",
        )

    def keys_of(self, rows: bytes) -> list[Any]:
        """Give the keys of records that were read."""
        return [self._read_key(row[self.table.primary.name]) for row in decode_json(rows)]

    # -- records --------------------------------------------------------------------------------

    async def run(
        self, session: Session, write: Write, values: Sequence[Any], content: Content
    ) -> tuple[int, bytes | None]:
        """Run a write of one record.

        Raises:
            Refusal: The database refused it.
        """
        try:
            return await session.write(write, values)
        except ConstraintViolation as violation:
            raise self.refusal(violation, [content]) from violation

    def refusal(self, violation: ConstraintViolation, contents: Sequence[Content]) -> Refusal:
        """Make the exception for records that the database refused."""
        return Refusal(violation, lambda: self.links.explain_write(violation, contents))

    async def again(self, session: Session, key: Any, query: Query, access: Access) -> bytes:
        """Read a record that was just written; of one that the caller may not see, the key."""
        answer = answer_by_key(query, self.table.primary.name)
        read = self.statements.read(answer.shape, access)
        values = read.plan.bind((key, *answer.values), access)
        rows = (await session.find(read, values, 1)).rows
        return rows if rows != b"[]" or access.rules is None else encode_json([self._bare(key)])

    async def all_again(
        self, session: Session, keys: Sequence[Any], query: Query, access: Access
    ) -> list[bytes]:
        """Read records that were just written, in the order of their keys; as `again`."""
        answer = answer_by_key(query, self.table.primary.name, Operator.IN)
        read = self.statements.read(answer.shape, access)
        found: dict[Any, bytes] = {}
        for start in range(0, len(keys), AT_ONCE):
            some = list(keys[start : start + AT_ONCE])
            page = await session.find(read, read.plan.bind((some, *answer.values), access), -1)
            found |= await asyncio.to_thread(self._by_key, page.rows)
        if access.rules is None:
            return [found[key] for key in keys]
        return [found.get(key) or encode_json(self._bare(key)) for key in keys]

    def _bare(self, key: Any) -> dict[str, Any]:
        return {self.table.primary.name: key}

    def _by_key(self, rows: bytes) -> dict[Any, bytes]:
        pieces = msgspec.json.decode(rows, type=list[msgspec.Raw])
        return dict(zip(self.keys_of(rows), map(bytes, pieces), strict=True))

    async def lock(
        self,
        session: Session,
        key: Any,
        query: Query,
        access: Access,
        demand: Demand = READ,
    ) -> None:
        """Keep others from changing a record until the transaction ends.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND when it is not there, or does not meet the query's
                condition, or the caller may not do with it what is to be done.
        """
        where, values = condition_of(query)
        read = self.statements.lock(where, access, demand, keyed=True)
        page = await session.find(read, read.plan.bind((*values, key), access), 1)
        if page.rows == b"[]":
            raise self.not_found(key)

    async def lock_met(
        self,
        session: Session,
        query: Query,
        access: Access,
        most: int | None,
        demand: Demand = READ,
    ) -> list[Any]:
        """Keep others from changing all records that meet a query's condition; give their keys.

        Raises:
            EnfyraError: TOO_MANY_RECORDS if there are more than one answer holds.
        """
        where, values = condition_of(query)
        read = self.statements.lock(where, access, demand, keyed=False)
        limit = self.workbench.max_limit
        page = await session.find(read, read.plan.bind(values, access), limit + 1)
        keys = self.keys_of(page.rows)
        self.check_number(len(keys), most)
        if len(keys) > limit:
            raise EnfyraError(
                "TOO_MANY_RECORDS",
                f"More than {limit} records meet the filter, which is the most that one answer "
                "can show; nothing was changed",
                hint="Leave out fields, or narrow the filter",
            )
        return keys

    def check_number(self, count: int, most: int | None) -> None:
        """Refuse to write more records than were thought to meet a filter."""
        if most is not None and count > most:
            raise EnfyraError(
                "TOO_MANY_RECORDS",
                f"More than {most} records of '{self.table.name}' meet the filter; nothing was "
                "changed",
                details={"maxAffected": most},
            )
