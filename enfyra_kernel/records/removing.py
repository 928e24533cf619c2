"""Records deleted: one by its key, or all that meet a filter."""

from __future__ import annotations

from typing import Any

from ..errors import EnfyraError
from ..metadata.tables import refuse_write
from ..query.answers import condition_of
from ..query.ast import Compare, Operator, Query, Shape
from ..query.plan import INTERNAL, Access, Demand
from ..storage.database import ConstraintViolation, Session
from .changing import Affected, Changing, Terms
from .creating import joined
from .desk import Desk
from .refusals import Refusal, explaining, together

DELETE = Demand("delete")


class Removing:
    """Deletes records of one table."""

    def __init__(self, desk: Desk, changing: Changing) -> None:
        self._desk = desk
        self._changing = changing

    async def one(self, key: Any, terms: Terms, session: Session | None) -> None:
        """Delete one record."""
        self._refuse()
        bound = self._desk.bound_key(key)
        guarded = self._desk.statements.guarded(terms.access, "delete")
        if terms.guarded or guarded:
            async with together(self._desk.database, session) as transaction:
                await self._changing.guard(transaction, bound, terms, DELETE)
                await self._delete(transaction, bound)
        elif session is not None:
            await self._delete(session, bound)
        else:
            async with explaining():
                await self._delete(self._desk.database, bound)

    def _refuse(self) -> None:
        table = self._desk.table
        refuse_write(table, "DELETE")
        if table.definition.is_single_record:
            raise EnfyraError("BAD_REQUEST", f"The record of '{table.name}' cannot be deleted")

    async def _delete(self, session: Session, key: Any) -> None:
        desk = self._desk
        write, _ = desk.statements.delete_met(self._by_key(Operator.EQ), INTERNAL)
        try:
            count, _ = await session.write(write, (key,))
        except ConstraintViolation as violation:
            raise Refusal(violation, lambda: desk.links.explain_delete([key])) from violation
        if not count:
            raise desk.not_found(key)

    def _by_key(self, operator: Operator) -> Compare:
        return Compare(self._desk.table.primary.name, operator, 0)

    async def met(
        self, terms: Terms, session: Session | None, *, most: int | None, show: bool
    ) -> Affected:
        """Delete all records that meet the query's filter; give them as they were, if asked."""
        self._refuse()
        desk, query, access = self._desk, terms.query, terms.access
        where, values = condition_of(query)
        async with together(desk.database, session) as transaction:
            rows = None
            if show or desk.statements.guarded(access, "delete"):
                keys = await desk.lock_met(transaction, query, access, most, DELETE)
                if show:
                    rows = joined(await desk.all_again(transaction, keys, query, access))
                where, values = self._by_key(Operator.IN), (keys,)
            write, plan = desk.statements.delete_met(where, access)
            try:
                count, _ = await transaction.write(write, plan.bind(values, access))
            except ConstraintViolation as violation:
                raise Refusal(violation, lambda: self._explained(query, access)) from violation
            desk.check_number(count, most)
        return Affected(count, rows)

    async def _explained(self, query: Query, access: Access) -> EnfyraError:
        desk = self._desk
        where, values = condition_of(query)
        shape = Shape(where=where, fields=(desk.table.primary.name,))
        read = desk.statements.read(shape, access)
        page = await desk.database.find(read, read.plan.bind(values, access), -1)
        return await desk.links.explain_delete(desk.keys_of(page.rows))
