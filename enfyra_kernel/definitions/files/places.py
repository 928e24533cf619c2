"""Which file of a folder holds which section of a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..kinds import (
    BOOTSTRAP_SCRIPTS,
    FLOWS,
    HANDLERS,
    POST_HOOKS,
    PRE_HOOKS,
    QUERIES,
    ROUTES,
    SETTINGS,
    SYSTEM_TABLES,
)

MARKER = "enfyra.yaml"
YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Place:
    """A file that holds a section: a list, or an object by the names of what is in it.

    Attributes:
        name: The field that names are in; None for a list, or for one item alone.
    """

    path: str
    section: str
    name: str | None = None


# In order of their paths.
FILES: Mapping[str, Place] = {
    one.path: one
    for one in (
        Place("access/fields.yaml", "fieldPermissions"),
        Place("access/guards.yaml", "guards"),
        Place("access/origins.yaml", "corsOrigins", "origin"),
        Place("access/records.yaml", "rowPolicies"),
        Place("access/roles.yaml", "roles", "name"),
        Place("access/routes.yaml", "routePermissions"),
        Place("packages.yaml", "packages", "name"),
        Place("queries.yaml", QUERIES, "name"),
        Place("routes.yaml", ROUTES, "path"),
        Place("settings.yaml", SETTINGS),
        Place("system.yaml", SYSTEM_TABLES, "name"),
    )
}
TABLE_FOLDER, FLOW_FOLDER, ACCESS_FOLDER = "tables", "flows", "access"
HOOK_FOLDER, HANDLER_FOLDER, BOOTSTRAP_FOLDER = "hooks", "handlers", "bootstrap"
SCRIPT_FOLDERS: Mapping[str, tuple[str, ...]] = {
    BOOTSTRAP_FOLDER: (BOOTSTRAP_SCRIPTS,),
    HANDLER_FOLDER: (HANDLERS,),
    HOOK_FOLDER: (PRE_HOOKS, POST_HOOKS),
}
STAGES: Mapping[str, str] = {"pre": PRE_HOOKS, "post": POST_HOOKS}
FOLDERS = (TABLE_FOLDER, FLOW_FOLDER, ACCESS_FOLDER, *SCRIPT_FOLDERS)
SECTION_OF_FOLDER: Mapping[str, str] = {TABLE_FOLDER: "tables", FLOW_FOLDER: FLOWS}
