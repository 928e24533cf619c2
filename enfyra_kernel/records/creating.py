"""New records: one, many, and such as may be there already."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..errors import EnfyraError
from ..metadata.tables import Table, refuse_write
from ..query.ast import Query, Shape
from ..query.plan import INTERNAL, Access
from ..storage.database import ConstraintViolation, Session
from .content import Content, Reading
from .desk import Desk, Permit
from .keys import check_key, fixed_columns, physical
from .refusals import explaining, together
from .together import Together
from .writer import Writer, grouped

CREATED, UPDATED = "created", "updated"


@dataclass(frozen=True, slots=True)
class Upserted:
    """What an upsert did.

    Attributes:
        rows: The records as a JSON array.
        outcomes: For each of them, `created` or `updated`.
    """

    rows: bytes
    outcomes: tuple[str, ...]


class Creating:
    """Creates records of one table."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # -- one ------------------------------------------------------------------------------------

    async def one(
        self, body: Any, query: Query, access: Access, permit: Permit, session: Session | None
    ) -> bytes:
        """Create a record; give it as a JSON array of one."""
        desk = self._desk
        await self._refuse_second_record(session)
        reading = desk.reading(access)
        content = desk.bodies.create(body, reading)
        desk.check(reading, permit)
        shape = query.shape
        if not desk.table.addressable:
            return joined(await self._by_whole_keys([content], reading, query, access, session))
        simple = content.plain and not query.values
        if simple and desk.statements.at_once(shape, access, "create"):
            columns = tuple(content.columns)
            write = desk.statements.insert(columns, shape.fields, shape.deep, access)
            values = tuple(content.columns.values())
            if session is not None:
                return (await desk.run(session, write, values, content))[1] or b"[]"
            async with explaining():
                return (await desk.run(desk.database, write, values, content))[1] or b"[]"
        async with together(desk.database, session) as transaction:
            await Writer(desk.workbench, transaction, reading).write([content])
            return await desk.again(transaction, content.key, query, access)

    async def _refuse_second_record(self, session: Session | None) -> None:
        table = self._desk.table
        if not table.definition.is_single_record:
            return
        shape = Shape(fields=(table.primary.name,))
        read = self._desk.statements.read(shape, INTERNAL)
        page = await (session or self._desk.database).find(read, (), 1)
        if page.rows != b"[]":
            raise EnfyraError(
                "BAD_REQUEST",
                f"'{table.name}' holds a single record, which is there; update it",
            )

    # -- many -----------------------------------------------------------------------------------

    async def many(
        self,
        bodies: Sequence[Any],
        query: Query,
        access: Access,
        permit: Permit,
        session: Session | None,
    ) -> bytes:
        """Create many records, all or none; give them as a JSON array."""
        desk = self._desk
        if len(bodies) == 1:
            await self._refuse_second_record(session)
        else:
            _refuse_many(desk.table)
        reading = desk.reading(access)
        contents = await asyncio.to_thread(self._read, bodies, reading)
        desk.check(reading, permit)
        if not desk.table.addressable:
            return joined(await self._by_whole_keys(contents, reading, query, access, session))
        plain = not query.values and all(content.plain for content in contents)
        plain = plain and desk.statements.at_once(query.shape, access, "create")
        async with together(desk.database, session, bulk=plain) as transaction:
            if plain:
                rows = await self._insert(transaction, contents, query, access)
            else:
                await Writer(desk.workbench, transaction, reading).write(contents)
                keys = [content.key for content in contents]
                rows = await desk.all_again(transaction, keys, query, access)
        return await asyncio.to_thread(joined, rows)

    def _read(self, bodies: Sequence[Any], reading: Reading) -> list[Content]:
        contents: list[Content] = []
        for position, body in enumerate(bodies):
            contents.append(self._desk.bodies.create(body, reading, f"[{position}]"))
            if reading.hopeless:
                break
        return contents

    async def _insert(
        self, session: Session, contents: Sequence[Content], query: Query, access: Access
    ) -> list[bytes]:
        """Insert records that are nothing but columns, and get them back at once."""
        desk, shape = self._desk, query.shape
        groups = await asyncio.to_thread(
            grouped, list(enumerate(contents)), lambda one: tuple(one[1].columns)
        )
        rows: dict[int, bytes] = {}
        for columns, group in groups.items():
            write = desk.statements.insert(columns, shape.fields, shape.deep, access)
            values = [tuple(content.columns.values()) for _, content in group]
            try:
                _, returned = await session.write_many(write, values)
            except ConstraintViolation as violation:
                members = [content for _, content in group]
                raise desk.refusal(violation, members) from violation
            rows |= zip((position for position, _ in group), returned or (), strict=True)
        return [rows[position] for position in range(len(contents))]

    async def _by_whole_keys(
        self,
        contents: Sequence[Content],
        reading: Reading,
        query: Query,
        access: Access,
        session: Session | None,
    ) -> list[bytes]:
        """Create records that only several columns together tell apart."""
        desk = self._desk
        if query.values:
            raise EnfyraError(
                "INVALID_QUERY", "deep cannot filter or limit in the answer to new records here"
            )
        if desk.statements.guarded(access, "create"):
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"Records of '{desk.table.name}' are told apart by several columns together; "
                "nobody for whom there are rules about some of them can create one",
            )
        made = Together(desk)
        async with together(desk.database, session) as transaction:
            writer = Writer(desk.workbench, transaction, reading)
            return [
                await made.create(transaction, writer, content, query, access)
                for content in contents
            ]

    # -- such as may be there -------------------------------------------------------------------

    async def upsert(
        self,
        body: Any,
        key: tuple[str, ...],
        query: Query,
        access: Access,
        permit: Permit,
        session: Session | None,
    ) -> Upserted:
        """Create records, or update those that have the same values in the key's fields.

        Raises:
            EnfyraError: INVALID_QUERY for a key that is not unique.
        """
        desk = self._desk
        _refuse_many(desk.table)
        refuse_write(desk.table, "PATCH")
        check_key(desk.table, key, access)
        reading = desk.reading(access)
        if isinstance(body, list):
            bodies = cast("list[Any]", body)
            contents = await asyncio.to_thread(self._read, bodies, reading)
        else:
            contents = [desk.bodies.create(body, reading)]
        columns = physical(desk.table, key)
        reading.problems += _key_problems(contents, key, columns)
        desk.check(reading, permit)
        async with together(desk.database, session) as transaction:
            writer = Writer(desk.workbench, transaction, reading)
            await writer.write_parents(contents)
            values = [_values(content, columns) for content in contents]
            there = await desk.links.holders(columns, values, transaction)
            for content, one in zip(contents, values, strict=True):
                content.key, content.exists = there.get(one), one in there
                if content.exists and access.rules is not None:
                    desk.bodies.found(content, reading, key)
            reading.check()
            await writer.enforcer.may_change([one for one in contents if one.exists])
            await writer.enforcer.may_refer(contents)
            await self._insert_or_update(
                transaction, contents, columns, apart=access.rules is not None
            )
            # Locked, because only that shows on every database what others wrote meanwhile.
            found = await desk.links.holders(columns, values, transaction, locked=True)
            for content, one in zip(contents, values, strict=True):
                if one not in found:
                    raise _not_the_same(desk.table, key, content)
                content.key = found[one]
            await writer.write_links(contents)
            await writer.enforcer.check_written(contents)
            keys = [content.key for content in contents]
            rows = await desk.all_again(transaction, keys, query, access)
        outcomes = tuple(UPDATED if content.exists else CREATED for content in contents)
        return Upserted(await asyncio.to_thread(joined, rows), outcomes)

    async def _insert_or_update(
        self,
        session: Session,
        contents: Sequence[Content],
        key: tuple[str, ...],
        *,
        apart: bool,
    ) -> None:
        """Write records that are there or not.

        Args:
            apart: Whether those that are not there are inserted only, so that one that has come
                in meanwhile, which nobody has looked at, is refused.
        """
        desk = self._desk
        fixed = fixed_columns(desk.table)
        groups = grouped(
            contents, lambda one: (tuple(one.columns), one.given, apart and not one.exists)
        )
        for (columns, given, new), group in groups.items():
            # What the server fills in belongs to new records, the time of the change excepted.
            kept = {*columns[given:], *fixed} - {"updatedAt", *key}
            write = (
                desk.statements.insert_only(columns)
                if new
                else desk.statements.upsert(columns, key, frozenset(kept))
            )
            try:
                await session.write_many(write, [tuple(one.columns.values()) for one in group])
            except ConstraintViolation as violation:
                raise desk.refusal(violation, group) from violation


