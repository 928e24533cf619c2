"""Documents of some tables only, with all that hangs on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from .kinds import GUARDS, HANDLERS, POST_HOOKS, PRE_HOOKS, QUERIES, ROUTES, TABLES, Document

_ON_ROUTES = (HANDLERS, PRE_HOOKS, POST_HOOKS, GUARDS, "routePermissions")
# What is about tables; a document of some tables has no other sections.
OF_TABLES = (TABLES, ROUTES, *_ON_ROUTES, "fieldPermissions", "rowPolicies", QUERIES)


def of_tables(document: Mapping[str, Any], tables: Collection[str]) -> Document:
    """Leave out what is not about some tables.

    Example:
        >>> of_tables({"tables": [{"name": "post"}, {"name": "tag"}], "roles": []}, ["tag"])
        {'tables': [{'name': 'tag'}]}
    """
    paths = {f"/{name}" for name in tables}
    for route in document.get(ROUTES, ()):
        if route.get("mainTable") in tables:
            paths.add(route["path"])

    def on_path(path: Any) -> bool:
        return path in paths

    def about_field(item: Mapping[str, Any]) -> bool:
        name = item.get("column") or item.get("relation") or ""
        return str(name).rpartition(".")[0] in tables

    kept: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        TABLES: lambda item: item.get("name") in tables,
        ROUTES: lambda item: on_path(item.get("path")),
        **dict.fromkeys(_ON_ROUTES, lambda item: on_path(item.get("route"))),
        "fieldPermissions": about_field,
        "rowPolicies": lambda item: item.get("table") in tables,
        QUERIES: lambda item: item.get("table") in tables,
    }
    return {
        name: [item for item in items if kept[name](item)] if name in kept else items
        for name, items in document.items()
        if name in kept or name == "format"
    }
