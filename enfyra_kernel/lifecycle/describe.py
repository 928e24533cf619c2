"""The definitions as the API shows them: `/metadata`."""

from __future__ import annotations

from typing import Any

import msgspec

from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..metadata.tables import Relation, Table
from ..version import VERSION
from .context import Context
from .messages import Response, success
from .viewing import View


class Describe:
    """Shows what is defined, as far as the caller may see it.

    Args:
        engine: The database's engine, for those who look.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine

    async def all(self, context: Context) -> Response:
        """Answer GET /metadata."""
        view = View(context.snapshot, context.caller, context.access)
        tables = [
            describe_table(table, view)
            for table in context.snapshot.tables.values()
            if view.shows(table)
        ]
        content = {
            "dbType": self._engine,
            "enfyraVersion": VERSION,
            "version": context.snapshot.version,
            "tables": tables,
        }
        return success(encode_json(content))

    async def one(self, context: Context) -> Response:
        """Answer GET /metadata/:name."""
        name = context.parameters["name"]
        view = View(context.snapshot, context.caller, context.access)
        table = context.snapshot.find(name)
        if table is None or not view.shows(table):
            names = [one.name for one in context.snapshot.tables.values() if view.shows(one)]
            raise EnfyraError(
                "RESOURCE_NOT_FOUND",
                f"There is no table '{name[:80]}'.{did_you_mean(name, names)}",
            )
        return success(encode_json(describe_table(table, view)))


def describe_table(table: Table, view: View) -> dict[str, Any]:
    """Give a table's definition with both sides of its relations by name, as far as one sees it.

    Of its routes it names the methods that the caller may use.
    """
    definition, access = table.definition, view.access
    shown = msgspec.to_builtins(definition)
    shown["columns"] = [
        {key: value for key, value in msgspec.to_builtins(column).items() if key != "isSecret"}
        for column in definition.columns
        if access.sees(column)
    ]
    seen = set(access.names(table))
    for groups in ("uniques", "indexes"):
        shown[groups] = [group for group in shown[groups] if seen.issuperset(group)]
    shown["relations"] = [
        _describe_relation(relation, view)
        for relation in table.relations.values()
        if access.sees(relation)
    ]
    shown["primary"] = table.primary.name
    shown["routes"] = [
        {"path": route.path, "methods": sorted(methods), "publicMethods": sorted(route.public)}
        for route in view.snapshot.routes.of_table(table)
        if (methods := view.methods(route))
    ]
    return shown


def _describe_relation(relation: Relation, view: View) -> dict[str, Any]:
    definition = relation.definition
    target, inverse = view.snapshot.tables[relation.target], relation.inverse
    shown = view.shows(target)
    if inverse is not None and not (shown and view.access.sees(target.relations[inverse])):
        inverse = None
    return {
        "id": relation.id,
        "propertyName": relation.name,
        "type": relation.kind.value,
        # Whom none of its routes lets in does not get to know a table by its name.
        "targetTable": relation.target if shown else None,
        "inverse": inverse,
        "mappedBy": inverse if not relation.owning else None,
        "isNullable": relation.nullable,
        "onDelete": relation.on_delete.value if relation.owning else None,
        "isPublished": relation.published,
        "isUpdatable": relation.updatable,
        "readOnly": relation.read_only,
        "description": definition.description,
        "foreignKeyColumn": relation.foreign_key if relation.owning else None,
        "rules": msgspec.to_builtins(definition.rules),
    }
