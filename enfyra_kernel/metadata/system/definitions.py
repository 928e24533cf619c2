"""What has been defined: tables, columns, relations, and how they were changed."""

from __future__ import annotations

from ..types import ColumnType, OnDelete, RelationKind, RuleType
from .declarations import Declarations


def declare(d: Declarations) -> None:
    """Declare the tables."""
    d.table("table_definition", uniques=(("name",), ("alias",)))
    d.text("name", is_nullable=False)
    d.text("alias")
    d.system()
    d.flag("isSingleRecord")
    d.flag("isAdopted")
    d.json("uniques", "indexes")
    d.described()
    d.json("metadata")
    d.flag("validateBody", True)
    d.text("physicalName", "readOnly")
    d.json("keyFields")

    d.table("column_definition", uniques=(("name", "table"),))
    d.text("name", is_nullable=False)
    d.choice("type", [one.value for one in ColumnType], is_nullable=False)
    for name in ("isGenerated", "isPrimary"):
        d.flag(name)
    d.flag("isNullable", True)
    d.system()
    d.json("defaultValue", "options")
    d.flag("isUpdatable", True)
    d.flag("isPublished", True)
    d.flag("isEncrypted", is_updatable=False)
    d.described()
    d.text("placeholder")
    d.json("metadata")
    d.text("physicalName", "physicalType", "readOnly")
    d.part_of("table", "table_definition", "columns", is_nullable=False)

    d.table("relation_definition", uniques=(("propertyName", "sourceTable"), ("mappedBy",)))
    d.choice("type", [one.value for one in RelationKind], is_nullable=False)
    d.text("propertyName", is_nullable=False)
    d.flag("isNullable", True)
    d.choice("onDelete", [one.value for one in OnDelete])
    d.system()
    d.flag("isPublished", True)
    d.flag("isUpdatable", True)
    d.described()
    d.json("metadata")
    d.text("foreignKeyColumn", "referencedColumn", "constraintName")
    d.text("junctionTableName", "junctionSourceColumn", "junctionTargetColumn")
    d.part_of("sourceTable", "table_definition", "relations", is_nullable=False)
    d.part_of("targetTable", "table_definition", is_nullable=False)
    d.part_of("mappedBy", "relation_definition")

    # A rule belongs to a column, or to a relation to many.
    d.table("column_rule_definition")
    d.choice("ruleType", [one.value for one in RuleType], is_nullable=False)
    d.json("value")
    d.text("message")
    d.enabled()
    d.described()
    d.part_of("column", "column_definition", "rules")
    d.part_of("relation", "relation_definition", "rules")

    d.table("schema_migration_definition", uniques=(("uuid",),))
    d.column("uuid", ColumnType.UUID, is_nullable=False)
    d.text("tableName", "operation")
    d.choice(
        "status",
        ["pending", "running", "committed", "completed", "failed", "rolled_back"],
        "pending",
        is_nullable=False,
    )
    d.json("steps")
    d.number("progress", 0)
    d.long("errorMessage")
    d.instant("startedAt", "completedAt")
