"""The connection: a client with its pool, and transactions."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from enum import Enum
from itertools import count
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ...errors import DeadlockError, EnfyraError
from ...uri import DatabaseUri
from .faults import explained

T = TypeVar("T")
Document = dict[str, Any]

# MongoDB gives one of two transactions that meet up at once, where others make it wait.
ATTEMPTS = 12
FIRST_PAUSE = 0.002
OLDEST = (5, 0)
_SELECTION = 5.0


class Meeting(Enum):
    """Whether what goes on has met another transaction, and has its turn after that."""

    NONE = 0
    MET = 1
    TURN = 2


_meeting = ContextVar("meeting", default=Meeting.NONE)


class Client:
    """One database of a replica set.

    Args:
        size: The most connections.
        timeout: The seconds that one operation may take.
    """

    def __init__(self, uri: DatabaseUri, *, size: int, timeout: float) -> None:
        self._uri = uri
        self._size = size
        self._timeout = timeout
        self._client: AsyncMongoClient[Document] | None = None
        self._turns = asyncio.Lock()
        self._numbers = count(random.randrange(1 << 16))  # noqa: S311 - not a secret

    async def start(self) -> None:
        """Connect.

        Raises:
            EnfyraError: DATABASE_CONNECTION_ERROR, or CONFIGURATION_ERROR when the server knows no
                transactions.
        """
        with explained():
            self._client = AsyncMongoClient(
                address(self._uri),
                maxPoolSize=self._size,
                timeoutMS=int(self._timeout * 1000),
                serverSelectionTimeoutMS=int(min(self._timeout, _SELECTION) * 1000),
                connectTimeoutMS=int(min(self._timeout, _SELECTION) * 1000),
                appname="enfyra",
            )
            hello = await self._client.admin.command("hello")
            info = await self._client.server_info()
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise EnfyraError(
                "CONFIGURATION_ERROR",
                "This MongoDB is a stand-alone server, which knows no transactions",
                hint="Start mongod with --replSet rs0 and run rs.initiate() once; "
                "a replica set of one server will do",
            )
        if tuple(info["versionArray"][:2]) < OLDEST:
            raise EnfyraError(
                "CONFIGURATION_ERROR",
                f"MongoDB {info['version']} is too old; Enfyra needs 5.0 or later",
            )

    async def stop(self) -> None:
        """Close all connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    @property
    def database(self) -> Any:
        """The database, as the driver has it."""
        if self._client is None:
            raise EnfyraError("DATABASE_CONNECTION_ERROR")
        return self._client[self._uri.database]

    def turn(self) -> int:
        """Give a number that is one more each time; where it begins is chance."""
        return next(self._numbers)

    async def ping(self) -> None:
        """Make sure that the server answers."""
        with explained():
            await self.database.command("ping")

    # -- transactions ---------------------------------------------------------------------------

    async def begin(self) -> AsyncClientSession:
        """Begin a transaction; see `commit` and `abort`."""
        client = self.database.client
        session: AsyncClientSession = client.start_session()
        await session.start_transaction(
            read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")
        )
        return session

    async def commit(self, session: AsyncClientSession) -> None:
        """Make a transaction final."""
        deadline = time.monotonic() + self._timeout
        with explained():
            while True:
                try:
                    await session.commit_transaction()
                    break
                except PyMongoError as error:
                    unknown = error.has_error_label("UnknownTransactionCommitResult")
                    if not unknown or time.monotonic() > deadline:
                        raise
            await session.end_session()

    async def abort(self, session: AsyncClientSession) -> None:
        """Take a transaction back."""
        with explained():
            # Ending a session aborts what goes on in it; that the server may be gone is no matter.
            await session.end_session()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncClientSession, None]:
        """Run everything in the block in one transaction.

        What met another transaction, and is tried again, waits for its turn: of those that are
        tried again, one goes on at a time, so that they do not meet each other for ever.
        """
        if _meeting.get() is not Meeting.MET:
            async with self._one() as session:
                yield session
            return
        async with self._turns:
            _meeting.set(Meeting.TURN)
            try:
                async with self._one() as session:
                    yield session
            except DeadlockError:
                _meeting.set(Meeting.MET)
                raise
            except BaseException:
                _meeting.set(Meeting.NONE)
                raise
            _meeting.set(Meeting.NONE)

    @asynccontextmanager
    async def _one(self) -> AsyncGenerator[AsyncClientSession, None]:
        session = await self.begin()
        try:
            yield session
            await self.commit(session)
        except BaseException as error:
            await self.abort(session)
            if isinstance(error, DeadlockError) and _meeting.get() is Meeting.NONE:
                _meeting.set(Meeting.MET)
            raise

    async def in_transaction(self, work: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
        """Do some work in a transaction of its own, again while others come in between."""
        pause = FIRST_PAUSE
        for _ in range(ATTEMPTS - 1):
            try:
                async with self.transaction() as session:
                    return await work(session)
            except DeadlockError:
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311
                pause *= 2
        async with self.transaction() as session:
            return await work(session)


def address(uri: DatabaseUri) -> str:
    """Give the address as the driver wants it, with the password."""
    scheme = "mongodb+srv" if uri.srv else "mongodb"
    user = quote(uri.user, safe="")
    if uri.password:
        user += ":" + quote(uri.password, safe="")
    options = f"?{urlencode(uri.options)}" if uri.options else ""
    at = "@" if user else ""
    return f"{scheme}://{user}{at}{uri.host}/{quote(uri.database, safe='')}{options}"
