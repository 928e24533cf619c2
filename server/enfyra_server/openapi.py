"""OpenAPI 3.1, made of the Snapshot when it is asked for."""

from __future__ import annotations

import re
from typing import Any, cast

from enfyra_kernel import __version__
from enfyra_kernel.encoding import encode_json
from enfyra_kernel.metadata.definitions import ColumnDefinition
from enfyra_kernel.metadata.routes import ITEM_METHODS, Route
from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.metadata.tables import Relation, Table
from enfyra_kernel.metadata.types import ColumnType, RelationKind
from enfyra_kernel.metadata.values import enum_values, length_of
from enfyra_kernel.query.ast import Operator
from enfyra_kernel.records.streams.formats import FORMATS, JSON

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
_OPERATORS = ", ".join(one.value for one in Operator)
_PARAMETERS: list[Json] = [
    {"name": name, "in": "query", "description": description, "schema": schema}
    for name, description, schema in (
        (
            "filter",
            f"Conditions as JSON, such as `{{\"status\":{{\"_eq\":\"draft\"}}}}`. Operators: "
            f"{_OPERATORS}, _is_null, _is_not_null, _and, _or, _not. Relations nest, and those to "
            "many have _count, _sum, _avg, _min and _max.",
            {"type": "string"},
        ),
        (
            "sort",
            "Fields, separated by commas; `-` in front for descending. Also `_count(posts)`, "
            "`_min(posts.views)`, `_max(posts.views)`.",
            {"type": "string"},
        ),
        ("fields", "Fields to show; `*`, `author.name`, `-content`.", {"type": "string"}),
        ("include", "Relations to show with all of their fields.", {"type": "string"}),
        (
            "deep",
            "What to load of relations, as JSON: fields, filter, sort, limit, page, deep of each.",
            {"type": "string"},
        ),
        (
            "aggregate",
            "Figures over all records that meet the filter, as JSON, such as "
            "`{\"views\":{\"sum\":true}}`.",
            {"type": "string"},
        ),
        ("dimensions", "Fields to group by, in the place of records.", {"type": "string"}),
        ("measures", "Figures of each group: `count`, `sum(views)`.", {"type": "string"}),
        ("meta", "`filterCount`, `totalCount` or `*`.", {"type": "string"}),
        (
            "cursor",
            "Empty for the first page, then `meta.cursor` of the page before.",
            {"type": "string"},
        ),
        ("limit", "Rows in a page; 0 for all.", {"type": "integer", "minimum": 0, "default": 10}),
        ("page", "The page, from 1.", {"type": "integer", "minimum": 1, "default": 1}),
        ("format", "All records as a download.", {"type": "string", "enum": [*FORMATS]}),
        ("safe", "In CSV, make formulas harmless.", {"type": "boolean", "default": False}),
    )
]  # fmt: skip
_LOAD_PARAMETERS: list[Json] = [
    {"name": name, "in": "query", "description": description, "schema": schema}
    for name, description, schema in (
        ("format", "What the body is.", {"type": "string", "enum": [*FORMATS]}),
        (
            "mode",
            "Of a load: add, update those that are there, or replace all.",
            {"type": "string", "enum": ["append", "upsert", "replace"], "default": "append"},
        ),
        ("key", "Of a load, for upsert: the fields that tell records apart.", {"type": "string"}),
        (
            "missing",
            "Of a load: what becomes of a relation to a record that is not there.",
            {"type": "string", "enum": ["error", "null"], "default": "error"},
        ),
        ("dryRun", "Of a load: take it back.", {"type": "boolean", "default": False}),
    )
]
# What they hold is for the tools that read them to say.
_STREAMS: Json = {one.media_type: {"schema": {}} for one in FORMATS.values() if one is not JSON}
_PUNCTUATION = re.compile(r"\W+")


def openapi(snapshot: Snapshot, prefix: str) -> bytes:
    """Give the document as JSON."""
    schemas: Json = {"Error": _error_schema()}
    paths: Json = {}
    for route in sorted(snapshot.routes.routes, key=_order):
        if route.table is not None:
            schemas.update(_schemas(route.table))
        for path, item in _paths(route).items():
            paths.setdefault(path, {}).update(item)
    _make_unique(paths)
    return encode_json(
        {
            "openapi": "3.1.0",
            "info": {
                "title": snapshot.settings.get("projectName") or "Enfyra",
                "version": f"{__version__}+{snapshot.version}",
                "description": "Made of the definitions as they are at this moment.",
            },
            "servers": [{"url": prefix or "/"}],
            "security": [{"bearer": []}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
                },
            },
        }
    )


def _order(route: Route) -> tuple[bool, str]:
    return route.definition.is_system, route.path


def _paths(route: Route) -> Json:
    path, names = _template(route.path)
    shared: Json = {"parameters": [_in_path(name) for name in names]} if names else {}
    if route.table is None:
        return {path: {**shared, **{m.lower(): _static(route, m) for m in sorted(route.available)}}}
    collection = {
        method.lower(): _operation(route, route.table, method)
        for method in sorted(route.available - ITEM_METHODS)
    }
    paths: Json = {path: {**shared, **collection}}
    item = {
        method.lower(): _operation(route, route.table, method)
        for method in sorted(route.available & ITEM_METHODS)
    }
    if item and not names:
        paths[f"{path}/{{id}}"] = {"parameters": [_in_path("id")], **item}
    return paths


def _template(path: str) -> tuple[str, list[str]]:
    """Give a route's path as OpenAPI writes it, and the names of its parameters."""
    names: list[str] = []
    parts: list[str] = []
    for part in path.split("/"):
        if part.startswith((":", "*")):
            names.append(part[1:] or "splat")
            part = f"{{{names[-1]}}}"
        parts.append(part)
    return "/".join(parts), names


