"""The definitions as the API shows them: `/metadata`."""

from __future__ import annotations

from typing import Any

import msgspec

from ..access.policy import Asking, open_methods
from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, Table
from ..query.plan import Access
from ..version import VERSION
from .context import Context
from .messages import Response, success


class Describe:
    """Shows what is defined, as far as the caller may see it.

    Args:
        engine: The database's engine, for those who look.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine

    async def all(self, context: Context) -> Response:
        """Answer GET /metadata."""
        tables = [
            describe_table(table, context.snapshot, context.access, context.caller)
            for table in context.snapshot.tables.values()
            if _visible(table, context)
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
        table = context.snapshot.find(name)
        if table is None or not _visible(table, context):
            names = [one.name for one in context.snapshot.tables.values() if _visible(one, context)]
            raise EnfyraError(
                "RESOURCE_NOT_FOUND",
                f"There is no table '{name[:80]}'.{did_you_mean(name, names)}",
            )
        shown = describe_table(table, context.snapshot, context.access, context.caller)
        return success(encode_json(shown))


def _visible(table: Table, context: Context) -> bool:
    """Say whether the caller may call any route of a table."""
    caller = context.caller
    if caller is not None and caller.is_root:
        return True
    return any(open_methods(route, caller) for route in context.snapshot.routes.of_table(table))


def describe_table(
    table: Table, snapshot: Snapshot, access: Access, caller: Asking | None
) -> dict[str, Any]:
    """Give a table's definition with both sides of its relations by name, as far as one sees it.

    Of its routes it names the methods that the caller may use.
    """
    definition = table.definition
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
        _describe_relation(relation, snapshot, access)
        for relation in table.relations.values()
        if access.sees(relation)
    ]
    shown["primary"] = table.primary.name
    shown["routes"] = [
        {"path": route.path, "methods": sorted(methods), "publicMethods": sorted(route.public)}
        for route in snapshot.routes.of_table(table)
        if (methods := open_methods(route, caller))
    ]
    return shown


def _describe_relation(relation: Relation, snapshot: Snapshot, access: Access) -> dict[str, Any]:
    definition = relation.definition
    inverse = relation.inverse
    if inverse is not None and not access.sees(snapshot.tables[relation.target].relations[inverse]):
        inverse = None
    return {
        "id": relation.id,
        "propertyName": relation.name,
        "type": relation.kind.value,
        "targetTable": relation.target,
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
