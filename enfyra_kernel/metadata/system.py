"""The system tables, declared in one place.

Each line is a column or relation of the table above it. At the first start the tables are made
in the database through the same planner as everybody's tables; at later starts, what a newer
version declares is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec.structs

from .definitions import ColumnDefinition, Group, RelationDefinition, TableDefinition
from .names import TIMESTAMPS
from .tables import with_physical_names
from .types import ColumnType, OnDelete, RelationKind

SUFFIX = "_definition"
_ALIAS_EXCEPTIONS = {"gql_definition": "enfyra_graphql"}
_LANGUAGES = ["python", "javascript"]


def alias_of(name: str) -> str:
    """Give the newer spelling of a system table's name.

    Example:
        >>> alias_of("pre_hook_definition")
        'enfyra_pre_hook'
    """
    return _ALIAS_EXCEPTIONS.get(name, f"enfyra_{name.removesuffix(SUFFIX)}")


class _Declarations:
    """Collects the declarations; the ids it gives are provisional and negative."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {}
        self.columns: dict[str, list[ColumnDefinition]] = {}
        self.relations: list[tuple[str, str, dict[str, Any]]] = []
        self._last_id = 0
        self._table = ""

    def next_id(self) -> int:
        self._last_id -= 1
        return self._last_id

    def table(
        self,
        name: str,
        *,
        uuid: bool = False,
        uniques: tuple[Group, ...] = (),
        indexes: tuple[Group, ...] = (),
        single: bool = False,
        description: str | None = None,
    ) -> None:
        """Begin a table; the primary column comes with it."""
        self._table = name
        self.tables[name] = {
            "id": self.next_id(),
            "name": name,
            "alias": alias_of(name),
            "is_system": True,
            "is_single_record": single,
            "uniques": uniques,
            "indexes": indexes,
            "description": description,
        }
        self.columns[name] = []
        self.column(
            "id",
            ColumnType.UUID if uuid else ColumnType.INT,
            is_primary=True,
            is_generated=True,
            is_nullable=False,
            is_updatable=False,
        )

    def column(self, name: str, type_: ColumnType, **facts: Any) -> None:
        self.columns[self._table].append(
            ColumnDefinition(id=self.next_id(), name=name, type=type_, is_system=True, **facts)
        )

    def relation(
        self,
        kind: RelationKind,
        name: str,
        target: str,
        inverse: str | None = None,
        **facts: Any,
    ) -> None:
        facts |= {"kind": kind, "target": target, "inverse": inverse}
        self.relations.append((self._table, name, facts))

    # One word for each kind of line.
    def text(self, *names: str, **facts: Any) -> None:
        for name in names:
            self.column(name, ColumnType.VARCHAR, **facts)

    def long(self, *names: str, **facts: Any) -> None:
        for name in names:
            self.column(name, ColumnType.TEXT, **facts)

    def flag(self, name: str, default: bool = False, **facts: Any) -> None:
        self.column(name, ColumnType.BOOLEAN, is_nullable=False, default_value=default, **facts)

    def number(self, name: str, default: int | None = None, **facts: Any) -> None:
        self.column(name, ColumnType.INT, default_value=default, **facts)

    def json(self, *names: str, **facts: Any) -> None:
        for name in names:
            self.column(name, ColumnType.SIMPLE_JSON, **facts)

    def instant(self, *names: str) -> None:
        for name in names:
            self.column(name, ColumnType.DATETIME)

    def choice(
        self, name: str, values: list[str], default: str | None = None, **facts: Any
    ) -> None:
        self.column(name, ColumnType.ENUM, options=values, default_value=default, **facts)

    def enabled(self) -> None:
        self.flag("isEnabled", True)

    def system(self) -> None:
        self.flag("isSystem")

    def described(self) -> None:
        self.long("description")

    def script(self, *, timeout: bool = True) -> None:
        self.column("sourceCode", ColumnType.CODE)
        self.choice("scriptLanguage", _LANGUAGES, "python")
        if timeout:
            self.number("timeout", 30_000)

    def to_one(self, name: str, target: str, inverse: str | None = None, **facts: Any) -> None:
        self.relation(RelationKind.MANY_TO_ONE, name, target, inverse, **facts)

    def part_of(self, name: str, target: str, inverse: str | None = None, **facts: Any) -> None:
        """Refer to the record that this one is deleted with."""
        self.to_one(name, target, inverse, on_delete=OnDelete.CASCADE, **facts)

    def many(self, name: str, target: str, inverse: str | None = None) -> None:
        self.relation(RelationKind.MANY_TO_MANY, name, target, inverse)

    def build(self) -> tuple[TableDefinition, ...]:
        sides: dict[str, list[RelationDefinition]] = {name: [] for name in self.tables}
        for source, name, facts in self.relations:
            owner = self._owner(source, name, facts)
            sides[source].append(owner)
            if facts["inverse"] is not None:
                sides[facts["target"]].append(self._inverse(owner, facts["inverse"]))
        return tuple(
            TableDefinition(
                **facts,
                columns=(*self.columns[name], *self._timestamps()),
                relations=tuple(sides[name]),
            )
            for name, facts in self.tables.items()
        )

    def _owner(self, source: str, name: str, facts: Mapping[str, Any]) -> RelationDefinition:
        return with_physical_names(
            RelationDefinition(
                id=self.next_id(),
                type=facts["kind"],
                property_name=name,
                source=self.tables[source]["id"],
                target=self.tables[facts["target"]]["id"],
                is_nullable=facts.get("is_nullable", True),
                on_delete=facts.get("on_delete"),
                is_system=True,
            ),
            source,
            facts["target"],
        )

    def _inverse(self, owner: RelationDefinition, name: str) -> RelationDefinition:
        return RelationDefinition(
            id=self.next_id(),
            type=owner.type.inverse,
            property_name=name,
            source=owner.target,
            target=owner.source,
            mapped_by=owner.id,
            is_system=True,
        )

    def _timestamps(self) -> list[ColumnDefinition]:
        return timestamp_columns(self.next_id)


