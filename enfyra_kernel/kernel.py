"""The Kernel: the one composition root, which owns every part by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from .clock import Clock, SystemClock
from .cluster.channels import (
    AI_CONFIG,
    BOOTSTRAP_SCRIPTS,
    PACKAGES,
    STORAGE_CONFIG,
)
from .cluster.connect import connect_bus, connect_locks
from .cluster.instance import Instance
from .definitions.operations import DefinitionOperations
from .definitions.rowing import Rows
from .definitions.service import DefinitionDocuments
from .encoding import encode_json
from .errors import EnfyraError
from .flows.defining import Defining
from .flows.operations import FlowOperations
from .flows.rows import FlowRows
from .flows.runs import Beginning
from .flows.service import FlowService
from .flows.steps.logins import StepLogins
from .flows.trials import StepTrials
from .identity.adapters import AuthAdapter
from .identity.oauth.providers import SEALED
from .identity.passwords import Passwords
from .identity.resets import ResetAsked
from .identity.revocation_log import RevocationLog
from .identity.users import Users
from .jobs.connect import connect_queue
from .jobs.routes import JobRoutes
from .lifecycle.accesses import Accesses
from .lifecycle.adopting import Adopting
from .lifecycle.bootstrap_scripts import BootstrapScripts
from .lifecycle.crud import Crud
from .lifecycle.definition_rows import DefinitionCrud
from .lifecycle.describe import Describe
from .lifecycle.explaining import Explaining
from .lifecycle.fitting import Fitting
from .lifecycle.guarding import Guarding
from .lifecycle.identity_services import IdentityServices
from .lifecycle.lifecycle import Lifecycle
from .lifecycle.login_rows import LoginRows
from .lifecycle.messages import Request, Response
from .lifecycle.operations import Operations
from .lifecycle.rehearsal import Rehearsals
from .lifecycle.script_rows import ScriptRows
from .lifecycle.script_tools import ScriptTools
from .lifecycle.scripted.services import ScriptServices
from .lifecycle.scripted.system_rows import SystemRows
from .lifecycle.sql import Sql
from .lifecycle.system import SystemCrud
from .logs import get_logger
from .metadata.definitions import has_encrypted
from .metadata.registry import EVERYTHING, Registry
from .metadata.snapshot import Snapshot
from .metadata.system import SYSTEM_TABLES
from .metrics import Metrics
from .records.adoption import Adoption
from .records.definitions import Definitions
from .records.encryption import EncryptedDatabase, Keyring, Progress, rotate_keys
from .records.idempotency import Idempotency
from .records.live import LiveDefinitions
from .records.records import Records
from .records.source import SystemSource
from .schema.bootstrap import Bootstrap
from .schema.catalog import Catalog
from .schema.lock import SchemaLock
from .schema.migrator import Migrator
from .scripts.pools import Domain
from .settings import Settings
from .storage.connect import connect, connect_replicated
from .storage.database import Database
from .storage.replicated import Reader, ReplicatedDatabase, reading
from .upkeep import Upkeep

_log = get_logger("kernel")

_READING = frozenset({"GET", "HEAD"})
# Seconds that runs of flows get to end by themselves when a server stops.
_FINISHING = 3.0


class Kernel:
    """One Enfyra, with its own database, Snapshot and caches; several can live in one process.

    Args:
        settings: What is configured.
        clock: Tells the time; tests give another one.
        auth: Who else knows whom a token belongs to; see `identity.adapters`.
        on_password: Called once with the address and password of a first administrator whose
            password was made up. The default prints them.

    Attributes:
        address: Where the API is served, as programs on this machine reach it; None while nobody
            knows.

    Example:
        >>> import asyncio, tempfile
        >>> async def main() -> str:
        ...     with tempfile.TemporaryDirectory() as folder:
        ...         settings = Settings.load(
        ...             {"DB_URI": f"sqlite:///{folder}/shop.db"}, dotenv=None,
        ...             admin_password="secret",
        ...         )
        ...         async with Kernel(settings) as kernel:
        ...             await kernel.definitions.create_table(
        ...                 {"name": "post", "columns": [{"name": "title", "type": "varchar"}]}
        ...             )
        ...             posts = kernel.records.of("post")
        ...             await posts.create({"title": "Hello"})
        ...             return (await posts.rows(EVERYTHING_ASKED))[0]["title"]
        >>> from enfyra_kernel.query.ast import EVERYTHING as EVERYTHING_ASKED
        >>> asyncio.run(main())
        'Hello'
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        auth: Sequence[AuthAdapter] = (),
        on_password: Callable[[str, str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.started = False
        self.address = settings.url
        self._adapters = auth
        self._on_password = on_password or _print_password
        self.instance = Instance.here(settings.node_name)
        system = Snapshot(0, SYSTEM_TABLES)
        self.replicated = _replicated(settings, self.clock)
        self.database: Database = self.replicated or connect(
            settings.db_uri, pool_size=settings.db_pool_size, timeout=settings.db_timeout
        )
        # What everything rests on is never read from a replica.
        primary = self.replicated.primary if self.replicated is not None else self.database
        self._primary: Database = primary
        self.bus = connect_bus(settings, self.instance)
        self.locks = connect_locks(settings, self.clock, self.instance)
        self.lock = SchemaLock(
            primary, self.clock, owner=self.instance.label, patience=settings.schema_lock_wait
        )
        self._source = SystemSource(primary, system, self.lock)
        self.registry = Registry(self._source, system)
        self.migrator = Migrator(self.database, system, self.clock)
        self._bootstrap = Bootstrap(
            self.database, system, self.lock, self.migrator, self.clock, self._load_catalog
        )
        self.keyring = Keyring(settings.keys_for_encryption)
        self.records = self._records_on(self.database)
        self.scripts = ScriptServices(
            settings, self.clock, self.records, lambda: self.bus.publish(PACKAGES, {})
        )
        self.guarding = Guarding(self.scripts.limits, self.clock, enabled=settings.guards)
        self.live = LiveDefinitions(
            self.registry, self.bus, self.locks, lambda: self.upkeep.all_written()
        )
        self.fitting = Fitting(primary.engine)
        self.definitions = Definitions(
            self.database,
            self.registry,
            self.lock,
            self.migrator,
            self.keyring,
            self.live.go_live,
            self.fitting.warnings,
        )
        self.adoption = Adoption(self.database, self.definitions)
        self.documents = DefinitionDocuments(self.records, self.registry, self.definitions)
        self.idempotency = Idempotency(self.records, self.clock, hours=settings.idempotency_hours)
        self.jobs = connect_queue(settings, self.records, self.clock, self.bus, self.instance.label)
        self.passwords = Passwords(settings.password_memory, settings.password_passes)
        self.users = Users(self.records, self.passwords, settings)
        self.revocation_log = RevocationLog(self.records, self.clock)
        self.upkeep = Upkeep(
            self.bus,
            self.locks,
            self.clock,
            self.definitions,
            self.live,
            self.idempotency,
            self.revocation_log,
            self.replicated,
        )
        self.flows = FlowService(
            self.records,
            self.registry,
            self.bus,
            self.clock,
            self.scripts.runner(Domain.SAVED),
            self.users,
            self.scripts.env(),
            self.scripts.post,
            holder=self.instance.id,
            at_once=settings.flow_workers,
            lease=settings.flow_lease,
            address=lambda: self.address,
            dask=settings.dask_scheduler,
            notebooks=settings.notebooks,
            artifacts=settings.data_folder() / "runs",
        )
        self.scripts.effects = self.flows.effects

    def _compose(self) -> None:
        """Make the parts that need the signing key, which may be made at the first start."""
        self.identity = IdentityServices(
            self.settings,
            self.clock,
            self.records,
            self.users,
            self.passwords,
            self.keyring,
            self.scripts.limits,
            self.upkeep.announce_revoked,
            lambda: self._scripted,
            self._adapters,
        )
        if self.settings.password_reset_flow is not None:
            self.identity.resets.deliver = self._deliver_reset
        self.sessions = self.identity.sessions
        self.api_tokens = self.identity.api_tokens
        self.authenticator = self.identity.authenticator
        self.revocations = self.identity.revocations
        self.oauth = self.identity.oauth
        self.accesses = Accesses(self.users.profile)
        operations = self._operations()
        write_system = SystemRows(operations.of).write
        self.flows.use_hosts(self.scripts.hosts(self.records, write_system, self.scripts.effects))
        self.flows.use_logins(StepLogins(self.sessions, self.users))
        self._scripted = self.scripts.scripted(
            self.users,
            self.records,
            write_system,
            self.scripts.effects,
            domain=Domain.SAVED,
            debug=self.settings.debug,
        )
        self.bootstrap_scripts = BootstrapScripts(
            self.records,
            self.scripts.runner(Domain.SAVED),
            self.scripts.hosts(self.records, write_system, self.scripts.effects),
            self.locks,
            lambda: self.registry.current,
            encode_json(self.scripts.env()),
            lambda: self.bus.publish(BOOTSTRAP_SCRIPTS, {}),
        )
        self.lifecycle = Lifecycle(
            self.registry,
            self.authenticator,
            self.accesses,
            operations,
            self._scripted,
            self.guarding,
            self.migrator.interrupted,
        )

    def _operations(self) -> Operations:
        """Give what routes do by themselves."""
        describe = Describe(self.database.engine)
        unsaved = self.scripts.runner(Domain.UNSAVED)
        rehearsals = Rehearsals(
            self.database, self._records_on, self.scripts, self.users, self.clock
        )
        tools = ScriptTools(unsaved, rehearsals, self.records, self.users, self.accesses)
        flow_rows = FlowRows(unsaved, self.settings.dask_scheduler)
        trials = StepTrials(
            tools.test,
            rehearsals,
            flow_rows,
            unsaved,
            self.users,
            self.scripts.env(),
            self.clock,
        )
        defining = Defining(self.records, self.definitions, self.registry, flow_rows)
        self.documents.rows = Rows(
            lambda route, method: operations.of(route, method),
            self.records,
            self.registry,
            self.definitions,
            defining,
        )
        operations = Operations(
            {
                **self.identity.operations(),
                **JobRoutes(self.jobs).operations(),
                **FlowOperations(self.flows, defining, self.clock).operations(),
                **DefinitionOperations(self.documents).operations(),
                ("GET", "/metrics"): Metrics(self.flows, self.jobs).show,
                ("GET", "/metadata"): describe.all,
                ("GET", "/metadata/:name"): describe.one,
                ("POST", "/admin/access/explain"): Explaining(
                    self.users, self.records, self.accesses, self.guarding
                ).explain,
                ("POST", "/admin/adopt"): Adopting(self.adoption).adopt,
                ("GET", "/admin/query/check"): self.fitting.check,
                ("POST", "/admin/bootstrap/run"): lambda one: self.bootstrap_scripts.run(one),
                ("POST", "/admin/script/validate"): tools.validate,
                ("POST", "/admin/sql"): Sql(
                    self._primary,
                    enabled=self.settings.sql,
                    seconds=self.settings.db_timeout,
                    most=self.settings.max_limit,
                ).run,
                ("POST", "/admin/test/run"): trials.test,
            },
            Crud(self.records, self.idempotency),
            SystemCrud(
                self.records,
                self.definitions,
                self.revocations,
                self.identity.user_rows,
                LoginRows(self.users, self.revocations),
                self.identity.providers,
                ScriptRows(unsaved, self.records),
                self.scripts.packages,
                flow_rows,
                self._after_writes(),
            ),
            DefinitionCrud(self.records, self.definitions),
        )
        return operations

    def _after_writes(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Give what is done when rows of a table of the system have changed."""

        def telling(channel: str) -> Callable[[], Awaitable[None]]:
            return lambda: self.bus.publish(channel, {})

        return {
            "package_definition": self.scripts.packages.changed,
            "bootstrap_script_definition": lambda: self.bootstrap_scripts.changed(),
            "storage_config_definition": telling(STORAGE_CONFIG),
            "ai_config_definition": telling(AI_CONFIG),
        }

    def _records_on(self, database: Database) -> Records:
        return Records(
            EncryptedDatabase(database, self.keyring),
            self.registry,
            self.clock,
            max_limit=self.settings.max_limit,
        )

    # -- starting and stopping ------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, prepare the database at the first start, load the definitions.

        Raises:
            EnfyraError: CONFIGURATION_ERROR, or DATABASE_CONNECTION_ERROR.
        """
        self._compose()
        await self.database.start()
        try:
            await self._bootstrap.run()
            await self.registry.reload()
            definitions = self.registry.current.definitions
            if any(has_encrypted(table) for table in definitions.values()):
                self.keyring.check()
            password = await self.users.ensure_administrator()
            await self.identity.start()
            self.upkeep.subscribe(self.identity)
            self.bus.subscribe(PACKAGES, self.scripts.packages.changed_elsewhere)
            self.bus.subscribe(BOOTSTRAP_SCRIPTS, self.bootstrap_scripts.changed_elsewhere)
            self.flows.subscribe()
            await self.bus.start()
            await self.scripts.start()
            await self.jobs.start()
            await self.flows.start(self.settings.refresh_interval)
        except BaseException:
            await self.database.stop()
            raise
        self.upkeep.start(self.settings.refresh_interval)
        self.bootstrap_scripts.start()
        self.started = True
        _log.info(
            "started",
            extra={
                "database": self.settings.db_uri.redacted,
                "tables": len(self.registry.current.tables),
            },
        )
        if password is not None:
            self._on_password(self.settings.admin_email, password)

    async def stop(self) -> None:
        """Close everything; requests that are running should have been finished before."""
        was_started, self.started = self.started, False
        await self.jobs.stop()
        await self.flows.stop(_FINISHING)
        if was_started:
            await self.bootstrap_scripts.stop()
            await self.upkeep.stop()
            await self.live.stop()
            await self.bus.stop()
            await self.locks.stop()
            await self.database.stop()
            await self.identity.stop()
        await self.scripts.stop()
        self.passwords.stop()

    async def __aenter__(self) -> Kernel:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # -- requests -------------------------------------------------------------------------------

    async def handle(self, request: Request) -> Response:
        """Answer a request."""
        if self.replicated is None:
            return await self.lifecycle.handle(request)
        with reading(Reader(fresh=request.method not in _READING)) as reader:
            response = await self.lifecycle.handle(request)
        if reader.wrote and reader.caller is not None:
            await self.upkeep.tell_written(reader.caller)
        return response

    async def health(self) -> dict[str, str]:
        """Give the state of each service: `ok`, or what is wrong with it."""
        return {
            "database": await _state_of(self.database.ping),
            **({"redis": await _state_of(self.bus.ping)} if self.settings.redis_uri else {}),
        }

    async def rotate_keys(self, report: Callable[[Progress], None]) -> list[Progress]:
        """Encrypt all that is encrypted anew with the first key; see `records.encryption`."""
        return await rotate_keys(
            self.database, self.registry.current, self.keyring, report, sealed=SEALED
        )

    async def reset_password(self, email: str, password: str) -> None:
        """Set the password of an account, and end its logins: for whoever runs the server.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND.
        """
        user = await self.users.by_email(email)
        if user is None:
            raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no user '{email[:80]}'")
        await self.users.set_password(user.id, await self.passwords.hash(password))
        await self.sessions.changed(user.id, {"password": None})

    async def _deliver_reset(self, asked: ResetAsked) -> None:
        flow = self.registry.current.flows.find(self.settings.password_reset_flow)
        payload = {
            "event": "password-reset",
            "userId": asked.user,
            "email": asked.email,
            "token": asked.token,
            "expiresAt": asked.expires.isoformat(),
        }
        await self.flows.triggers.begin(flow, Beginning(trigger="event", payload=payload))

    def replica_states(self) -> list[str]:
        """Give the state of each read replica, in the order of the settings."""
        return self.replicated.replica_states() if self.replicated is not None else []

    # -- other instances ------------------------------------------------------------------------

    async def _load_catalog(self) -> Catalog:
        # An older version may lack tables and columns of what else is defined.
        loaded = await self._source.load(EVERYTHING, physical_only=True)
        return Catalog(loaded.tables)


def _replicated(settings: Settings, clock: Clock) -> ReplicatedDatabase | None:
    if not settings.db_replica_uris:
        return None
    return connect_replicated(
        settings.db_uri,
        settings.db_replica_uris,
        read_from_primary=settings.db_read_from_master,
        most_behind=settings.db_replica_max_lag,
        monotonic=clock.monotonic,
        pool_size=settings.db_pool_size,
        timeout=settings.db_timeout,
    )


async def _state_of(ping: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(5):
            await ping()
    except EnfyraError as error:
        return error.message
    except Exception as error:
        return f"not reachable ({type(error).__name__})"
    return "ok"


def _print_password(email: str, password: str) -> None:
    print(  # noqa: T201 - shown once on the terminal, and never logged
        f"\n  The first administrator is {email}\n  with the password   {password}\n"
        "  It is shown only now; PATCH /me changes it.\n",
        flush=True,
    )
