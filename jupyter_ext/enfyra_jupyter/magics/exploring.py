"""Sub-commands that show what is there."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from enfyra_kernel.metadata.values import listed_options

from ..client import ApiError
from ..connections import DEFAULT
from ..diagram import Diagram
from ..display import Links, Listing
from ..schema import TableInfo
from ..versions import apart
from . import clicking
from .session import Session, found, matching

if TYPE_CHECKING:
    from ..widgets.erd import Erd


def show_status(session: Session, _: Namespace) -> Listing:
    """Do `%enfyra status`."""
    client = session.client
    name = session.connections.name
    note = ""
    rows: list[tuple[str, str]] = [("server", client.url)]
    if name not in {None, DEFAULT}:
        rows.append(("connection", str(name)))
    try:
        account = client.get("/me", fields="email,isRootAdmin")["data"][0]
        role = ", administrator" if account.get("isRootAdmin") else ""
        rows.append(("you", f"{account['email']}{role}"))
    except ApiError as error:
        if error.status != 401:
            raise
        rows.append(("you", "nobody: only what is public"))
        note = "%enfyra connect URL --email ADDRESS logs in"
    rows.append(("services", _services(session)))
    try:
        metadata = client.get("/metadata")["data"]
    except ApiError as error:
        if error.status not in {401, 403}:
            raise
    else:
        own = sum(not table["isSystem"] for table in metadata["tables"])
        rows.append(("database", f"{metadata['dbType']}, {own} table{'' if own == 1 else 's'}"))
        rows.append(("version", str(metadata["enfyraVersion"])))
        note = apart(str(metadata["enfyraVersion"])) or note
    return Listing("Enfyra", ["", ""], rows, note)


def _services(session: Session) -> str:
    try:
        services = session.client.get("/ready")["services"]
    except ApiError as error:
        return f"not ready: {error.message}"
    return ", ".join(f"{name} {state}" for name, state in services.items())


def list_tables(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra tables`."""
    schema = session.schema()
    tables = list(schema.tables.values()) if given.system else schema.own
    shown = [table for table in tables if matching(table.name, given.pattern)]
    columns = ["table", "columns", "relations", "description"]
    rows: list[list[Any]] = [
        [
            table.name,
            len(table.columns),
            ", ".join(f"{name} → {_target(one)}" for name, one in table.relations.items()),
            table.facts.get("description") or "",
        ]
        for table in shown
    ]
    if given.rows:
        columns.insert(1, "rows")
        for row, table in zip(rows, shown, strict=True):
            row.insert(1, _count(session, table))
    note = "" if rows else "There are no tables; %%enfyra table NAME defines one"
    if tables and not rows:
        note = f"No table's name is like '{given.pattern}'"
    return Listing("Tables", columns, rows, note)


def _count(session: Session, table: TableInfo) -> int:
    answer = session.client.get(table.path, limit=1, fields=table.key, meta="totalCount")
    return int(answer["meta"]["totalCount"])


def _target(relation: Mapping[str, Any]) -> str:
    """Give the table that a relation leads to, if one may know."""
    return relation["targetTable"] or "?"


def describe(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra describe`."""
    table = found(session.schema(), given.table)
    below: list[Listing] = []
    if table.relations:
        below.append(
            Listing(
                "Relations",
                ["relation", "kind", "table", "inverse", "null", "on delete"],
                [
                    [name, one["type"], _target(one), one["inverse"] or "",
                     one["isNullable"], one["onDelete"] or ""]
                    for name, one in table.relations.items()
                ],
            )
        )  # fmt: skip
    groups = [["unique", ", ".join(group)] for group in table.facts["uniques"]]
    groups += [["index", ", ".join(group)] for group in table.facts["indexes"]]
    if groups:
        below.append(Listing("Groups", ["kind", "fields"], groups))
    below.append(
        Listing("Routes", ["path", "methods", "public"], [_route(one) for one in _routes(table)])
    )
    columns = [
        [
            name,
            type_text(column),
            column["isNullable"],
            "" if column["defaultValue"] is None else column["defaultValue"],
            "primary" if column["isPrimary"] else "",
            column.get("description") or "",
        ]
        for name, column in table.columns.items()
    ]
    head = ["column", "type", "null", "default", "key", "description"]
    return Listing(table.name, head, columns, table.facts.get("description") or "", below)


def type_text(column: Any) -> str:
    """Give a column's type as it is written in a definition.

    Example:
        >>> type_text({"type": "varchar", "options": {"length": 60}})
        'varchar(60)'
    """
    options = listed_options(column.get("options"))
    if not options:
        return str(column["type"])
    return f"{column['type']}({', '.join(map(str, options))})"


def _routes(table: TableInfo) -> list[Any]:
    return list(table.facts.get("routes", ()))


def _route(route: Any) -> list[str]:
    return [
        route["path"],
        " ".join(route["methods"]),
        " ".join(route["publicMethods"]) or "none",
    ]


def list_routes(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra routes`."""
    schema = session.schema()
    tables = schema.tables.values() if given.system else schema.own
    rows = [
        [*_route(route), table.name]
        for table in tables
        for route in _routes(table)
        if matching(route["path"], given.pattern)
    ]
    note = session.client.url
    if not rows:
        note = f"No route is like '{given.pattern}'" if given.pattern else "There are no routes"
    return Listing("Routes", ["path", "methods", "public", "table"], rows, note)


def draw(session: Session, given: Namespace) -> Diagram | Erd:
    """Do `%enfyra erd`."""
    schema = session.schema()
    tables = schema.own
    if given.tables:
        tables = [found(schema, name) for name in dict.fromkeys(given.tables)]
    if given.click and tables:
        return clicking.diagram(session, tables, given.tables)
    return Diagram(tables)


def show_links(session: Session, _: Namespace) -> Links:
    """Do `%enfyra open`."""
    base = session.client.links
    return Links(
        [
            ("API documentation, to try it", f"{base}/docs"),
            ("OpenAPI document", f"{base}/openapi.json"),
        ]
    )
