"""Definitions into rows of the system tables: what an edit inserts, updates and deletes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..encoding import decode_json
from ..metadata.definitions import (
    ColumnDefinition,
    RelationDefinition,
    RuleDefinition,
    TableDefinition,
)
from ..metadata.tables import Relation, StoredColumn, Table, junction_as_table, key_of, stored
from ..metadata.types import OnDelete
from ..query.ast import Operator
from ..query.commands import Delete, Insert, Update, key_equals
from ..query.plan import Comparison, Plan, Predicate, Slot
from ..query.selection import SelectedColumn
from ..storage.database import Database, Session
from .catalog import Catalog
from .renaming import COMING

Facts = dict[str, Any]


def table_facts(table: TableDefinition) -> Facts:
    """Give the values of a table's row, by field."""
    return {
        "name": table.name,
        "alias": table.alias,
        "isSystem": table.is_system,
        "isSingleRecord": table.is_single_record,
        "isAdopted": table.is_adopted,
        "uniques": [list(group) for group in table.uniques],
        "indexes": [list(group) for group in table.indexes],
        "description": table.description,
        "metadata": table.metadata,
        "validateBody": table.validate_body,
        "physicalName": table.physical_name,
        "readOnly": table.read_only,
        "keyFields": None if table.key_fields is None else list(table.key_fields),
    }


def column_facts(column: ColumnDefinition) -> Facts:
    """Give the values of a column's row, by field."""
    return {
        "name": column.name,
        "type": column.type.value,
        "isGenerated": column.is_generated,
        "isPrimary": column.is_primary,
        "isNullable": column.is_nullable,
        "isSystem": column.is_system,
        "defaultValue": column.default_value,
        "options": column.options,
        "isUpdatable": column.is_updatable,
        "isPublished": column.is_published,
        "isEncrypted": column.is_encrypted,
        "description": column.description,
        "placeholder": column.placeholder,
        "metadata": column.metadata,
        "physicalName": column.physical_name,
        "physicalType": column.physical_type,
        "readOnly": column.read_only,
    }


def relation_facts(relation: RelationDefinition) -> Facts:
    """Give the values of a relation's row, by field, except for what it refers to."""
    return {
        "type": relation.type.value,
        "propertyName": relation.property_name,
        "isNullable": relation.is_nullable,
        "onDelete": relation.on_delete.value if relation.on_delete is not None else None,
        "isSystem": relation.is_system,
        "isPublished": relation.is_published,
        "isUpdatable": relation.is_updatable,
        "description": relation.description,
        "metadata": relation.metadata,
        "foreignKeyColumn": relation.foreign_key_column,
        "referencedColumn": relation.referenced_column,
        "constraintName": relation.constraint_name,
        "junctionTableName": relation.junction_table_name,
        "junctionSourceColumn": relation.junction_source_column,
        "junctionTargetColumn": relation.junction_target_column,
    }


def rule_facts(rule: RuleDefinition) -> Facts:
    """Give the values of a rule's row, by field, except for the column or relation."""
    return {
        "ruleType": rule.rule_type,
        "value": rule.value,
        "message": rule.message,
        "isEnabled": rule.is_enabled,
        "description": rule.description,
    }


