"""Rules about records, held up while records are written: within the transaction that writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..encoding import decode_json
from ..errors import EnfyraError
from ..metadata.permissions import Action
from ..metadata.tables import Relation, Table
from ..metadata.values import text_reader
from ..query.ast import Compare, Deep, Operator, Shape
from ..query.plan import INTERNAL, Access, Demand
from ..storage.database import Session
from .content import Content, missing_record
from .violations import missing_reference
from .workbench import Workbench

# Keys that one statement looks for.
AT_ONCE = 5_000


class Staying(NamedTuple):
    """What becomes of the records that others were related to.

    Attributes:
        hidden: For each record, by its key, those that stay because they are out of sight.
        taken: Those that are taken away.
    """

    hidden: Mapping[Any, list[Any]]
    taken: tuple[Any, ...]


class Enforcer:
    """Looks at records for one caller; without rules about a table it does not look at all.

    A record that the caller may not see or may not change is not there. What a record becomes, and
    what it refers to, must be within the caller's reach, too.
    """

    def __init__(self, workbench: Workbench, session: Session, access: Access) -> None:
        self._workbench = workbench
        self._session = session
        self._access = access

    async def may_change(self, contents: Sequence[Content]) -> None:
        """Make sure that records that are there may be changed; lock them where that matters.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND or RELATION_NOT_FOUND for one out of reach,
                AUTHORIZATION_ERROR for a field that is not to be changed in this record.
        """
        if not contents or not self._guarded(contents[0].table, "update"):
            return
        table = contents[0].table
        there = await self.allowed(table, Demand("update"), [one.key for one in contents])
        for content in contents:
            if content.key not in there:
                raise missing_record(content)
        await self._check_fields(contents, "update")

    async def check_written(self, contents: Sequence[Content]) -> None:
        """Make sure that records that were just written are such as the caller may write.

        Raises:
            EnfyraError: AUTHORIZATION_ERROR; whoever began the transaction takes it back.
        """
        if not contents:
            return
        table = contents[0].table
        for action in ("create", "update"):
            some = [one for one in contents if one.exists is (action == "update")]
            if not some or not self._guarded(table, action):
                continue
            if self._access.rows(table, action) is not None:
                demand = Demand(action, seen=False)
                there = await self.allowed(table, demand, [one.key for one in some])
                for content in some:
                    if content.key not in there:
                        raise _out_of_reach(content, action)
            if action == "create":
                await self._check_fields(some, action)

    async def may_refer(self, contents: Sequence[Content]) -> None:
        """Make sure that the caller may see the records that others are related to.

        Raises:
            EnfyraError: RELATION_NOT_FOUND, as for one that does not exist.
        """
        if not contents or self._access.rules is None:
            return
        table = contents[0].table
        for relation in table.relations.values():
            target = self._workbench.table(relation.target)
            demand: Demand | None = None
            if self._access.rows(target, "read") is not None:
                demand = Demand("read")
            if self._sets_theirs(relation, target):
                demand = Demand("update", _names(relation.inverse))
            if demand is not None:
                await self._check_references(contents, relation, target, demand)

    def _sets_theirs(self, relation: Relation, target: Table) -> bool:
        """Say whether a relation is a field of other records that there are rules about."""
        theirs = not relation.holds_key and (relation.junction is None or not relation.owning)
        return theirs and self._guarded(target, "update")

    async def check_related(self, relation: Relation, keys: Collection[Any]) -> None:
        """Make sure that records whose field a relation has set are still within reach.

        Raises:
            EnfyraError: AUTHORIZATION_ERROR.
        """
        target = self._workbench.table(relation.target)
        if not keys or self._access.rows(target, "update") is None:
            return
        found = await self.allowed(target, Demand("update", seen=False), list(keys))
        if not found.issuperset(keys):
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"{relation.name}: this would make of a record of '{relation.target}' what you may "
                "not make of it: a row policy says what",
            )

    async def out_of_sight(self, relation: Relation, contents: Sequence[Content]) -> Staying:
        """Find, for records whose related ones are set anew, those that the caller does not see.

        They stay: they are not the caller's to take away.

        Raises:
            EnfyraError: AUTHORIZATION_ERROR where one would be taken away that may not be changed.
        """
        target = self._workbench.table(relation.target)
        there = [one for one in contents if one.exists]
        hidden = self._access.rows(target, "read") is not None
        settled = self._sets_theirs(relation, target)
        if not there or not (hidden or settled):
            return Staying({}, ())
        linked = await self._linked(relation, target, there)
        every = [key for keys in linked.values() for key in keys]
        seen = await self.allowed(target, Demand("read"), every, locked=False)
        if settled:
            free = await self.allowed(target, Demand("update", _names(relation.inverse)), every)
            for content in there:
                staying = set(_keys(content, relation))
                if any(
                    key in seen and key not in free and key not in staying
                    for key in linked.get(content.key, ())
                ):
                    raise _taken_away(content, relation)
        kept = {source: [key for key in keys if key not in seen] for source, keys in linked.items()}
        named = {key for content in there for key in _keys(content, relation)}
        return Staying(kept, tuple(key for key in every if key in seen and key not in named))

    async def allowed(
        self, table: Table, demand: Demand, keys: Sequence[Any], *, locked: bool = True
    ) -> set[Any]:
        """Give those of some keys with whose records the caller may do something."""
        read = self._workbench.statements(table.name).allowed(self._access, demand, locked)
        decode = text_reader(table.primary.type, table.primary.options)
        found: set[Any] = set()
        for start in range(0, len(keys), AT_ONCE):
            values = read.plan.bind((list(keys[start : start + AT_ONCE]),), self._access)
            page = await self._session.find(read, values, -1)
            found |= {decode(row[table.primary.name]) for row in decode_json(page.rows)}
        return found

    # -- parts ----------------------------------------------------------------------------------

    def _guarded(self, table: Table, action: Action) -> bool:
        return self._workbench.statements(table.name).guarded(self._access, action)

    async def _check_fields(self, contents: Iterable[Content], action: Action) -> None:
        """Make sure of the fields that are open for some records only."""
        groups: dict[tuple[str, ...], list[Content]] = {}
        for content in contents:
            if content.conditional:
                groups.setdefault(tuple(sorted(content.conditional)), []).append(content)
        for names, group in groups.items():
            table = group[0].table
            demand = Demand(action, names, seen=False)
            there = await self.allowed(table, demand, [one.key for one in group])
            for content in group:
                if content.key not in there:
                    raise _not_this_record(content, names)

    async def _check_references(
        self, contents: Sequence[Content], relation: Relation, target: Table, demand: Demand
    ) -> None:
        named = [(one, key) for one in contents for key in _keys(one, relation)]
        if not named:
            return
        if relation.holds_key and relation.referenced != target.primary.physical:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"{relation.name} refers to records of '{target.name}' by another field than the "
                "key, of which you may see some only",
            )
        there = await self.allowed(target, demand, list({key for _, key in named}), locked=False)
        for content, key in named:
            if key not in there:
                raise missing_reference(content.table, [relation.name], content.place)

    async def _linked(
        self, relation: Relation, target: Table, contents: Sequence[Content]
    ) -> dict[Any, list[Any]]:
        """Give the keys of the records that some records are related to."""
        table = contents[0].table
        statements = self._workbench.statements(table.name)
        key, other = table.primary, target.primary
        deep = Deep(relation.name, fields=(other.name,), limit=1)
        where = Compare(key.name, Operator.IN, 0)
        read = statements.read(Shape(fields=(key.name,), where=where, deep=(deep,)), INTERNAL)
        bound = read.plan.bind(([one.key for one in contents], 0))
        page = await self._session.find(read, bound, -1)
        decode = text_reader(key.type, key.options)
        decode_other = text_reader(other.type, other.options)
        linked = {
            decode(row[key.name]): [decode_other(one[other.name]) for one in row[relation.name]]
            for row in decode_json(page.rows)
        }
        most = self._workbench.max_limit
        if any(len(keys) >= most for keys in linked.values()):
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"{relation.name} holds more records than can be looked at, of which you may see "
                "some only",
            )
        return linked


def _keys(content: Content, relation: Relation) -> Collection[Any]:
    """Give the keys of the records that are there which one names in a relation."""
    if relation.name in content.links:
        return [key for key in content.links[relation.name] if not isinstance(key, Content)]
    column = relation.foreign_key if relation.holds_key else None
    if column is None or column in content.written or content.columns.get(column) is None:
        return ()
    return (content.columns[column],)


def _names(inverse: str | None) -> tuple[str, ...]:
    return () if inverse is None else (inverse,)


def _place(content: Content) -> str:
    return f"{content.place}: " if content.place else ""


def _out_of_reach(content: Content, action: str) -> EnfyraError:
    what = "create" if action == "create" else "make of it"
    return EnfyraError(
        "AUTHORIZATION_ERROR",
        f"{_place(content)}This is no record of '{content.table.name}' that you may {what}: a row "
        "policy says which",
    )


def _not_this_record(content: Content, names: Sequence[str]) -> EnfyraError:
    return EnfyraError(
        "AUTHORIZATION_ERROR",
        f"{_place(content)}You are not allowed to set {', '.join(names)} of this record of "
        f"'{content.table.name}'",
        details={"fields": list(names), "table": content.table.name},
    )


def _taken_away(content: Content, relation: Relation) -> EnfyraError:
    return EnfyraError(
        "AUTHORIZATION_ERROR",
        f"{_place(content)}{relation.name} holds a record of '{relation.target}' that you may not "
        "change, and so cannot take away",
    )
