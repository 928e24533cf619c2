"""OpenAPI 3.1, made of the Snapshot when it is asked for."""

from __future__ import annotations

import re
from typing import Any, cast

from enfyra_kernel import __version__
from enfyra_kernel.encoding import encode_json
from enfyra_kernel.lifecycle.writes import JSON_PATCH
from enfyra_kernel.metadata.definitions import ColumnDefinition
from enfyra_kernel.metadata.routes import ITEM_METHODS, Route, methods_on_many
from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.metadata.system import SYSTEM_NAMES
from enfyra_kernel.metadata.tables import Relation, Table
from enfyra_kernel.metadata.types import ColumnType, RelationKind
from enfyra_kernel.metadata.values import enum_values, length_of

from .openapi_accounts import described
from .openapi_parameters import (
    FILTER,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    JSON_PATCH_SCHEMA,
    LOAD_PARAMETERS,
    MANY_PARAMETERS,
    PARAMETERS,
    STREAMS,
)
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
    collection |= {
        method.lower(): _operation_on_many(route, route.table, method)
        for method in sorted(route.available & methods_on_many(route.table))
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
    special = described(method, route.path)
    if special is not None:
        operation |= special
        operation["responses"] = {**special["responses"], "default": _failure()}
    elif method in {"POST", "PATCH", "PUT"}:
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
        operation["parameters"] = PARAMETERS
        operation["responses"][status]["content"] |= STREAMS
    elif method in {"POST", "PUT"}:
        operation["requestBody"] = _body({"$ref": f"#/components/schemas/{table.name}.create"})
    elif method == "PATCH":
        operation["requestBody"] = _body({"$ref": f"#/components/schemas/{table.name}.update"})
    if method in ITEM_METHODS:
        operation["parameters"] = [IF_MATCH]
    if method == "PATCH" and not table.definition.is_system:
        operation["parameters"] = [IF_MATCH, IDEMPOTENCY_KEY]
        operation["requestBody"]["content"][JSON_PATCH] = {"schema": JSON_PATCH_SCHEMA}
    if method == "POST" and not table.definition.is_system:
        operation["parameters"] = [*LOAD_PARAMETERS, IDEMPOTENCY_KEY]
        one = {"$ref": f"#/components/schemas/{table.name}.create"}
        operation["requestBody"] = _body({"oneOf": [one, {"type": "array", "items": one}]})
        operation["requestBody"]["content"] |= STREAMS
    if method in route.public:
        operation["security"] = []
    return operation


def _operation_on_many(route: Route, table: Table, method: str) -> Json:
    """Describe a method on all records that meet a filter, or on a list of them."""
    operation = _operation(route, table, method)
    operation["operationId"] += "_many"
    verb = "Change" if method == "PATCH" else "Delete"
    operation["summary"] = f"{verb} many {table.name}, by a filter"
    operation["parameters"] = MANY_PARAMETERS
    schema = _envelope(table, "DELETE")
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{table.name}"}}
    count = {"type": "object", "properties": {"affectedCount": {"type": "integer"}}}
    schema["properties"] |= {"data": rows, "meta": count}
    operation["responses"]["200"]["content"]["application/json"]["schema"] = schema
    if method == "PATCH":
        one = {"$ref": f"#/components/schemas/{table.name}.update"}
        operation["summary"] += ", or a list of them by their keys"
        # A list has no filter.
        operation["parameters"] = [FILTER, *MANY_PARAMETERS[1:], IDEMPOTENCY_KEY]
        operation["requestBody"] = _body({"oneOf": [one, {"type": "array", "items": one}]})
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
    named: Json = {"type": "object", "properties": {"id": key}, "required": ["id"]}
    one: Json = {"anyOf": [key, named]}
    if relation.target not in SYSTEM_NAMES:
        one["anyOf"].append({"$ref": f"#/components/schemas/{relation.target}.create"})
    if relation.kind in {RelationKind.MANY_TO_ONE, RelationKind.ONE_TO_ONE}:
        if relation.nullable:
            one["anyOf"].append({"type": "null"})
        return one
    many: Json = {"type": "array", "items": one}
    add_rules(many, relation.definition)
    return many
