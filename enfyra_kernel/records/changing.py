"""Records that are there changed: one by its key, many by theirs, or all that meet a filter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ..encoding import decode_json
from ..errors import EnfyraError
from ..metadata.tables import refuse_write
from ..query.answers import condition_of
from ..query.ast import Compare, Deep, Operator, Query, Shape
from ..query.plan import READ, Access, Demand
from ..storage.database import Session
from .content import Content, Reading
from .creating import joined
from .desk import Desk, Permit, anything
from .etags import Preconditions
from .json_patch import Operation, apply_operations, read_patch, same
from .refusals import explaining, together
from .writer import Writer

UPDATE = Demand("update")


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms one record is written.

    Attributes:
        query: What the answer shows; with a condition, the record must meet it.
        preconditions: The states of the record in which it may be written.
        permit: Says what of nested records may be written.
    """

    query: Query
    access: Access
    preconditions: Preconditions | None = None
    permit: Permit = anything

    @property
    def guarded(self) -> bool:
        """Whether the record has to be looked at before it is written."""
        return self.preconditions is not None or self.query.shape.where is not None


@dataclass(frozen=True, slots=True)
class Affected:
    """What was done to all records that meet a filter.

    Attributes:
        rows: They themselves as a JSON array, if asked for.
    """

    count: int
    rows: bytes | None = None


