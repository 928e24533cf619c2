"""Requests that are tried: everything happens, and nothing of it stays."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, NamedTuple

from ..clock import Clock
from ..errors import EnfyraError
from ..query.commands import Delete, Insert, Update
from ..query.plan import Plan
from ..records.idempotency import Idempotency
from ..records.records import Records
from ..scripts.pools import Domain
from ..storage.database import (
    ConstraintViolation,
    Database,
    Explanation,
    Page,
    Read,
    SchemaSession,
    Session,
    Values,
    Write,
)
from ..storage.physical import PhysicalTable
from .context import Context
from .crud import Crud
from .messages import Response
from .operations import Operations
from .scripted.effects import CapturedEffects
from .scripted.hosts import RequestHosts
from .scripted.services import ScriptServices
from .scripted.stages import Scripted, Users
from .scripted.system_rows import SystemRows

# Where a transaction ends with the first write that is refused, whatever one does.
_UNFORGIVING = frozenset({"mongodb"})


class Touched(NamedTuple):
    """What a request has done with a table.

    Attributes:
        verb: `read`, `create`, `update` or `delete`.
        records: How many; of a list, those of the page.
    """

    verb: str
    table: str
    records: int | None = None


class RehearsedDatabase:
    """A database whose writes are all part of one transaction, which is going to be taken back.

    Attributes:
        touched: What has been done so far.
    """

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session
        self.touched: list[Touched] = []
        self._broken = False
        self.engine = database.engine
        self.one_writer = database.one_writer
        self.transactional_schema = database.transactional_schema

    async def start(self) -> None:
        """Do nothing: it is connected."""

    async def stop(self) -> None:
        """Do nothing: others go on."""

    async def ping(self) -> None:
        """Make sure that the database answers."""
        await self._database.ping()

    # -- preparing ------------------------------------------------------------------------------

    def read(self, plan: Plan) -> Read:
        """Make a Plan ready to be run."""
        return self._database.read(plan)

    def insert(self, insert: Insert) -> Write:
        """Make an Insert ready to be run."""
        return _Named(self._database.insert(insert), "create", insert.table.name)

    def update(self, update: Update) -> Write:
        """Make an Update ready to be run."""
        return _Named(self._database.update(update), "update", update.table.name)

    def delete(self, delete: Delete) -> Write:
        """Make a Delete ready to be run."""
        return _Named(self._database.delete(delete), "delete", delete.table.name)

    # -- running --------------------------------------------------------------------------------

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records, with what has been written in the transaction."""
        self.touched.append(Touched("read", read.plan.table.name))
        # To say what was refused, the records are read once more: those that others can see.
        source: Session = self._database if self._broken else self._session
        return await source.find(read, values, limit, offset)

    async def write(self, write: Any, values: Values) -> tuple[int, bytes | None]:
        """Run one write."""
        with self._refusing():
            count, rows = await self._session.write(write.write, values)
        self.touched.append(Touched(write.verb, write.table, count))
        return count, rows

    async def write_many(
        self, write: Any, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run a write for many rows."""
        with self._refusing():
            count, given = await self._session.write_many(write.write, rows)
        self.touched.append(Touched(write.verb, write.table, count))
        return count, given

    @contextmanager
    def _refusing(self) -> Generator[None, None, None]:
        """Notice when the database refuses a write, which may have ended the transaction."""
        if self._broken:
            raise EnfyraError(
                "INVALID_ARGUMENT",
                "The trial cannot go on behind a write that the database has refused",
            )
        try:
            yield
        except ConstraintViolation:
            self._broken = self.engine in _UNFORGIVING
            raise

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block in the one transaction that there is."""
        yield self

    def rehearsal(self) -> AbstractAsyncContextManager[Session]:
        """Refuse: this is one."""
        raise _not_tried("Trials")

    @asynccontextmanager
    async def bulk(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block in the one transaction that there is."""
        yield self

    # -- what cannot be tried -------------------------------------------------------------------

    async def explain(self, read: Read, values: Values, limit: int, offset: int = 0) -> Explanation:
        """Tell how a Plan is answered."""
        return await self._database.explain(read, values, limit, offset)

    def batches(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[Any, None]:
        """Refuse: streams have connections of their own."""
        raise _not_tried("Streams")

    def lines(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Refuse: streams have connections of their own."""
        raise _not_tried("Streams")

    async def survey(self) -> list[PhysicalTable]:
        """Describe all tables and views."""
        return await self._database.survey()

    async def inspect(self, names: Sequence[str] | None = None) -> list[PhysicalTable]:
        """Describe the tables that are there."""
        return await self._database.inspect(names)

    def schema_change(
        self, tables: Mapping[str, PhysicalTable]
    ) -> AbstractAsyncContextManager[SchemaSession]:
        """Refuse: not every database can take it back."""
        raise _not_tried("Changes of definitions")


class _Named(NamedTuple):
    """A write, and what it does with which table."""

    write: Write
    verb: str
    table: str


def _not_tried(what: str) -> EnfyraError:
    return EnfyraError("INVALID_ARGUMENT", f"{what} cannot be tried")


class Rehearsal(NamedTuple):
    """One request that is tried.

    Attributes:
        scripted: Answers it.
        operations: What routes do meanwhile.
        database: Where it happens.
        effects: What it would have set off.
        hosts: Answers scripts that ask for something.
    """

    scripted: Scripted
    operations: Operations
    database: RehearsedDatabase
    effects: CapturedEffects
    hosts: RequestHosts


class Rehearsals:
    """Opens rehearsals on a database.

    Args:
        records: Gives repositories on a database.
    """

    def __init__(
        self,
        database: Database,
        records: Callable[[Database], Records],
        scripts: ScriptServices,
        users: Users,
        clock: Clock,
    ) -> None:
        self._database = database
        self._records = records
        self._scripts = scripts
        self._users = users
        self._clock = clock

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Rehearsal, None]:
        """Try what is done in the block; all of it is taken back."""
        async with self._database.rehearsal() as session:
            yield self._made(RehearsedDatabase(self._database, session))

    def _made(self, database: RehearsedDatabase) -> Rehearsal:
        records, effects = self._records(database), CapturedEffects()
        crud = Crud(records, Idempotency(records, self._clock, hours=1))
        refused = _Refused()
        operations = Operations({}, crud, refused, refused)
        write_system = SystemRows(operations.of).write
        scripted = self._scripts.scripted(
            self._users, records, write_system, effects, domain=Domain.UNSAVED, debug=True
        )
        hosts = self._scripts.hosts(records, write_system, effects)
        return Rehearsal(scripted, operations, database, effects, hosts)


class _Refused:
    """What routes of the system do in a rehearsal: their effects reach beyond the database."""

    async def _refuse(self, context: Context) -> Response:
        raise _not_tried(f"What {context.route.path} does")

    list = create = update = replace = delete = _refuse