def timestamp_columns(next_id: Any) -> list[ColumnDefinition]:
    """Make the `createdAt` and `updatedAt` that every table of ours has."""
    return [
        ColumnDefinition(
            id=next_id(),
            name=name,
            type=ColumnType.DATETIME,
            is_system=True,
            is_generated=True,
            is_nullable=False,
            is_updatable=False,
        )
        for name in TIMESTAMPS
    ]


def _declare_definitions(d: _Declarations) -> None:
    d.table("table_definition", uniques=(("name",), ("alias",)))
    d.text("name", is_nullable=False)
    d.text("alias")
    d.system()
    d.flag("isSingleRecord")
    d.flag("isAdopted")
    d.json("uniques", "indexes")
    d.described()
    d.json("metadata")
    d.flag("validateBody", True)
    d.text("physicalName")

    d.table("column_definition", uniques=(("name", "table"),))
    d.text("name", is_nullable=False)
    d.choice("type", [one.value for one in ColumnType], is_nullable=False)
    for name in ("isGenerated", "isPrimary"):
        d.flag(name)
    d.flag("isNullable", True)
    d.system()
    d.json("defaultValue", "options")
    d.flag("isUpdatable", True)
    d.flag("isPublished", True)
    d.flag("isEncrypted", is_updatable=False)
    d.described()
    d.text("placeholder")
    d.json("metadata")
    d.text("physicalName", "physicalType")
    d.part_of("table", "table_definition", "columns", is_nullable=False)

    d.table("relation_definition", uniques=(("propertyName", "sourceTable"), ("mappedBy",)))
    d.choice("type", [one.value for one in RelationKind], is_nullable=False)
    d.text("propertyName", is_nullable=False)
    d.flag("isNullable", True)
    d.choice("onDelete", [one.value for one in OnDelete])
    d.system()
    d.flag("isPublished", True)
    d.flag("isUpdatable", True)
    d.described()
    d.json("metadata")
    d.text("foreignKeyColumn", "referencedColumn", "constraintName")
    d.text("junctionTableName", "junctionSourceColumn", "junctionTargetColumn")
    d.part_of("sourceTable", "table_definition", "relations", is_nullable=False)
    d.part_of("targetTable", "table_definition", is_nullable=False)
    d.part_of("mappedBy", "relation_definition")

    d.table("column_rule_definition")
    d.choice(
        "ruleType",
        ["min", "max", "minLength", "maxLength", "pattern", "format", "minItems", "maxItems",
         "custom"],
        is_nullable=False,
    )  # fmt: skip
    d.json("value")
    d.text("message")
    d.enabled()
    d.described()
    d.part_of("column", "column_definition", "rules", is_nullable=False)

    d.table("schema_migration_definition", uniques=(("uuid",),))
    d.column("uuid", ColumnType.UUID, is_nullable=False)
    d.text("tableName", "operation")
    d.choice(
        "status",
        ["pending", "running", "committed", "completed", "failed", "rolled_back"],
        "pending",
        is_nullable=False,
    )
    d.json("steps")
    d.number("progress", 0)
    d.long("errorMessage")
    d.instant("startedAt", "completedAt")


