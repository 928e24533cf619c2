"""Parameters, headers and bodies that many operations of the OpenAPI document share."""

from __future__ import annotations

from typing import Any

from enfyra_kernel.query.ast import Operator
from enfyra_kernel.records.json_patch import OPERATIONS
from enfyra_kernel.records.streams.formats import FORMATS, JSON

Json = dict[str, Any]

_OPERATORS = ", ".join(one.value for one in Operator)
PARAMETERS: list[Json] = [
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
        (
            "saved",
            "The name of a saved query; what stands beside it wins, and a filter narrows.",
            {"type": "string"},
        ),
        ("parameters", "What its names stand for, as JSON: `{\"least\":5}`.", {"type": "string"}),
        ("format", "All records as a download.", {"type": "string", "enum": [*FORMATS]}),
        ("safe", "In CSV, make formulas harmless.", {"type": "boolean", "default": False}),
    )
]  # fmt: skip
LOAD_PARAMETERS: list[Json] = [
    {"name": name, "in": "query", "description": description, "schema": schema}
    for name, description, schema in (
        ("format", "What the body is.", {"type": "string", "enum": [*FORMATS]}),
        (
            "mode",
            "Add records, update those that are there, or, of a load, replace all.",
            {"type": "string", "enum": ["append", "upsert", "replace"], "default": "append"},
        ),
        ("key", "For upsert: the fields that tell records apart.", {"type": "string"}),
        (
            "missing",
            "Of a load: what becomes of a relation to a record that is not there.",
            {"type": "string", "enum": ["error", "null"], "default": "error"},
        ),
        ("dryRun", "Of a load: take it back.", {"type": "boolean", "default": False}),
    )
]
FILTER = PARAMETERS[0]
_FIELDS = next(one for one in PARAMETERS if one["name"] == "fields")
MANY_PARAMETERS: list[Json] = [
    {**FILTER, "required": True},
    _FIELDS,
    {
        "name": "maxAffected",
        "in": "query",
        "description": "How many records may be written; if there are more, nothing is.",
        "schema": {"type": "integer", "minimum": 0},
    },
]
IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "description": "The record's ETag; 412 if it has changed since.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes the request safe to repeat: the first answer is given again.",
    "schema": {"type": "string", "maxLength": 255},
}
# What they hold is for the tools that read them to say.
STREAMS: Json = {one.media_type: {"schema": {}} for one in FORMATS.values() if one is not JSON}
JSON_PATCH_SCHEMA: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "op": {"type": "string", "enum": list(OPERATIONS)},
            "path": {"type": "string"},
            "from": {"type": "string"},
            "value": {},
        },
        "required": ["op", "path"],
    },
}
