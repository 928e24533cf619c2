"""CRUD on the system's own tables: what changes the API goes live, what is the system's stays."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

from ..encoding import decode_json
from ..errors import EnfyraError
from ..identity.oauth import Providers
from ..identity.oauth.providers import OAUTH_CONFIG
from ..identity.users import USER
from ..identity.verified import EVERYBODY, Revocations
from ..metadata.names import RESERVED_PATHS
from ..metadata.registry import EVERYTHING, DefinitionChange
from ..metadata.snapshot import Snapshot
from ..metadata.system import DEFINITION_TABLES, FLOW_TABLES, PERMISSION_TABLES, SCRIPT_TABLES
from ..query.ast import Compare, Operator, Query, Shape
from ..query.plan import ADMINISTRATOR
from ..records.definitions import Definitions
from ..records.records import Records
from ..records.refusals import together
from ..records.repository import Repository
from ..storage.database import Session
from .access_rows import AccessRows
from .conditional import preconditions_of, refuse_preconditions, tagged
from .context import Context
from .crud import Lists
from .login_rows import LoginRows
from .messages import Response, success
from .named import Named
from .permits import permit_of
from .query_rows import QUERY, QueryRows
from .rule_rows import RuleRows
from .script_rows import BOOTSTRAP, SOURCE, ScriptRows
from .user_rows import PASSWORD, UserRows
from .writes import answer_of, key_of, refuse_idempotency

ROLE = "role_definition"
ROUTE = "route_definition"
# Rows that refer to others by name.
WITH_NAMES = SCRIPT_TABLES | PERMISSION_TABLES | {QUERY, ROUTE, USER}
PACKAGE = "package_definition"
_PACKAGE = ("name", "version", "flags", "type")
_QUERY = ("name", "language", "table", "query", "sql", "parameters")
SETTING = "setting_definition"
# Rows that hold a script.
WITH_SOURCE = SCRIPT_TABLES | {BOOTSTRAP}
# Rows of the system that are there to be changed.
OPEN_TABLES = frozenset({USER, SETTING})
SYSTEM_FIELDS = {
    ROUTE: frozenset(
        {"description", "icon", "publicMethods", "skipRoleGuardMethods", "availableMethods",
         "maxUploadFileSize"}
    ),
    "method_definition": frozenset({"buttonColor", "textColor"}),
}  # fmt: skip
_PATH = re.compile(r"(/(:[A-Za-z_]\w*|\*\w*|[A-Za-z0-9._~-]+))+")


class PackageKeeper(Protocol):
    """Installs packages for scripts."""

    def check(self, row: Mapping[str, Any]) -> None:
        """Refuse a row whose package could not be installed anyway."""
        ...


class FlowKeeper(Protocol):
    """Knows what rows of flows and their steps may say."""

    async def prepared(
        self, table: str, row: Mapping[str, Any], body: dict[str, Any], snapshot: Snapshot
    ) -> dict[str, Any]:
        """Give a row as it is going to be written; refuse one that could not run."""
        ...


class SystemCrud(Lists):
    """Default CRUD for system tables that need no physical change.

    Args:
        revocations: Looks callers up anew when roles have changed.
        users: Prepares rows of users.
        logins: Knows what goes with rows of logins and API tokens.
        providers: Prepares rows of providers of identities.
        scripts: Prepares rows that hold scripts.
        packages: Installs what rows of packages ask for.
        flows: Prepares rows of flows.
        after: Called when rows of a table have changed, by its name.
    """

    def __init__(
        self,
        records: Records,
        definitions: Definitions,
        revocations: Revocations,
        users: UserRows,
        logins: LoginRows,
        providers: Providers,
        scripts: ScriptRows,
        packages: PackageKeeper,
        flows: FlowKeeper,
        after: Mapping[str, Callable[[], Awaitable[None]]],
    ) -> None:
        super().__init__(records)
        self._after = after
        self._packages = packages
        self._flows = flows
        self._scripts = scripts
        self._definitions = definitions
        self._named = Named(records)
        self._revocations = revocations
        self._users = users
        self._logins = logins
        self._providers = providers
        self._access_rows = AccessRows(records)
        self._rule_rows = RuleRows(records)
        self._query_rows = QueryRows(records.database.engine)

    async def create(self, context: Context) -> Response:
        """Answer POST: rows are never the system's own."""
        repository = self._repository(context)
        refuse_preconditions(context, "POST")
        refuse_idempotency(context)
        body, password = await self._prepared(context, creating=True)
        query, access = answer_of(context, filtered=False), context.access
        async with self._changing(context) as session:
            rows = await repository.create(body, query, access, session, permit=permit_of(context))
            if password is not None:
                await self._users.set_password(decode_json(rows)[0]["id"], password, session)
            await self._keep_version(context, body, rows, session)
            await self._access_rows.settle(context.table, rows, session)
            await self._rule_rows.settle(context.table, rows, context.snapshot, session)
        return tagged(success(rows, status=201), repository, rows, query, access)

    async def update(self, context: Context) -> Response:
        """Answer PATCH."""
        return await self._change(context, self._repository(context).update)

    async def replace(self, context: Context) -> Response:
        """Answer PUT."""
        if context.table.name == USER and (context.caller is None or not context.caller.is_root):
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                "Accounts are replaced by administrators only",
                hint="Send what is to be changed by PATCH",
            )
        return await self._change(context, self._repository(context).replace)

    async def _change(self, context: Context, change: Callable[..., Awaitable[bytes]]) -> Response:
        refuse_idempotency(context)
        await self._check_reach(context)
        body, password = await self._prepared(context, creating=False)
        await self._guard_system(context, body)
        await self._guard_root(context, body, password)
        query, access = answer_of(context), context.access
        async with self._changing(context) as session:
            if password is not None:
                await self._users.set_password(self._key(context), password, session)
            rows = await change(
                self._key(context),
                body,
                query,
                access,
                session,
                preconditions=preconditions_of(context),
                permit=permit_of(context),
            )
            await self._keep_version(context, body, rows, session)
            await self._access_rows.settle(context.table, rows, session)
            await self._rule_rows.settle(context.table, rows, context.snapshot, session)
        if context.table.name == USER:
            given = body if password is None else {**body, PASSWORD: None}
            await self._users.changed(decode_json(rows)[0]["id"], given, context.caller)
        return tagged(success(rows), self._repository(context), rows, query, access)

    async def _keep_version(
        self, context: Context, body: Any, rows: bytes, session: Session | None
    ) -> None:
        table = context.table
        if table.name not in WITH_SOURCE or SOURCE not in body:
            return
        key = decode_json(rows)[0][table.primary.name]
        shape = Shape(
            where=Compare(table.primary.name, Operator.EQ, 0),
            fields=(table.primary.name, SOURCE, "scriptLanguage"),
        )
        page = await self._repository(context).find(
            Query(shape=shape, values=(key,)), ADMINISTRATOR, session
        )
        caller = context.caller.id if context.caller is not None else None
        await self._scripts.keep(table, page.rows, caller, session)

    async def delete(self, context: Context) -> Response:
        """Answer DELETE; rows of the system stay."""
        repository, key = self._repository(context), self._key(context)
        await self._check_reach(context)
        await self._refuse_to_delete(context, repository, key)
        async with self._changing(context) as session:
            await self._rule_rows.refuse_orphans(context.table, key, session)
            await repository.delete(
                key,
                session,
                query=answer_of(context),
                access=context.access,
                preconditions=preconditions_of(context),
            )
        if self._logins.holds(repository.table.name):
            await self._logins.ended(repository.table.name, key)
        if context.table.name == USER:
            await self._users.changed(key, {}, context.caller)
        return success(message="Deleted")

    async def _refuse_to_delete(self, context: Context, repository: Repository, key: str) -> None:
        table = repository.table
        if "isSystem" in table.columns:
            row = await self._row(repository, key, "isSystem")
            if row["isSystem"]:
                raise EnfyraError(
                    "AUTHORIZATION_ERROR",
                    f"This '{table.name}' belongs to the system and cannot be deleted",
                )
        if table.name == USER and (context.caller is None or not context.caller.is_root):
            row = await self._row(repository, key, "isRootAdmin")
            if row["isRootAdmin"]:
                raise EnfyraError(
                    "AUTHORIZATION_ERROR",
                    "An administrator's account is deleted by administrators only",
                )
        if self._logins.holds(table.name):
            await self._logins.check(context, await self._row(repository, key, "user"))

    async def _check_reach(self, context: Context) -> None:
        """Make sure that a record is in the caller's sight, before anything else is said."""
        if context.access.rules is None:
            return
        repository, key = self._repository(context), self._key(context)
        where = Compare(repository.table.primary.name, Operator.EQ, 0)
        query = Query(shape=Shape(where=where), values=(repository.bound_key(key),))
        if not await repository.exists(query, context.access):
            raise repository.not_found(key)

    def _repository(self, context: Context) -> Repository:
        return self._records.of_table(context.table, context.snapshot)

    def _key(self, context: Context) -> str:
        """Give the key in the path as it is stored: whose row it is must not depend on spelling."""
        return str(self._repository(context).bound_key(key_of(context)))

    async def _row(self, repository: Repository, key: str, *fields: str) -> dict[str, Any]:
        shape = Shape(where=Compare(repository.table.primary.name, Operator.EQ, 0), fields=fields)
        bound = repository.bound_key(key)
        rows = await repository.rows(Query(shape=shape, values=(bound,)), ADMINISTRATOR)
        if not rows:
            raise repository.not_found(key)
        return rows[0]

    async def _prepared(self, context: Context, *, creating: bool) -> tuple[Any, str | None]:
        """Give the body as it is written, and the hash of a password that was in it."""
        body = await context.json()
        if isinstance(body, list):
            raise EnfyraError("INVALID_BODY", "System tables take one record at a time")
        if not isinstance(body, dict):
            return body, None
        if context.table.name == USER:
            given, password = await self._users.prepared(
                cast("dict[str, Any]", body), context.caller
            )
            account = await self._named.resolved(
                context.table, given, context.snapshot, context.access
            )
            return account, password
        named: dict[str, Any] = {
            key: value
            for key, value in body.items()  # pyright: ignore[reportUnknownVariableType]
            if key != "isSystem"
        }
        if context.table.name == ROUTE and "path" in named:
            _check_path(named["path"])
        if context.table.name in WITH_NAMES:
            named = await self._named.resolved(
                context.table, named, context.snapshot, context.access
            )
        key = None if creating else self._key(context)
        await self._access_rows.check(context.table, named, key)
        if context.table.name == OAUTH_CONFIG:
            named = self._providers.prepared(named, creating=creating)
        if context.table.name == PACKAGE:
            row = {} if key is None else await self._row(self._repository(context), key, *_PACKAGE)
            self._packages.check(row | named)
        if context.table.name in WITH_SOURCE:
            named = await self._scripts.prepared(
                context.table, named, context.snapshot, creating=creating
            )
        if context.table.name == QUERY:
            row = {} if key is None else await self._row(self._repository(context), key, *_QUERY)
            caller = context.caller.id if context.caller is not None else None
            named = await self._query_rows.prepared(row, named, context.snapshot, caller)
        if context.table.name in FLOW_TABLES:
            row = {} if creating else await self._row(self._repository(context), key_of(context))
            named = await self._flows.prepared(context.table.name, row, named, context.snapshot)
        return named, None

    async def _guard_system(self, context: Context, body: Any) -> None:
        """Rows of the system are changed only where that breaks nothing."""
        table = context.table
        if (
            not isinstance(body, dict)
            or "isSystem" not in table.columns
            or table.name in OPEN_TABLES
        ):
            return
        row = await self._row(self._repository(context), self._key(context), "isSystem")
        allowed = SYSTEM_FIELDS.get(table.name, frozenset({"description"}))
        given = set(cast("dict[str, Any]", body))
        refused = sorted(given - allowed - {"id", "createdAt", "updatedAt"})
        if row["isSystem"] and refused:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"This '{table.name}' belongs to the system; of it, only "
                f"{', '.join(sorted(allowed))} can be changed, not {', '.join(refused)}",
            )

    async def _guard_root(self, context: Context, body: Any, password: str | None) -> None:
        """The first administrator's row is changed by nobody but himself."""
        if context.table.name != USER:
            return
        row = await self._row(self._repository(context), self._key(context), "isRootAdmin")
        caller = context.caller.id if context.caller is not None else None
        if row["isRootAdmin"] and caller != self._key(context):
            raise EnfyraError(
                "AUTHORIZATION_ERROR", "An administrator's account is changed by its owner only"
            )
        if context.caller is not None and caller == self._key(context):
            self._users.refuse_token(context.caller, body, password)
        if row["isRootAdmin"] and isinstance(body, dict) and body.get("isDisabled"):  # pyright: ignore[reportUnknownMemberType]
            raise EnfyraError("AUTHORIZATION_ERROR", "An administrator cannot be disabled")

    @asynccontextmanager
    async def _changing(self, context: Context) -> AsyncGenerator[Session | None, None]:
        name = context.table.name
        if name in DEFINITION_TABLES:
            async with self._definitions.changing(_change_of(name)) as session:
                yield session
        elif name == USER:
            async with together(self._records.database) as session:
                yield session
        else:
            yield None
        if name == ROLE:
            await self._revocations.revoke(EVERYBODY)
        after = self._after.get(name)
        if after is not None:
            await after()


_KIND_OF = {
    SETTING: "settings",
    **dict.fromkeys(SCRIPT_TABLES, "scripts"),
    **dict.fromkeys((*PERMISSION_TABLES, ROLE), "permissions"),
    **dict.fromkeys(FLOW_TABLES, "flows"),
    QUERY: "queries",
}


def _change_of(table: str) -> DefinitionChange:
    """Give what a changed row of a definition table touches."""
    if table == ROUTE:
        # Its scripts and permissions go with it.
        return DefinitionChange(routes=None, kinds=frozenset(("scripts", "permissions")))
    kind = _KIND_OF.get(table)
    return EVERYTHING if kind is None else DefinitionChange.of(kind)


def _check_path(path: Any) -> None:
    """Refuse a route's path that could never match, or would hide the server's own."""
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise EnfyraError(
            "INVALID_BODY",
            problems=["path must look like /shop/:city, with letters, digits, '.', '_', '~', '-'"],
        )
    first = path[1:].partition("/")[0].lower()
    if first.partition(".")[0] in RESERVED_PATHS:
        raise EnfyraError("INVALID_BODY", problems=[f"path must not begin with /{first}"])
