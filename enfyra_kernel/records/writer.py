"""Records written with all that is nested in them, in few statements."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from ..encoding import decode_json
from ..errors import EnfyraError
from ..metadata.tables import Relation, Table
from ..metadata.values import text_reader
from ..query.plan import INTERNAL
from ..storage.database import ConstraintViolation, Session, Write
from .content import Content, Reading, missing_record
from .enforcing import Enforcer
from .links import Links
from .refusals import Refusal
from .statements import NOTHING, touched_columns
from .violations import in_use, missing_reference
from .workbench import Workbench

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Writer:
    """Writes within one transaction.

    Records of one table that set the same columns are written by one statement, wherever in the
    request they stand: the number of statements depends on what relations are nested, not on how
    many records there are.
    """

    def __init__(self, workbench: Workbench, session: Session, reading: Reading) -> None:
        self.enforcer = Enforcer(workbench, session, reading.access)
        self._workbench = workbench
        self._session = session
        self._now = reading.now

    async def write(self, contents: Sequence[Content]) -> None:
        """Write records of one table; afterwards each has its key.

        Raises:
            Refusal: The database refused one.
            EnfyraError: RESOURCE_NOT_FOUND or RELATION_NOT_FOUND for one that is not there;
                AUTHORIZATION_ERROR for what the caller may not write.
        """
        if not contents:
            return
        table = contents[0].table
        await self.write_parents(contents)
        there = [one for one in contents if one.exists]
        await self.enforcer.may_change(there)
        await self.enforcer.may_refer(contents)
        await self._insert(table, [one for one in contents if not one.exists])
        await self._update(table, there)
        await self.write_links(contents)
        await self.enforcer.check_written(contents)

    # -- records that the written ones refer to -------------------------------------------------

    async def write_parents(self, contents: Sequence[Content]) -> None:
        """Write the records whose keys the written ones hold."""
        held = [
            (content, name, parent)
            for content in contents
            for name, parent in content.parents.items()
        ]
        for group in grouped(held, lambda one: one[2].table.name).values():
            await self.write([parent for _, _, parent in group])
        for content, name, parent in held:
            foreign_key = content.table.relations[name].foreign_key
            if foreign_key is not None:
                content.columns[foreign_key] = parent.key
                content.written |= {foreign_key}

    # -- the records themselves -----------------------------------------------------------------

    async def _insert(self, table: Table, contents: Sequence[Content]) -> None:
        statements = self._workbench.statements(table.name)
        key = table.primary.physical
        read = text_reader(table.primary.type, table.primary.options)
        for columns, group in grouped(contents, lambda one: tuple(one.columns)).items():
            write = statements.insert(columns, NOTHING, (), INTERNAL)
            rows = await self._many(write, group, lambda one: tuple(one.columns.values()))
            if key in columns:
                for content in group:
                    content.key = content.columns[key]
                continue
            for content, row in zip(group, rows, strict=True):
                content.key = read(decode_json(row)[table.primary.name])

    async def _update(self, table: Table, contents: Sequence[Content]) -> None:
        statements = self._workbench.statements(table.name)
        contents = _each_once(contents)
        shapes = grouped(contents, lambda one: (tuple(one.columns), one.added))
        for (columns, added), group in shapes.items():
            met = 0
            if columns:
                write = statements.update(columns, added, NOTHING, (), INTERNAL)
                met = await self._met(write, group, lambda one: (*one.columns.values(), one.key))
            if met < len(group):
                await self._check_there(table, group)

    async def _check_there(self, table: Table, contents: Sequence[Content]) -> None:
        there = await self.keys_there(table, [content.key for content in contents])
        for content in contents:
            if content.key not in there:
                raise missing_record(content)

    async def keys_there(self, table: Table, keys: Sequence[Any]) -> set[Any]:
        """Give those of some keys that records have."""
        return await keys_there(self._workbench, self._session, table, keys)

    async def _many(
        self, write: Write, group: Sequence[Content], values: Callable[[Content], Any]
    ) -> Sequence[bytes]:
        try:
            _, rows = await self._session.write_many(write, [values(one) for one in group])
        except ConstraintViolation as violation:
            raise self.refusal(violation, group) from violation
        return rows or ()

    async def _met(
        self, write: Write, group: Sequence[Content], values: Callable[[Content], Any]
    ) -> int:
        try:
            if len(group) == 1:
                return (await self._session.write(write, values(group[0])))[0]
            return (await self._session.write_many(write, [values(one) for one in group]))[0]
        except ConstraintViolation as violation:
            raise self.refusal(violation, group) from violation

    def refusal(self, violation: ConstraintViolation, group: Sequence[Content]) -> Refusal:
        """Make the exception for records that the database refused."""
        bench = self._workbench
        links = Links(group[0].table, bench.snapshot, bench.database)
        return Refusal(violation, lambda: links.explain_write(violation, group))

    # -- records that refer to the written ones -------------------------------------------------

    async def write_links(self, contents: Sequence[Content]) -> None:
        """Set the relations that are stored elsewhere."""
        names = dict.fromkeys(name for content in contents for name in content.links)
        for name in names:
            group = [content for content in contents if name in content.links]
            relation = group[0].table.relations[name]
            if relation.junction is not None:
                await self._set_junction(relation, group)
            else:
                await self._set_foreign_keys(relation, group)

    async def _set_junction(self, relation: Relation, contents: Sequence[Content]) -> None:
        name = relation.name
        await self.write([one for content in contents for one in _whole(content.links[name])])
        take, add = self._workbench.statements(contents[0].table.name).links(name)
        sources = [content.key for content in contents if content.exists]
        staying = await self.enforcer.out_of_sight(relation, contents)
        if sources:
            await self._session.write(take, (sources,))
        pairs = [
            (content, (content.key, _key_of(item)))
            for content in contents
            for item in (*content.links[name], *staying.hidden.get(content.key, ()))
        ]
        if not pairs:
            return
        try:
            await self._session.write_many(add, [pair for _, pair in pairs])
        except ConstraintViolation as violation:
            raise self._unlinkable(violation, relation, contents) from violation

    async def _set_foreign_keys(self, relation: Relation, contents: Sequence[Content]) -> None:
        name = relation.name
        target = self._workbench.table(relation.target)
        take, add = self._workbench.statements(contents[0].table.name).links(name)
        stamp = [self._now for _ in touched_columns(target)]
        listed = [(content, item) for content in contents for item in content.links[name]]
        _refuse_shared(relation, listed)
        taken = await self._take_others(relation, contents, listed, take, stamp)
        for content, item in listed:
            if isinstance(item, Content) and relation.foreign_key is not None:
                item.columns[relation.foreign_key] = content.key
                item.written |= {relation.foreign_key}
        await self.write([item for _, item in listed if isinstance(item, Content)])
        attached = [one for one in listed if not isinstance(one[1], Content)]
        if attached:
            await self._attach(relation, attached, add, stamp)
        keys = [*taken, *(key for _, key in attached)]
        await self.enforcer.check_related(relation, keys)

    async def _take_others(
        self,
        relation: Relation,
        contents: Sequence[Content],
        listed: Sequence[tuple[Content, Any]],
        take: Write,
        stamp: Sequence[Any],
    ) -> Sequence[Any]:
        """Take away the related records that are not listed; give their keys where it matters."""
        sources = [content.key for content in contents if content.exists]
        if not sources:
            return ()
        staying = await self.enforcer.out_of_sight(relation, contents)
        kept = [key for _, item in listed if (key := _key_of(item)) is not None]
        kept += [key for keys in staying.hidden.values() for key in keys]
        await self._detach(take, (None, *stamp, sources, kept), relation, contents)
        return staying.taken

    async def _attach(
        self,
        relation: Relation,
        attached: Sequence[tuple[Content, Any]],
        add: Write,
        stamp: Sequence[Any],
    ) -> None:
        """Relate records that are there."""
        contents = [content for content, _ in attached]
        rows = [(content.key, *stamp, key) for content, key in attached]
        try:
            met, _ = await self._session.write_many(add, rows)
        except ConstraintViolation as violation:
            raise self._unlinkable(violation, relation, contents) from violation
        if met < len(rows):
            target = self._workbench.table(relation.target)
            there = await self.keys_there(target, [key for _, key in attached])
            lost = next((content for content, key in attached if key not in there), contents[0])
            raise missing_reference(lost.table, [relation.name], lost.place)

    async def _detach(
        self, write: Write, values: Any, relation: Relation, contents: Sequence[Content]
    ) -> None:
        try:
            await self._session.write(write, values)
        except ConstraintViolation as violation:
            source = contents[0].table
            raise in_use(source, [f"{relation.target}.{relation.inverse}"]) from violation

    def _unlinkable(
        self, violation: ConstraintViolation, relation: Relation, contents: Sequence[Content]
    ) -> Refusal:
        """Make the exception for a related record that is not there."""
        bench = self._workbench
        target = bench.table(relation.target)

        async def explain() -> EnfyraError:
            listed = [
                (content, item)
                for content in contents
                for item in content.links[relation.name]
                if not isinstance(item, Content)
            ]
            keys = [key for _, key in listed]
            there = await keys_there(bench, bench.database, target, keys)
            lost = next((content for content, key in listed if key not in there), contents[0])
            return missing_reference(lost.table, [relation.name], lost.place)

        return Refusal(violation, explain)


async def keys_there(
    workbench: Workbench, session: Session, table: Table, keys: Sequence[Any]
) -> set[Any]:
    """Give those of some keys that records have."""
    if not keys:
        return set()
    statements = workbench.statements(table.name)
    read = statements.read(statements.keys_shape, INTERNAL)
    page = await session.find(read, (list(keys),), -1)
    decode = text_reader(table.primary.type, table.primary.options)
    return {decode(row[table.primary.name]) for row in decode_json(page.rows)}


def _each_once(contents: Sequence[Content]) -> list[Content]:
    """Leave out changes that are there already; refuse two different ones of one record."""
    first: dict[Any, Content] = {}
    for content in contents:
        same = first.setdefault(content.key, content)
        if same is content:
            continue
        if content.outermost or content.columns != same.columns or content.added or content.links:
            raise EnfyraError(
                "INVALID_BODY",
                problems=[
                    f"{content.place} changes the '{content.table.name}' {content.key}, which "
                    f"{same.place} changes, too"
                ],
            )
    return list(first.values())


def _refuse_shared(relation: Relation, listed: Iterable[tuple[Content, Any]]) -> None:
    """Refuse a record that several others claim, where it can belong to one only."""
    owners: dict[Any, Content] = {}
    for content, item in listed:
        key = _key_of(item)
        if key is None:
            continue
        first = owners.setdefault(key, content)
        if first is not content:
            raise EnfyraError(
                "INVALID_BODY",
                problems=[
                    f"{content.place}.{relation.name} names the '{relation.target}' {key}, which "
                    f"{first.place} names, too"
                ],
            )


def _whole(items: Iterable[Any]) -> Iterable[Content]:
    return (item for item in items if isinstance(item, Content))


def _key_of(item: Any) -> Any:
    return item.key if isinstance(item, Content) else item


def grouped(items: Iterable[T], by: Callable[[T], K]) -> dict[K, list[T]]:
    """Put together what is alike, in the order of the first of each kind."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(by(item), []).append(item)
    return groups
