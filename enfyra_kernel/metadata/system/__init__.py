"""The system tables, declared by topic.

Each line of a declaration is a column or relation of the table above it. At the first start the
tables are made in the database through the same planner as everybody's tables; at later starts,
what a newer version declares is added.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..definitions import ColumnDefinition, TableDefinition
from ..types import ColumnType
from . import (
    access,
    app,
    definitions,
    files,
    flows,
    identity,
    jobs,
    queries,
    realtime,
    routes,
)
from .declarations import Declarations, alias_of

__all__ = [
    "ALIASES",
    "DEFINITION_TABLES",
    "ENDED_TABLES",
    "FLOW_TABLES",
    "LOCK_TABLE",
    "PERMISSION_TABLES",
    "PLANNED_TABLES",
    "READ_ONLY_TABLES",
    "SCRIPT_TABLES",
    "SECRETS",
    "SYSTEM_NAMES",
    "SYSTEM_TABLES",
]

_TOPICS = (definitions, routes, access, identity, app, realtime, flows, jobs, files, queries)


def _declare() -> tuple[TableDefinition, ...]:
    declarations = Declarations()
    for topic in _TOPICS:
        topic.declare(declarations)
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

# Changed through the planner: the database changes with them, or they have to fit each other.
PLANNED_TABLES = frozenset(
    {"table_definition", "column_definition", "relation_definition", "column_rule_definition"}
)

# Hooks and handlers.
SCRIPT_TABLES = frozenset(
    {"pre_hook_definition", "post_hook_definition", "route_handler_definition"}
)

# Who may do what.
PERMISSION_TABLES = frozenset(
    {"route_permission_definition", "field_permission_definition", "row_policy_definition",
     "guard_definition", "guard_rule_definition", "cors_origin_definition"}
)  # fmt: skip

# What runs beside requests.
FLOW_TABLES = frozenset({"flow_definition", "flow_step_definition"})

# Changing a row of these changes what the API does: the Snapshot is made anew.
DEFINITION_TABLES = (
    PLANNED_TABLES
    | SCRIPT_TABLES
    | PERMISSION_TABLES
    | FLOW_TABLES
    | {
        "method_definition",
        "query_definition",
        "role_definition",
        "route_definition",
        "setting_definition",
    }
)

# Made and kept by the server, and deleted to end what they stand for.
ENDED_TABLES = frozenset({"session_definition", "api_token_definition"})

# Made and kept by the server alone.
READ_ONLY_TABLES = frozenset(
    {"schema_migration_definition", "oauth_account_definition", "flow_execution_definition",
     "flow_log_definition", "idempotency_key_definition", "script_version_definition",
     "revocation_definition", "job_definition"}
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