def _declare_routes(d: _Declarations) -> None:
    d.table("method_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.text("buttonColor", "textColor")
    d.system()

    d.table("route_definition", uniques=(("path",),))
    d.text("path", is_nullable=False)
    d.enabled()
    d.system()
    d.text("icon")
    d.number("maxUploadFileSize")
    d.described()
    d.part_of("mainTable", "table_definition")
    d.many("availableMethods", "method_definition", "routesWithAvailable")
    d.many("publicMethods", "method_definition", "routes")
    d.many("skipRoleGuardMethods", "method_definition", "routesSkipRoleGuard")

    d.table("route_handler_definition", uniques=(("route", "method"),))
    d.script()
    d.described()
    d.part_of("route", "route_definition", "handlers", is_nullable=False)
    d.to_one("method", "method_definition", is_nullable=False)

    for name, inverse in (("pre_hook", "preHooks"), ("post_hook", "postHooks")):
        d.table(f"{name}_definition")
        d.text("name", is_nullable=False)
        d.script()
        d.number("priority", 0, is_nullable=False)
        d.enabled()
        d.flag("isGlobal")
        d.system()
        d.described()
        d.part_of("route", "route_definition", inverse)
        d.many("methods", "method_definition")

    d.table("route_permission_definition")
    d.enabled()
    d.described()
    d.part_of("role", "role_definition", "routePermissions")
    d.part_of("route", "route_definition", "routePermissions")
    d.many("allowedUsers", "user_definition", "allowedRoutePermissions")
    d.many("methods", "method_definition", "routePermissions")

    d.table(
        "field_permission_definition",
        uniques=(("role", "action", "column"), ("role", "action", "relation")),
    )
    d.choice("action", ["read", "create", "update"], "read", is_nullable=False)
    d.choice("effect", ["allow", "deny"], "allow", is_nullable=False)
    d.json("condition")
    d.enabled()
    d.system()
    d.described()
    d.part_of("role", "role_definition")
    d.part_of("column", "column_definition", "fieldPermissions")
    d.part_of("relation", "relation_definition", "fieldPermissions")
    d.many("allowedUsers", "user_definition")

    d.table("guard_definition")
    d.text("name", is_nullable=False)
    d.choice("position", ["pre_auth", "post_auth"])
    d.choice("combinator", ["and", "or"], "and", is_nullable=False)
    d.number("priority", 0, is_nullable=False)
    d.enabled()
    d.flag("isGlobal")
    d.system()
    d.described()
    d.part_of("parent", "guard_definition", "children")
    d.part_of("route", "route_definition", "guards")
    d.many("methods", "method_definition")

    d.table("guard_rule_definition")
    d.choice(
        "type",
        ["rate_limit_by_ip", "rate_limit_by_user", "rate_limit_by_route", "ip_whitelist",
         "ip_blacklist"],
        is_nullable=False,
    )  # fmt: skip
    d.json("config", is_nullable=False)
    d.number("priority", 0, is_nullable=False)
    d.enabled()
    d.described()
    d.part_of("guard", "guard_definition", "rules", is_nullable=False)
    d.many("users", "user_definition")


def _declare_identity(d: _Declarations) -> None:
    d.table("user_definition", uuid=True, uniques=(("email",),))
    d.text("email", is_nullable=False)
    d.text("password", is_published=False, is_secret=True)
    d.flag("isRootAdmin", is_updatable=False)
    d.system()
    d.to_one("role", "role_definition", "users")

    d.table("role_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.described()

    d.table("session_definition", uuid=True)
    d.instant("expiredAt")
    d.flag("remember")
    d.text("loginProvider")
    d.text("refreshTokenHash", is_published=False, is_secret=True)
    d.part_of("user", "user_definition", is_nullable=False)

    d.table("api_token_definition", uuid=True, uniques=(("tokenHash",),))
    d.text("name", is_nullable=False)
    d.text("tokenHash", is_nullable=False, is_published=False, is_secret=True)
    d.text("prefix", "last4")
    d.instant("expiresAt", "lastUsedAt")
    d.text("lastUsedIp")
    d.part_of("user", "user_definition", is_nullable=False)

    d.table("oauth_config_definition", uniques=(("provider",),))
    d.text("provider", is_nullable=False)
    d.text("clientId", is_published=False)
    d.long("clientSecret", is_published=False, is_secret=True)
    d.text("redirectUri", "appCallbackUrl")
    d.flag("autoSetCookies", True)
    d.script(timeout=False)
    d.enabled()
    d.described()

    d.table("oauth_account_definition", uniques=(("provider", "providerUserId"),))
    d.text("provider", "providerUserId", is_nullable=False)
    d.part_of("user", "user_definition", is_nullable=False)


def _declare_runtime(d: _Declarations) -> None:
    d.table("setting_definition", single=True)
    d.flag("isInit")
    d.text("projectName")
    d.long("projectDescription")
    d.text("projectFavicon")
    d.number("maxQueryDepth", 7, is_nullable=False)
    d.number("maxUploadFileSize", 10, is_nullable=False)
    d.number("maxRequestBodySize", 32, is_nullable=False)
    d.system()

    d.table("websocket_definition", uniques=(("path",),))
    d.text("path", is_nullable=False)
    d.enabled()
    d.system()
    d.described()
    d.flag("requireAuth", True)
    d.script(timeout=False)
    d.number("connectionHandlerTimeout")

    d.table("websocket_event_definition", uniques=(("gateway", "eventName"),))
    d.text("eventName", is_nullable=False)
    d.enabled()
    d.system()
    d.described()
    d.script()
    d.part_of("gateway", "websocket_definition", "events", is_nullable=False)

    d.table("flow_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.described()
    d.text("icon")
    d.choice("triggerType", ["manual", "schedule", "webhook", "event"], "manual")
    d.json("triggerConfig")
    d.number("timeout", 30_000)
    d.enabled()
    d.system()
    d.number("maxExecutions", 100)

    d.table("flow_step_definition", uniques=(("flow", "key"),))
    d.text("key", is_nullable=False)
    d.number("stepOrder", 0, is_nullable=False)
    d.choice(
        "type",
        ["script", "condition", "query", "create", "update", "delete", "http", "trigger_flow",
         "sleep", "log", "notebook", "python"],
        is_nullable=False,
    )  # fmt: skip
    d.json("config")
    d.script(timeout=False)
    d.number("timeout", 5_000)
    d.choice("onError", ["stop", "skip", "retry"], "stop", is_nullable=False)
    d.number("retryAttempts", 0, is_nullable=False)
    d.enabled()
    d.choice("branch", ["true", "false"])
    d.part_of("flow", "flow_definition", "steps", is_nullable=False)
    d.part_of("parent", "flow_step_definition", "children")

    d.table("flow_execution_definition", uniques=(("flow", "scheduledFor"),))
    d.choice(
        "status",
        ["pending", "running", "completed", "failed", "cancelled"],
        "pending",
        is_nullable=False,
    )
    d.json("payload", "completedSteps")
    d.text("currentStep")
    d.json("error")
    d.instant("scheduledFor", "startedAt", "completedAt")
    d.number("duration")
    d.number("fence", 0, is_nullable=False)
    d.part_of("flow", "flow_definition", "executions", is_nullable=False)
    d.to_one("triggeredBy", "user_definition")

    d.table("gql_definition", uniques=(("table",),))
    d.flag("isEnabled")
    d.system()
    d.described()
    d.json("metadata")
    d.part_of("table", "table_definition", "gqlConfig", is_nullable=False)

    d.table("bootstrap_script_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.described()
    d.script()
    d.number("priority", 0, is_nullable=False)
    d.enabled()
    d.system()
    d.to_one("createdBy", "user_definition")
    d.to_one("updatedBy", "user_definition")

    d.table("ai_config_definition")
    d.text("provider", "model")
    d.long("apiKey", is_published=False, is_secret=True)
    d.json("config")
    d.enabled()


def _declare_app(d: _Declarations) -> None:
    d.table("folder_definition", uuid=True, uniques=(("slug", "parent"),))
    d.text("name", is_nullable=False)
    d.text("slug")
    d.number("order", 0)
    d.text("icon")
    d.described()
    d.system()
    d.part_of("parent", "folder_definition", "children")
    d.to_one("user", "user_definition")

    d.table("storage_config_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.choice(
        "type",
        ["Local Storage", "Amazon S3", "Google Cloud Storage", "Cloudflare R2"],
        is_nullable=False,
    )
    d.enabled()
    d.flag("isDefault")
    d.text("bucket", "region")
    d.text("accessKeyId", "accountId", is_published=False)
    d.long("secretAccessKey", "credentials", is_published=False, is_secret=True)
    d.described()
    d.system()
    d.to_one("createdBy", "user_definition")
    d.to_one("updatedBy", "user_definition")

    d.table("file_definition", uuid=True, uniques=(("location",),))
    d.text("filename", is_nullable=False)
    d.flag("isPublic", True)
    d.text("mimetype")
    d.column("filesize", ColumnType.BIGINT)
    d.text("location", is_nullable=False)
    d.described()
    d.choice("status", ["active", "archived", "quarantine"], "active", is_nullable=False)
    d.to_one("folder", "folder_definition", "files")
    d.to_one("uploadedBy", "user_definition")
    d.to_one("storageConfig", "storage_config_definition")

    d.table("file_permission_definition", uniques=(("file", "role"),))
    d.column(
        "actions", ColumnType.ARRAY_SELECT, options=["view", "edit", "delete", "share", "download"]
    )
    d.enabled()
    d.json("allowedDomains")
    d.described()
    d.part_of("file", "file_definition", "permissions", is_nullable=False)
    d.part_of("role", "role_definition")
    d.many("allowedUsers", "user_definition")

    d.table("package_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.text("version", default_value="latest")
    d.text("flags")
    d.choice("type", ["App", "Server"], "Server", is_nullable=False)
    d.enabled()
    d.described()
    d.system()
    d.choice(
        "status",
        ["installing", "updating", "uninstalling", "installed", "failed"],
        "installing",
        is_nullable=False,
    )
    d.number("installTimeout", 60)
    d.long("lastError")
    d.to_one("installedBy", "user_definition")

    d.table("menu_definition", uniques=(("path",), ("type", "label")))
    d.choice("type", ["Dropdown Menu", "Menu"], "Menu", is_nullable=False)
    d.text("label", is_nullable=False)
    d.text("icon", "path")
    d.enabled()
    d.system()
    d.described()
    d.number("order", 0)
    d.json("permission")
    d.part_of("parent", "menu_definition", "children")

    d.table("extension_definition", uniques=(("extensionId",),))
    d.choice("type", ["page", "widget", "global"], "page", is_nullable=False)
    d.text("name", is_nullable=False)
    d.text("extensionId")
    d.text("version", default_value="1.0.0")
    d.enabled()
    d.system()
    d.described()
    d.column("code", ColumnType.CODE, is_nullable=False)
    d.column("compiledCode", ColumnType.CODE)
    d.to_one("menu", "menu_definition", "extensions")
    d.to_one("createdBy", "user_definition")
    d.to_one("updatedBy", "user_definition")


def _declare() -> tuple[TableDefinition, ...]:
    declarations = _Declarations()
    for part in (
        _declare_definitions,
        _declare_routes,
        _declare_identity,
        _declare_runtime,
        _declare_app,
    ):
        part(declarations)
    return declarations.build()


SYSTEM_TABLES: tuple[TableDefinition, ...] = _declare()
SYSTEM_NAMES = frozenset(table.name for table in SYSTEM_TABLES)
ALIASES: Mapping[str, str] = {alias_of(name): name for name in SYSTEM_NAMES}
SECRETS = frozenset(
    (table.name, column.name)
    for table in SYSTEM_TABLES
    for column in table.columns
    if column.is_secret
)

# Changed through the planner, because the database changes with them.
PLANNED_TABLES = frozenset({"table_definition", "column_definition", "relation_definition"})

# Changing a row of these changes what the API does: the Snapshot is made anew.
DEFINITION_TABLES = frozenset(
    {"table_definition", "column_definition", "relation_definition", "column_rule_definition",
     "method_definition", "route_definition", "setting_definition"}
)  # fmt: skip

# One row that says who changes the schema, and which version of the definitions is the last.
# It is physical only: no metadata, no route.
LOCK_TABLE = TableDefinition(
    id=0,
    name="schema_lock",
    is_system=True,
    columns=(
        ColumnDefinition(name="id", type=ColumnType.INT, is_primary=True, is_nullable=False),
        ColumnDefinition(name="owner", type=ColumnType.VARCHAR),
        ColumnDefinition(name="fence", type=ColumnType.BIGINT, is_nullable=False),
        ColumnDefinition(name="leaseUntil", type=ColumnType.FLOAT, is_nullable=False),
        ColumnDefinition(name="version", type=ColumnType.BIGINT, is_nullable=False),
        ColumnDefinition(name="system", type=ColumnType.VARCHAR),
    ),
)

# Made and kept by the server alone.
READ_ONLY_TABLES = frozenset(
    {"schema_migration_definition", "session_definition", "api_token_definition",
     "oauth_account_definition", "flow_execution_definition"}
)  # fmt: skip


def without_provisional_ids(table: TableDefinition) -> TableDefinition:
    """Give the declaration with ids taken out, for comparing versions of the declarations."""
    return msgspec.structs.replace(
        table,
        id=0,
        columns=tuple(msgspec.structs.replace(one, id=0) for one in table.columns),
        relations=tuple(msgspec.structs.replace(one, id=0) for one in table.relations),
    )