class SystemRows:
    """Writes rows of system tables by their fields' names.

    Args:
        tables: The system tables, by name.
        now: The instant that the rows get as their timestamps.
    """

    def __init__(
        self, database: Database, session: Session, tables: Mapping[str, Table], now: datetime
    ) -> None:
        self._database = database
        self._session = session
        self._tables = tables
        self._now = now

    def _column(self, table: Table, name: str) -> StoredColumn:
        column = table.columns.get(name)
        if column is not None:
            return stored(column)
        relation = table.relations[name]
        return key_of(relation, self._tables[relation.target])

    async def insert(self, name: str, rows: Sequence[Facts]) -> list[Any]:
        """Insert rows that all have the same fields; give their ids."""
        if not rows:
            return []
        table = self._tables[name]
        stamped = [row | {"createdAt": self._now, "updatedAt": self._now} for row in rows]
        fields = list(stamped[0])
        insert = Insert(
            table,
            tuple(self._column(table, field) for field in fields),
            selection=(SelectedColumn("id", table.primary),),
        )
        values = [[row[field] for field in fields] for row in stamped]
        _, returned = await self._session.write_many(self._database.insert(insert), values)
        listed = decode_json(b"[" + b",".join(returned or ()) + b"]")
        return [row["id"] for row in listed]

    async def update(self, name: str, id_: Any, facts: Facts) -> None:
        """Update one row."""
        table = self._tables[name]
        facts = facts | {"updatedAt": self._now}
        update = Update(
            table,
            tuple(self._column(table, field) for field in facts),
            where=key_equals(table),
            slots=(_id_slot(table),),
        )
        await self._session.write(self._database.update(update), (*facts.values(), id_))

    async def ids_of(self, name: str) -> list[Any]:
        """Give the ids of all rows of a table."""
        return list((await self.ids_by(name, "id")).values())

    async def ids_by(self, name: str, field: str) -> dict[Any, Any]:
        """Give the ids of all rows of a table by the values of a column that is unique."""
        table = self._tables[name]
        selection = (
            SelectedColumn("id", table.primary),
            SelectedColumn("value", table.columns[field]),
        )
        plan = Plan(table=table, selection=selection, where=None, order=(), slots=())
        page = await self._session.find(self._database.read(plan), (), -1)
        return {row["value"]: row["id"] for row in decode_json(page.rows)}

    async def link(self, name: str, relation: str, id_: Any, others: Sequence[Any]) -> None:
        """Add records to a many-to-many relation of a row."""
        await self.link_pairs(name, relation, [(id_, other) for other in others])

    async def linked(self, name: str, relation: str, id_: Any) -> list[Any]:
        """Give the ids of the records in a many-to-many relation of a row."""
        junction = self._junction(name, relation)
        where, slots = _equals(stored(junction.columns["sourceId"]))
        selection = (SelectedColumn("id", junction.columns["targetId"]),)
        plan = Plan(table=junction, selection=selection, where=where, order=(), slots=slots)
        page = await self._session.find(self._database.read(plan), (id_,), -1)
        return [row["id"] for row in decode_json(page.rows)]

    async def link_pairs(self, name: str, relation: str, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Add pairs of keys to a many-to-many relation."""
        if not pairs:
            return
        junction = self._junction(name, relation)
        columns = tuple(stored(column) for column in junction.columns.values())
        insert = self._database.insert(Insert(junction, columns))
        await self._session.write_many(insert, pairs)

    def _junction(self, name: str, relation: str) -> Table:
        table = self._tables[name]
        property_ = table.relations[relation]
        if property_.junction is None:
            raise ValueError(f"'{relation}' has no junction")
        return junction_as_table(property_.junction, table.key, self._tables[property_.target].key)

    async def delete(self, name: str, ids: Iterable[Any]) -> None:
        """Delete rows, and those of system tables that go or change with them.

        SQLite's own cascades rest while the schema changes, so they are done here.
        """
        table = self._tables[name]
        delete = self._database.delete(Delete(table, key_equals(table), (_id_slot(table),)))
        for id_ in ids:
            for other in self._tables.values():
                for relation in other.relations.values():
                    if table in (other, self._tables[relation.target]):
                        await self._let_go(table, id_, other, relation)
            await self._session.write(delete, (id_,))

    async def _let_go(self, table: Table, id_: Any, other: Table, relation: Relation) -> None:
        target = self._tables[relation.target]
        if relation.junction is not None and relation.owning:
            junction = junction_as_table(relation.junction, other.key, target.key)
            for end, name in ((other, "sourceId"), (target, "targetId")):
                if end is table:
                    await self._delete_where(junction, stored(junction.columns[name]), id_)
        elif relation.holds_key and target is table:
            key = key_of(relation, table)
            if relation.on_delete is OnDelete.CASCADE:
                await self.delete(other.name, await self._ids_where(other, key, id_))
            elif relation.on_delete is OnDelete.SET_NULL:
                where, slots = _equals(key)
                update = Update(other, (key,), where=where, slots=slots)
                await self._session.write(self._database.update(update), (None, id_))

    async def _delete_where(self, table: Table, column: StoredColumn, value: Any) -> None:
        await self._session.write(self._database.delete(Delete(table, *_equals(column))), (value,))

    async def _ids_where(self, table: Table, column: StoredColumn, value: Any) -> list[Any]:
        where, slots = _equals(column)
        selection = (SelectedColumn("id", table.primary),)
        plan = Plan(table=table, selection=selection, where=where, order=(), slots=slots)
        page = await self._session.find(self._database.read(plan), (value,), -1)
        return [row["id"] for row in decode_json(page.rows)]


def _equals(column: StoredColumn) -> tuple[Predicate, tuple[Slot, ...]]:
    slot = Slot(column.name, column.type, Operator.EQ, lambda value: value)
    return Comparison(column, Operator.EQ, 0), (slot,)


def _id_slot(table: Table) -> Slot:
    return Slot("id", table.primary.type, Operator.EQ, lambda value: value)


class CatalogWriter:
    """Brings the rows of the definition tables from one catalog to another.

    Attributes:
        ids: The real ids of definitions by their provisional ones, after `write`.
    """

    def __init__(self, rows: SystemRows) -> None:
        self._rows = rows
        self.ids: dict[int, int] = {}

    def _real(self, id_: int | None) -> int | None:
        return None if id_ is None else self.ids.get(id_, id_)

    async def write(self, old: Catalog, new: Catalog) -> None:
        """Write the difference.

        What goes away makes room for what changes its name, and that for what is new.
        """
        await self._delete(old, new)
        await self._update(old, new)
        await self._insert_tables([new[id_] for id_ in new if id_ not in old])
        await self._insert_columns(old, new)
        await self._insert_relations(old, new)
        await self._write_rules(old, new)

    async def _delete(self, old: Catalog, new: Catalog) -> None:
        gone_tables = [id_ for id_ in old if id_ not in new]
        before = {one.id: one for one in old.relations()}
        after = {one.id for one in new.relations()}
        gone = [one for id_, one in before.items() if id_ not in after]
        # Inverse sides refer to their owners.
        await self._rows.delete("relation_definition", [o.id for o in gone if not o.owning])
        await self._rows.delete("relation_definition", [o.id for o in gone if o.owning])
        kept_columns = {column.id for table in new.values() for column in table.columns}
        gone_columns = [
            column.id
            for table in old.values()
            for column in table.columns
            if column.id not in kept_columns and table.id in new
        ]
        await self._rows.delete("column_definition", gone_columns)
        await self._rows.delete("table_definition", gone_tables)

    async def _insert_tables(self, tables: list[TableDefinition]) -> None:
        ids = await self._rows.insert("table_definition", [table_facts(one) for one in tables])
        self.ids |= {table.id: id_ for table, id_ in zip(tables, ids, strict=True)}

    async def _update(self, old: Catalog, new: Catalog) -> None:
        # Of a thousand tables one has changed.
        before = [one for id_, one in old.items() if new.get(id_) is not one]
        after = [one for id_, one in new.items() if old.get(id_) is not one]

        def columns(tables: list[TableDefinition]) -> dict[int, Facts]:
            return {one.id: column_facts(one) for table in tables for one in table.columns}

        def relations(tables: list[TableDefinition]) -> dict[int, Facts]:
            return {one.id: relation_facts(one) for table in tables for one in table.relations}

        def facts(tables: list[TableDefinition]) -> dict[int, Facts]:
            return {table.id: table_facts(table) for table in tables}

        await self._change("table_definition", "name", facts(before), facts(after))
        await self._change("column_definition", "name", columns(before), columns(after))
        await self._change(
            "relation_definition", "propertyName", relations(before), relations(after)
        )

    async def _change(
        self, table: str, name: str, old: Mapping[int, Facts], new: Mapping[int, Facts]
    ) -> None:
        changed = {
            id_: _changed(old[id_], facts)
            for id_, facts in new.items()
            if id_ in old and old[id_] != facts
        }
        renamed = [id_ for id_, facts in changed.items() if name in facts]
        wanted = {changed[id_][name] for id_ in renamed}
        for id_ in renamed:
            if old[id_][name] in wanted:
                # Somebody else gets this name, which is unique.
                await self._rows.update(table, id_, {name: f"{COMING}{id_}"})
        for id_, facts in changed.items():
            await self._rows.update(table, id_, facts)

    async def _insert_columns(self, old: Catalog, new: Catalog) -> None:
        before = {one.id for table in old.values() for one in table.columns}
        added = [
            (table, column)
            for table in new.values()
            for column in table.columns
            if column.id not in before
        ]
        ids = await self._rows.insert(
            "column_definition",
            [column_facts(one) | {"table": self._real(table.id)} for table, one in added],
        )
        self.ids |= {column.id: id_ for (_, column), id_ in zip(added, ids, strict=True)}

    async def _insert_relations(self, old: Catalog, new: Catalog) -> None:
        before = {one.id for one in old.relations()}
        added = [one for one in new.relations() if one.id not in before]
        for owning in (True, False):
            group = [one for one in added if one.owning is owning]
            ids = await self._rows.insert(
                "relation_definition", [self._relation_row(one) for one in group]
            )
            self.ids |= {one.id: id_ for one, id_ in zip(group, ids, strict=True)}

    async def _write_rules(self, old: Catalog, new: Catalog) -> None:
        before, after = _rules(old, new), _rules(new, old)
        await self._rows.delete(
            "column_rule_definition", [id_ for id_ in before if id_ not in after]
        )
        for id_, facts in after.items():
            if id_ in before and before[id_] != facts:
                changed = _changed(before[id_], facts)
                await self._rows.update("column_rule_definition", id_, changed)
        added = {id_: facts for id_, facts in after.items() if id_ not in before}
        rows = [
            facts | {owner: self._real(facts[owner]) for owner in ("column", "relation")}
            for facts in added.values()
        ]
        ids = await self._rows.insert("column_rule_definition", rows)
        self.ids |= dict(zip(added, ids, strict=True))

    def _relation_row(self, relation: RelationDefinition) -> Facts:
        return relation_facts(relation) | {
            "sourceTable": self._real(relation.source),
            "targetTable": self._real(relation.target),
            "mappedBy": self._real(relation.mapped_by),
        }


def _changed(old: Facts, new: Facts) -> Facts:
    return {key: value for key, value in new.items() if old[key] != value}


def _rules(which: Catalog, other: Catalog) -> dict[int, Facts]:
    """Give the rules of a catalog's tables by id, as far as they differ from another's."""
    changed = [table for id_, table in which.items() if other.get(id_) is not table]
    columns = [(one, {"column": one.id, "relation": None}) for t in changed for one in t.columns]
    relations = [
        (one, {"column": None, "relation": one.id}) for t in changed for one in t.relations
    ]
    return {
        rule.id: rule_facts(rule) | owner
        for field, owner in (*columns, *relations)
        for rule in field.rules
    }
