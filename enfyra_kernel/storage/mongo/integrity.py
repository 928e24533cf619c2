"""References between records, which SQL keeps by itself: checked and followed in a transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...metadata.types import OnDelete
from ..database import ConstraintViolation
from ..physical import PhysicalReference, PhysicalTable
from .catalog import Catalog
from .client import Client, Document
from .faults import explained
from .locks import Locks
from .values import FOLDED, KEY, field_of

# So many keys go into one command; it holds 16 MB at most.
MANY_KEYS = 20_000


class Integrity:
    """Keeps the references of one transaction's writes."""

    def __init__(self, client: Client, catalog: Catalog, session: Any) -> None:
        self._client = client
        self._catalog = catalog
        self._session = session
        self._locks = Locks(client, session)
        # Records that this transaction has written: nobody else can delete them before it ends.
        self._held: set[tuple[str, Any]] = set()

    def hold(self, table: str, key: Any) -> None:
        """Note that this transaction has changed a record, which is there, therefore."""
        self._held.add((table, key))

    # -- references to other records ------------------------------------------------------------

    async def check(self, table: PhysicalTable, documents: Sequence[Document]) -> None:
        """Refuse documents that refer to records that are not there.

        Raises:
            ConstraintViolation: `reference`, with the columns.
        """
        for reference in table.references:
            here, there = _fields(reference)
            wanted = {one[here] for one in documents if here in one}
            if reference.target == table.name:
                wanted -= {one[there] for one in documents if there in one}
            if there == KEY:
                wanted = {one for one in wanted if (reference.target, one) not in self._held}
            if not wanted:
                continue
            await self._locks.share(reference.target, wanted)
            if await self._missing(reference, there, wanted):
                raise ConstraintViolation("reference", reference.columns, reference.name)

    async def _missing(self, reference: PhysicalReference, field: str, wanted: set[Any]) -> bool:
        target = self._client.database[reference.target]
        if len(wanted) == 1:
            which = {field: next(iter(wanted))}
            with explained():
                return await target.find_one(which, {KEY: 1}, session=self._session) is None
        for some in chunks(wanted):
            with explained():
                found = await target.count_documents({field: {"$in": some}}, session=self._session)
            if found < len(some):
                return True
        return False

    # -- references to records that go ----------------------------------------------------------

    async def delete(self, table: str, keys: Sequence[Any]) -> int:
        """Delete records, and do to those that refer to them what the references say.

        Raises:
            ConstraintViolation: `reference` where one restricts.
        """
        return await self._delete(table, keys, defaultdict(set))

    async def _delete(
        self, table: str, keys: Sequence[Any], going: defaultdict[str, set[Any]]
    ) -> int:
        new = [key for key in keys if key not in going[table]]
        going[table].update(new)
        self._held.difference_update((table, key) for key in new)
        incoming = self._catalog.incoming(table)
        if incoming and new:
            await self._locks.exclude(table, new)
        for child, reference in incoming:
            await self._follow(child, reference, new, going)
        for child, reference in incoming:
            if reference.on_delete is OnDelete.RESTRICT:
                await self._refuse(child, reference, new, going)
        count = 0
        for some in chunks(new):
            with explained():
                gone = await self._client.database[table].delete_many(
                    {KEY: {"$in": some}}, session=self._session
                )
            count += gone.deleted_count
        return count

    async def _follow(
        self,
        child: str,
        reference: PhysicalReference,
        keys: Sequence[Any],
        going: defaultdict[str, set[Any]],
    ) -> None:
        here, _ = _fields(reference)
        collection = self._client.database[child]
        for some in chunks(keys):
            which = {here: {"$in": some}}
            if reference.on_delete is OnDelete.CASCADE:
                with explained():
                    found = await collection.find(which, {KEY: 1}, session=self._session).to_list()
                if found:
                    await self._delete(child, [one[KEY] for one in found], going)
            elif reference.on_delete is OnDelete.SET_NULL:
                nothing = {"$unset": {here: "", f"{FOLDED}.{here}": ""}}
                with explained():
                    await collection.update_many(which, nothing, session=self._session)

    async def _refuse(
        self,
        child: str,
        reference: PhysicalReference,
        keys: Sequence[Any],
        going: defaultdict[str, set[Any]],
    ) -> None:
        here, _ = _fields(reference)
        for some in chunks(keys):
            which: Document = {here: {"$in": some}}
            with explained():
                found = self._client.database[child].find(which, {KEY: 1}, session=self._session)
                async for one in found:
                    if one[KEY] not in going[child]:
                        raise ConstraintViolation("reference", reference.columns, reference.name)


def _fields(reference: PhysicalReference) -> tuple[str, str]:
    """Give the field that refers and the field referred to; on MongoDB it is one of each."""
    return field_of(reference.columns[0]), field_of(reference.target_columns[0])


def chunks(keys: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut keys into parts that one command holds."""
    listed = list(keys)
    for start in range(0, len(listed), MANY_KEYS):
        yield listed[start : start + MANY_KEYS]