def _in_path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _make_unique(paths: Json) -> None:
    """Give operations whose paths differ in punctuation only ids of their own."""
    seen: dict[str, int] = {}
    for item in paths.values():
        for operation in item.values():
            if isinstance(operation, dict):
                named = cast("Json", operation)
                id_ = named["operationId"]
                seen[id_] = seen.get(id_, 0) + 1
                if seen[id_] > 1:
                    named["operationId"] = f"{id_}_{seen[id_]}"


def _static(route: Route, method: str) -> Json:
    operation: Json = {
        "operationId": f"{method.lower()}{route.path.title().translate(_NO_PUNCTUATION)}",
        "tags": ["system"],
        "summary": f"{method} {route.path}",
        "responses": {"200": {"description": "Success"}, "default": _failure()},
    }
    if method in {"POST", "PATCH", "PUT"}:
        operation["requestBody"] = _body({"type": "object"})
    if method in route.public:
        operation["security"] = []
    return operation


_NO_PUNCTUATION = str.maketrans("", "", "/-_:.*~")
_SUMMARIES = {
    "GET": "List {}",
    "POST": "Create {}",
    "PATCH": "Change one {}",
    "PUT": "Replace one {}",
    "DELETE": "Delete one {}",
}


def _operation(route: Route, table: Table, method: str) -> Json:
    status = "201" if method == "POST" else "200"
    operation: Json = {
        "operationId": f"{method.lower()}_{_PUNCTUATION.sub('_', route.path).strip('_')}",
        "tags": ["system" if table.definition.is_system else table.name],
        "summary": _SUMMARIES.get(method, method + " {}").format(table.name),
        "responses": {
            status: {
                "description": "Success",
                "content": {"application/json": {"schema": _envelope(table, method)}},
            },
            "default": _failure(),
        },
    }
    if table.definition.description and method == "GET":
        operation["description"] = table.definition.description
    if method == "GET":
        operation["parameters"] = _PARAMETERS
        operation["responses"][status]["content"] |= _STREAMS
    elif method in {"POST", "PUT"}:
        operation["requestBody"] = _body({"$ref": f"#/components/schemas/{table.name}.create"})
    elif method == "PATCH":
        operation["requestBody"] = _body({"$ref": f"#/components/schemas/{table.name}.update"})
    if method == "POST" and not table.definition.is_system:
        operation["parameters"] = _LOAD_PARAMETERS
        operation["requestBody"]["content"] |= _STREAMS
    if method in route.public:
        operation["security"] = []
    return operation


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _envelope(table: Table, method: str) -> Json:
    properties: Json = {"statusCode": {"type": "integer"}, "message": {"type": "string"}}
    if method != "DELETE":
        rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{table.name}"}}
        properties["data"] = rows
    if method == "GET":
        meta = {
            "totalCount": {"type": "integer"},
            "filterCount": {"type": "integer"},
            "aggregate": {"type": "object"},
            "cursor": {"type": ["string", "null"]},
        }
        properties["meta"] = {"type": "object", "properties": meta}
    return {"type": "object", "properties": properties}


def _failure() -> Json:
    return {
        "description": "An error",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _error_schema() -> Json:
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "success": {"type": "boolean", "const": False},
            "statusCode": {"type": "integer"},
            "message": {"oneOf": [text, {"type": "array", "items": text}]},
            "error": {
                "type": "object",
                "properties": {
                    "code": text,
                    "message": text,
                    "details": {},
                    "hint": {"type": ["string", "null"]},
                    "timestamp": {"type": "string", "format": "date-time"},
                    "path": text,
                    "method": text,
                    "correlationId": text,
                },
            },
        },
    }


def _schemas(table: Table) -> Json:
    shown = {
        name: _column_schema(column)
        for name, column in table.columns.items()
        if column.is_published and not column.is_secret
    }
    shown |= {
        name: _relation_schema(relation)
        for name, relation in table.relations.items()
        if relation.published and relation.kind.to_one
    }
    writable = {
        name: _column_schema(column)
        for name, column in table.columns.items()
        if column.is_published and not column.is_generated and column.read_only is None
    }
    writable |= {
        name: _relation_input(relation)
        for name, relation in table.relations.items()
        if relation.published and relation.read_only is None
    }
    required = [
        name
        for name, column in table.columns.items()
        if name in writable and not column.is_nullable and column.default_value is None
    ]
    create: Json = {"type": "object", "properties": writable, "additionalProperties": False}
    if required:
        create["required"] = required
    update = {"type": "object", "properties": writable, "additionalProperties": False}
    return {
        table.name: {"type": "object", "properties": shown},
        f"{table.name}.create": create,
        f"{table.name}.update": update,
    }


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


def _relation_schema(relation: Relation) -> Json:
    reference = {"$ref": f"#/components/schemas/{relation.target}"}
    return {"oneOf": [reference, {"type": "null"}]}


def _relation_input(relation: Relation) -> Json:
    key: Json = {"type": ["integer", "string"]}
    one: Json = {"oneOf": [key, {"type": "object", "properties": {"id": key}, "required": ["id"]}]}
    if relation.kind in {RelationKind.MANY_TO_ONE, RelationKind.ONE_TO_ONE}:
        if relation.nullable:
            one["oneOf"] = [*one["oneOf"], {"type": "null"}]
        return one
    many: Json = {"type": "array", "items": one}
    add_rules(many, relation.definition)
    return many
