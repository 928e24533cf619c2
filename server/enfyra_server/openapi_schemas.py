"""What records look like, in the words of JSON Schema, as far as a caller may see them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from enfyra_kernel.lifecycle.viewing import View
from enfyra_kernel.metadata.definitions import ColumnDefinition
from enfyra_kernel.metadata.system import SYSTEM_NAMES
from enfyra_kernel.metadata.tables import Relation, Table
from enfyra_kernel.metadata.types import ColumnType, RelationKind
from enfyra_kernel.metadata.values import enum_values, length_of
from enfyra_kernel.query.visibility import Use

from .openapi_rules import add_rules

Json = dict[str, Any]

_TYPES: dict[ColumnType, Json] = {
    ColumnType.INT: {"type": "integer", "format": "int32"},
    ColumnType.BIGINT: {"type": "integer", "format": "int64"},
    ColumnType.FLOAT: {"type": "number", "format": "double"},
    ColumnType.DECIMAL: {"type": "string", "format": "decimal"},
    ColumnType.BOOLEAN: {"type": "boolean"},
    ColumnType.UUID: {"type": "string", "format": "uuid"},
    ColumnType.DATE: {"type": "string", "format": "date"},
    ColumnType.DATETIME: {"type": "string", "format": "date-time"},
    ColumnType.TIMESTAMP: {"type": "string", "format": "date-time"},
    ColumnType.SIMPLE_JSON: {},
}


class RecordSchemas:
    """Gives the schemas of tables: of what is answered, and of what is sent.

    Args:
        view: What the caller may see.
    """

    def __init__(self, view: View) -> None:
        self._access = view.access
        # The methods of the tables that the document describes.
        self._methods: defaultdict[str, set[str]] = defaultdict(set)
        # Whose records may be created within those of others.
        self._created: set[str] = set()
        for route in view.snapshot.routes.routes:
            methods = view.methods(route)
            if route.table is not None and methods:
                self._methods[route.table.name] |= methods
                if "POST" in methods and route.path == f"/{route.table.name}":
                    self._created.add(route.table.name)

    def of(self, table: Table) -> Json:
        """Give the schemas of a table by their names."""
        access = self._access
        shown = {
            name: _column_schema(column)
            for name, column in table.columns.items()
            if access.sees(column)
        }
        shown |= {
            name: self._related(relation)
            for name, relation in table.relations.items()
            if relation.kind.to_one and access.sees(relation)
        }
        schemas: Json = {table.name: {"type": "object", "properties": shown}}
        methods = self._methods[table.name]
        if not methods.isdisjoint(("POST", "PUT")):
            schemas[f"{table.name}.create"] = self._created_from(table)
        if "PATCH" in methods:
            schemas[f"{table.name}.update"] = {
                "type": "object",
                "properties": self._written(table, "update"),
                "additionalProperties": False,
            }
        return schemas

    def _created_from(self, table: Table) -> Json:
        properties = self._written(table, "create")
        required = [
            name
            for name, column in table.columns.items()
            if name in properties and not column.is_nullable and column.default_value is None
        ]
        schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        return schema | {"required": required} if required else schema

    def _written(self, table: Table, use: Use) -> Json:
        """Give the fields that the caller may set, of some records at least."""
        access = self._access
        written = {
            name: _column_schema(column)
            for name, column in table.columns.items()
            if not column.is_generated
            and column.read_only is None
            and access.verdict(column, use) is not False
        }
        return written | {
            name: self._input(relation)
            for name, relation in table.relations.items()
            if relation.read_only is None and access.verdict(relation, use) is not False
        }

    def _related(self, relation: Relation) -> Json:
        if relation.target not in self._methods:
            return {"type": ["object", "null"]}
        reference = {"$ref": f"#/components/schemas/{relation.target}"}
        return {"oneOf": [reference, {"type": "null"}]}

    def _input(self, relation: Relation) -> Json:
        key: Json = {"type": ["integer", "string"]}
        named: Json = {"type": "object", "properties": {"id": key}, "required": ["id"]}
        one: Json = {"anyOf": [key, named]}
        if relation.target not in SYSTEM_NAMES and relation.target in self._created:
            one["anyOf"].append({"$ref": f"#/components/schemas/{relation.target}.create"})
        if relation.kind in {RelationKind.MANY_TO_ONE, RelationKind.ONE_TO_ONE}:
            if relation.nullable:
                one["anyOf"].append({"type": "null"})
            return one
        many: Json = {"type": "array", "items": one}
        add_rules(many, relation.definition)
        return many


def _column_schema(column: ColumnDefinition) -> Json:
    schema: Json = dict(_TYPES.get(column.type, {"type": "string"}))
    if column.type is ColumnType.VARCHAR:
        schema["maxLength"] = length_of(column.options)
    if column.type is ColumnType.ENUM:
        schema["enum"] = [*enum_values(column.options), *([None] if column.is_nullable else [])]
    if column.type is ColumnType.ARRAY_SELECT:
        schema = {"type": "array", "items": {"type": "string"}}
    if column.is_nullable and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if column.description:
        schema["description"] = column.description
    if column.default_value is not None:
        schema["default"] = column.default_value
    add_rules(schema, column)
    return schema
