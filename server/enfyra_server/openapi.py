"""OpenAPI 3.1, made of the Snapshot for those who may see the same of it."""

from __future__ import annotations

import re
from typing import Any, cast

from enfyra_kernel import __version__
from enfyra_kernel.encoding import encode_json
from enfyra_kernel.lifecycle.viewing import View
from enfyra_kernel.lifecycle.writes import JSON_PATCH
from enfyra_kernel.metadata.routes import ITEM_METHODS, Route, methods_on_many
from enfyra_kernel.metadata.tables import Table

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
from .openapi_schemas import RecordSchemas

Json = dict[str, Any]

_PUNCTUATION = re.compile(r"\W+")


def openapi(view: View, prefix: str) -> bytes:
    """Give the document as JSON: the methods of routes that a caller may use, and their tables."""
    snapshot = view.snapshot
    schemas: Json = {"Error": _error_schema()}
    records = RecordSchemas(view)
    paths: Json = {}
    for route in sorted(snapshot.routes.routes, key=_order):
        methods = view.methods(route)
        if methods and route.table is not None:
            schemas.update(records.of(route.table))
        for path, item in _paths(route, methods).items():
            meant = _meant(view, path, item)
            if meant:
                paths.setdefault(path, {}).update(meant)
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


def _meant(view: View, path: str, item: Json) -> Json:
    """Leave out what the caller's token is not meant for; give nothing if that is all."""
    meant = {
        key: value
        for key, value in item.items()
        if key == "parameters" or "security" in value or view.permits(key.upper(), path)
    }
    return meant if meant.keys() - {"parameters"} else {}


def _paths(route: Route, methods: frozenset[str]) -> Json:
    path, names = _template(route.path)
    shared: Json = {"parameters": [_in_path(name) for name in names]} if names else {}
    if route.table is None:
        return {path: {**shared, **{m.lower(): _static(route, m) for m in sorted(methods)}}}
    collection = {
        method.lower(): _operation(route, route.table, method)
        for method in sorted(methods - ITEM_METHODS)
    }
    collection |= {
        method.lower(): _operation_on_many(route, route.table, method)
        for method in sorted(methods & methods_on_many(route.table))
    }
    paths: Json = {path: {**shared, **collection}}
    item = {
        method.lower(): _operation(route, route.table, method)
        for method in sorted(methods & ITEM_METHODS)
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