class Changing:
    """Changes records of one table."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # -- one ------------------------------------------------------------------------------------

    async def update(self, key: Any, body: Any, terms: Terms, session: Session | None) -> bytes:
        """Change what a body names of one record; give it as a JSON array of one."""
        bound = self._desk.bound_key(key)
        reading = self._desk.reading(terms.access)
        content = self._desk.bodies.update(bound, body, reading)
        return await self._write(content, reading, terms, session)

    async def replace(self, key: Any, body: Any, terms: Terms, session: Session | None) -> bytes:
        """Set all of one record to what a body holds."""
        bound = self._desk.bound_key(key)
        reading = self._desk.reading(terms.access)
        content = self._desk.bodies.replace(bound, body, reading)
        return await self._write(content, reading, terms, session)

    async def _write(
        self, content: Content, reading: Reading, terms: Terms, session: Session | None
    ) -> bytes:
        desk, query, access = self._desk, terms.query, terms.access
        desk.check(reading, terms.permit)
        simple = content.plain and not terms.guarded and not query.values
        if simple and content.columns and desk.statements.at_once(query.shape, access, "update"):
            if session is not None:
                return await self._at_once(session, content, terms)
            async with explaining():
                return await self._at_once(desk.database, content, terms)
        async with together(desk.database, session) as transaction:
            if terms.guarded:
                await self.guard(transaction, content.key, terms)
            await Writer(desk.workbench, transaction, reading).write([content])
            return await desk.again(transaction, content.key, query, access)

    async def _at_once(self, session: Session, content: Content, terms: Terms) -> bytes:
        """Change the record and get it back by one statement."""
        desk, shape = self._desk, terms.query.shape
        columns = tuple(content.columns)
        write = desk.statements.update(
            columns, content.added, shape.fields, shape.deep, terms.access
        )
        values = (*content.columns.values(), content.key)
        count, rows = await desk.run(session, write, values, content)
        if not count:
            raise desk.not_found(content.key)
        return rows or b"[]"

    async def guard(self, session: Session, key: Any, terms: Terms, demand: Demand = READ) -> None:
        """Lock a record, and make sure that it may be written.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND, or PRECONDITION_FAILED.
        """
        desk = self._desk
        await desk.lock(session, key, terms.query, terms.access, demand)
        if terms.preconditions is None:
            return
        state = Query(shape=Shape(fields=desk.tagger.fields(terms.access)))
        rows = await desk.again(session, key, state, terms.access)
        terms.preconditions.check(desk.tagger.tag(rows, terms.access))

    # -- one, by a JSON Patch -------------------------------------------------------------------

    async def patch(self, key: Any, body: Any, terms: Terms, session: Session | None) -> bytes:
        """Apply a JSON Patch (RFC 6902) to one record, as its JSON is; give it as an array of one.

        Raises:
            EnfyraError: PATCH_CONFLICT where a test fails or a path leads nowhere; INVALID_BODY
                where the result is none that a change could have.
        """
        desk, access = self._desk, terms.access
        refuse_write(desk.table, "PATCH")
        bound = desk.bound_key(key)
        operations = read_patch(body)
        async with together(desk.database, session) as transaction:
            await self.guard(transaction, bound, terms)
            rows = await desk.again(transaction, bound, self._document(operations), access)
            (before,) = decode_json(rows)
            after = apply_operations(before, operations)
            reading = desk.reading(access)
            change = self._difference(before, after, reading)
            content = desk.bodies.update(bound, change, reading)
            desk.check(reading, terms.permit)
            if not content.plain or content.columns:
                await Writer(desk.workbench, transaction, reading).write([content])
            return await desk.again(transaction, bound, terms.query, access)

    def _document(self, operations: Sequence[Operation]) -> Query:
        """Give the query for the document that operations are applied to.

        Of relations to many it holds all records, of those that the operations name.
        """
        named = {part for one in operations for part in (*one.path[:1], *one.origin[:1])}
        relations = [
            relation
            for name, relation in self._desk.table.relations.items()
            if name in named and not relation.kind.to_one
        ]
        deep = tuple(
            Deep(
                one.name,
                fields=(self._desk.workbench.table(one.target).primary.name,),
                limit=number,
            )
            for number, one in enumerate(relations)
        )
        return Query(shape=Shape(deep=deep), values=(0,) * len(deep))

    def _difference(
        self, before: Mapping[str, Any], after: Any, reading: Reading
    ) -> dict[str, Any]:
        """Give the body that changes a record from one document into another."""
        if not isinstance(after, dict):
            raise EnfyraError("INVALID_BODY", "The patch leaves no JSON object")
        table = self._desk.table
        document = cast("dict[str, Any]", after)
        fixed = {table.primary.name, *table.timestamps}
        change: dict[str, Any] = {}
        for name in dict.fromkeys((*before, *document)):
            if name in before and name in document and same(before[name], document[name]):
                continue
            if name in fixed:
                reading.problems.append(f"{name} cannot be changed")
            else:
                # A record has all its fields: one that is taken away is empty.
                change[name] = document.get(name)
        return change

    # -- many, each by its key ------------------------------------------------------------------

    async def many(self, bodies: Sequence[Any], terms: Terms, session: Session | None) -> bytes:
        """Change many records, each by the key in its body; give them as a JSON array."""
        desk = self._desk
        reading = desk.reading(terms.access)
        contents = await asyncio.to_thread(self._read, bodies, reading)
        desk.check(reading, terms.permit)
        async with together(desk.database, session) as transaction:
            await Writer(desk.workbench, transaction, reading).write(contents)
            keys = [content.key for content in contents]
            rows = await desk.all_again(transaction, keys, terms.query, terms.access)
        return await asyncio.to_thread(joined, rows)

    def _read(self, bodies: Sequence[Any], reading: Reading) -> list[Content]:
        primary = self._desk.table.primary.name
        contents: list[Content] = []
        for position, body in enumerate(bodies):
            place, key = f"[{position}]", None
            if isinstance(body, Mapping):
                key = cast("Mapping[str, Any]", body).get(primary)
                if key is None:
                    reading.problems.append(f"{place}.{primary} is required")
                else:
                    try:
                        key = self._desk.statements.key_slot.read(key)
                    except ValueError as error:
                        reading.problems.append(f"{place}.{primary} {error}")
            contents.append(self._desk.bodies.update(key, body, reading, place))
            if reading.hopeless:
                break
        return contents

    # -- all that meet a filter -----------------------------------------------------------------

    async def met(
        self, body: Any, terms: Terms, session: Session | None, *, most: int | None, show: bool
    ) -> Affected:
        """Change what a body names of all records that meet the query's filter.

        Args:
            most: How many that may be at most.
            show: Whether to give the records.

        Raises:
            EnfyraError: TOO_MANY_RECORDS if more meet the filter than allowed.
        """
        desk = self._desk
        reading = desk.reading(terms.access)
        content = desk.bodies.update(None, body, reading)
        reading.problems += (
            f"{name} cannot be set by a filter; send a list of records with their keys"
            for name in content.links
        )
        desk.check(reading, terms.permit)
        if not content.columns:
            raise EnfyraError("INVALID_BODY", "The body names no field to change")
        unruled = content.plain and terms.access.rules is None
        if unruled and session is None and most is None and not show:
            async with explaining():
                return Affected(await self._met_at_once(content, terms))
        async with together(desk.database, session) as transaction:
            writer = Writer(desk.workbench, transaction, reading)
            await writer.write_parents([content])
            await writer.enforcer.may_refer([content])
            where, values = condition_of(terms.query)
            keys, met = None, list[Content]()
            # What was changed may not meet the filter any more, nor what is looked at then.
            if show or desk.statements.guarded(terms.access, "update"):
                keys = await desk.lock_met(transaction, terms.query, terms.access, most, UPDATE)
                met = [replace(content, key=key) for key in keys]
                where, values = Compare(desk.table.primary.name, Operator.IN, 0), (keys,)
            await writer.enforcer.may_change(met)
            write, plan = desk.statements.update_met(
                tuple(content.columns), content.added, where, terms.access
            )
            bound = (*content.columns.values(), *plan.bind(values, terms.access))
            count, _ = await desk.run(transaction, write, bound, content)
            desk.check_number(count, most)
            await writer.enforcer.check_written(met)
            rows = None
            if show and keys is not None:
                shown = await desk.all_again(transaction, keys, terms.query, terms.access)
                rows = joined(shown)
        return Affected(count, rows)

    async def _met_at_once(self, content: Content, terms: Terms) -> int:
        """Change all records that meet the filter by one statement; give how many there were."""
        desk = self._desk
        where, values = condition_of(terms.query)
        write, plan = desk.statements.update_met(
            tuple(content.columns), content.added, where, terms.access
        )
        bound = (*content.columns.values(), *plan.bind(values, terms.access))
        count, _ = await desk.run(desk.database, write, bound, content)
        return count