def joined(rows: Sequence[bytes]) -> bytes:
    """Give records as a JSON array."""
    return b"[" + b",".join(rows) + b"]"


def _refuse_many(table: Table) -> None:
    if table.definition.is_single_record:
        raise EnfyraError("BAD_REQUEST", f"'{table.name}' holds a single record")


def _not_the_same(table: Table, key: tuple[str, ...], content: Content) -> EnfyraError:
    return EnfyraError(
        "CONSTRAINT_VIOLATION",
        f"{content.place or 'The record'} has a {', '.join(key)} that the database takes for that "
        "of another record, though it differs",
        details={"table": table.name, "fields": list(key)},
    )


def _values(content: Content, columns: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(content.columns.get(one) for one in columns)


def _key_problems(
    contents: Sequence[Content], key: tuple[str, ...], columns: tuple[str, ...]
) -> Iterator[str]:
    """Say which records have no key, or that of another one of the same request."""
    first: dict[tuple[Any, ...], Content] = {}
    for content in contents:
        before = f"{content.place}." if content.place else ""
        values = _values(content, columns)
        for name, value in zip(key, values, strict=True):
            if value is None:
                yield f"{before}{name} is the key and is required"
        if None not in values and (same := first.setdefault(values, content)) is not content:
            yield f"{content.place} has the same {', '.join(key)} as {same.place}"
