"""What a document of definitions is made of: its sections, and the fields of what is in them.

An item is what the API takes as the body of such a record, with names in the place of ids. A field
that is not there has its default, so that documents say what matters only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ..metadata.hooks import DEFAULT_LANGUAGE, DEFAULT_TIMEOUT
from ..metadata.system.queries import FILTER

FORMAT = 1
TABLES, ROUTES, FLOWS, SETTINGS = "tables", "routes", "flows", "settings"
QUERIES = "queries"
FIELD_PERMISSIONS, ROW_POLICIES = "fieldPermissions", "rowPolicies"
SYSTEM_TABLES = "systemTables"
HANDLERS, PRE_HOOKS, POST_HOOKS = "handlers", "preHooks", "postHooks"
BOOTSTRAP_SCRIPTS, GUARDS = "bootstrapScripts", "guards"
SOURCE = "sourceCode"
# How a document calls what it refers to, by the table that it is in.
NAMED_BY: Mapping[str, str] = {
    "role_definition": "name",
    "route_definition": "path",
    "method_definition": "name",
    "table_definition": "name",
    "guard_definition": "name",
    "user_definition": "email",
}

Item = dict[str, Any]
Document = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A section, and what its items hold.

    Attributes:
        section: Its name in a document.
        table: Where its items are stored.
        word: What people call one of them.
        key: The fields that tell items apart, as far as they have to be apart.
        defaults: All other fields, with what they are where nothing is said.
        single: Whether there is always one, and one only.
    """

    section: str
    table: str
    word: str
    key: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    single: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields: those of the key first."""
        return (*self.key, *self.defaults)

    def key_of(self, item: Mapping[str, Any]) -> Key:
        """Give what tells an item from others."""
        return tuple(item.get(name) for name in self.key)

    def label(self, item: Mapping[str, Any]) -> str:
        """Call an item by what it is and its name, for people.

        Example:
            >>> KINDS["preHooks"].label({"route": "/post", "name": "validate"})
            'pre-hook /post validate'
        """
        names = [str(item[name]) for name in self.key if item.get(name) is not None]
        return " ".join([self.word, *names])


_SCRIPT: Mapping[str, Any] = {
    "scriptLanguage": DEFAULT_LANGUAGE,
    "timeout": DEFAULT_TIMEOUT,
    "description": None,
    SOURCE: None,
}


def _hooks(section: str, table: str, word: str) -> Kind:
    return Kind(
        section=section,
        table=table,
        word=word,
        key=("route", "name"),
        defaults={
            "methods": [],
            "isGlobal": False,
            "priority": 0,
            "isEnabled": True,
            **_SCRIPT,
        },
    )


_KINDS = (
    Kind(
        section="roles",
        table="role_definition",
        word="role",
        key=("name",),
        defaults={"description": None},
    ),
    Kind(section=TABLES, table="table_definition", word="table", key=("name",)),
    Kind(
        section=SYSTEM_TABLES,
        table="table_definition",
        word="system table",
        key=("name",),
        defaults={"description": None, "validateBody": True, "rules": []},
    ),
    Kind(
        section="packages",
        table="package_definition",
        word="package",
        key=("name",),
        defaults={
            "version": "latest",
            "flags": None,
            "type": "Server",
            "installTimeout": 60,
            "isEnabled": True,
            "description": None,
        },
    ),
    Kind(
        section=ROUTES,
        table="route_definition",
        word="route",
        key=("path",),
        defaults={
            "mainTable": None,
            "availableMethods": [],
            "publicMethods": [],
            "skipRoleGuardMethods": [],
            "isEnabled": True,
            "icon": None,
            "maxUploadFileSize": None,
            "description": None,
        },
    ),
    Kind(
        section=HANDLERS,
        table="route_handler_definition",
        word="handler",
        key=("route", "method"),
        defaults=_SCRIPT,
    ),
    _hooks(PRE_HOOKS, "pre_hook_definition", "pre-hook"),
    _hooks(POST_HOOKS, "post_hook_definition", "post-hook"),
    Kind(
        section="corsOrigins",
        table="cors_origin_definition",
        word="origin",
        key=("origin",),
        defaults={"isEnabled": True, "description": None},
    ),
    Kind(
        section=GUARDS,
        table="guard_definition",
        word="guard",
        key=("name",),
        defaults={
            "position": None,
            "combinator": "and",
            "parent": None,
            "route": None,
            "methods": [],
            "isGlobal": False,
            "priority": 0,
            "isEnabled": True,
            "description": None,
            "rules": [],
        },
    ),
    Kind(
        section=FIELD_PERMISSIONS,
        table="field_permission_definition",
        word="field permission",
        key=("role", "action", "column", "relation"),
        defaults={
            "effect": "allow",
            "condition": None,
            "allowedUsers": [],
            "isEnabled": True,
            "description": None,
        },
    ),
    Kind(
        section=ROW_POLICIES,
        table="row_policy_definition",
        word="row policy",
        key=("table", "name"),
        defaults={
            "action": "all",
            "filter": None,
            "role": None,
            "allowedUsers": [],
            "isEnabled": True,
            "description": None,
        },
    ),
    Kind(
        section="routePermissions",
        table="route_permission_definition",
        word="route permission",
        key=("role", "route"),
        defaults={"methods": [], "allowedUsers": [], "isEnabled": True, "description": None},
    ),
    Kind(
        section=QUERIES,
        table="query_definition",
        word="query",
        key=("name",),
        defaults={
            "table": None,
            "language": FILTER,
            "query": None,
            "sql": None,
            "parameters": None,
            "description": None,
        },
    ),
    Kind(
        section=FLOWS,
        table="flow_definition",
        word="flow",
        key=("name",),
        defaults={
            "description": None,
            "icon": None,
            "triggerType": "manual",
            "triggerConfig": None,
            "timeout": None,
            "isEnabled": True,
            "maxExecutions": 100,
            "maxConcurrent": None,
            "alertConfig": None,
            "steps": [],
        },
    ),
    Kind(
        section=BOOTSTRAP_SCRIPTS,
        table="bootstrap_script_definition",
        word="bootstrap script",
        key=("name",),
        defaults={"priority": 0, "isEnabled": True, **_SCRIPT},
    ),
    Kind(
        section=SETTINGS,
        table="setting_definition",
        word="settings",
        key=(),
        defaults={
            "projectName": None,
            "projectDescription": None,
            "projectFavicon": None,
            "maxQueryDepth": 7,
            "maxUploadFileSize": 10,
            "maxRequestBodySize": 32,
        },
        single=True,
    ),
)
# In the order in which they are made: what others refer to comes first, what lets people in after
# what keeps them out.
KINDS: Mapping[str, Kind] = {one.section: one for one in _KINDS}

# Rules of guards, which are part of them.
GUARD_RULE = Kind(
    section="rules",
    table="guard_rule_definition",
    word="rule",
    key=("type",),
    defaults={
        "config": None,
        "priority": 0,
        "users": [],
        "isEnabled": True,
        "description": None,
    },
)
# Steps of flows, but for those within them.
STEP_DEFAULTS: Mapping[str, Any] = {
    "type": None,
    "config": None,
    "scriptLanguage": DEFAULT_LANGUAGE,
    "timeout": None,
    "onError": "stop",
    "retryAttempts": 0,
    "isEnabled": True,
    SOURCE: None,
}
WITHIN = ("then", "else", "children")
# Fields that hold JSON of any form.
_FREE = frozenset(
    {"config", "filter", "condition", "triggerConfig", "alertConfig", "metadata", "options",
     "defaultValue", "value", "query", "parameters"}
)  # fmt: skip


def trimmed(item: Mapping[str, Any], defaults: Mapping[str, Any]) -> Item:
    """Leave out what is as it would be anyway.

    Example:
        >>> trimmed({"name": "a", "priority": 0}, {"priority": 0})
        {'name': 'a'}
    """
    return {
        name: in_order(value) if name in _FREE else value
        for name, value in item.items()
        if name not in defaults or not _same(value, defaults[name])
    }


def in_order(value: Any) -> Any:
    """Give JSON with its keys sorted: some databases keep their order, and others do not.

    Example:
        >>> in_order({"b": [{"d": 1, "c": 2}], "a": 1})
        {'a': 1, 'b': [{'c': 2, 'd': 1}]}
    """
    if isinstance(value, dict):
        named = cast("Item", value)
        return {name: in_order(named[name]) for name in sorted(named)}
    if isinstance(value, list):
        return [in_order(one) for one in cast("list[Any]", value)]
    return value


def _same(value: Any, default: Any) -> bool:
    # 0 is not False here.
    return value == default and isinstance(value, bool) is isinstance(default, bool)
