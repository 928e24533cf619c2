"""From an address to a database."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial

from ..errors import EnfyraError
from ..uri import DatabaseUri
from .database import Database
from .replicated.database import ReplicatedDatabase
from .replicated.progress import Timeline
from .replicated.retired import Retired
from .replicated.server import PATIENCE, Primary, Replica
from .sql.database import SqlDatabase
from .sql.standing import SqlProbe

_EXTRAS = {"postgresql": "postgres", "mysql": "mysql", "mongodb": "mongodb"}


def connect(uri: DatabaseUri, *, pool_size: int = 16, timeout: float = 30.0) -> Database:
    """Give the database at an address; `start` connects.

    Raises:
        EnfyraError: CONFIGURATION_ERROR when the driver is not installed.
    """
    if uri.engine != "mongodb":
        return connect_sql(uri, pool_size=pool_size, timeout=timeout)
    with _driver_of(uri):
        return _mongodb(uri, pool_size, timeout)


def connect_sql(uri: DatabaseUri, *, pool_size: int = 16, timeout: float = 30.0) -> SqlDatabase:
    """Give the SQL database at an address; see `connect`."""
    with _driver_of(uri):
        if uri.engine == "sqlite":
            return _sqlite(uri, timeout)
        if uri.engine == "postgresql":
            return _postgresql(uri, pool_size, timeout)
        return _mysql(uri, pool_size, timeout)


@contextmanager
def _driver_of(uri: DatabaseUri) -> Generator[None, None, None]:
    try:
        yield
    except ImportError as error:
        raise EnfyraError(
            "CONFIGURATION_ERROR",
            f"The driver for {uri.engine} is not installed ({error.name})",
            hint=f"pip install 'enfyra-kernel[{_EXTRAS[uri.engine]}]'",
        ) from error


def connect_replicated(
    uri: DatabaseUri,
    replica_uris: Sequence[DatabaseUri],
    *,
    read_from_primary: bool,
    most_behind: float,
    monotonic: Callable[[], float],
    pool_size: int = 16,
    timeout: float = 30.0,
) -> ReplicatedDatabase:
    """Give a primary and its replicas as one database; `start` connects.

    Each server has one more connection, for being checked.

    Args:
        read_from_primary: Whether the primary takes its turn in reading.
        most_behind: Seconds that a replica may be behind the primary.
        monotonic: Tells the time.
        pool_size: Connections that are shared out between all of them.
    """
    for_primary, for_each = shares(pool_size, len(replica_uris))
    retired = Retired()
    timeline = Timeline(most_behind)

    def probe(server: DatabaseUri, *, replica: bool) -> SqlProbe:
        return SqlProbe(
            partial(connect_sql, server, pool_size=1, timeout=PATIENCE), retired, replica=replica
        )

    primary = Primary(
        uri.redacted,
        probe(uri, replica=False),
        connect_sql(uri, pool_size=for_primary, timeout=timeout),
        timeline,
        monotonic,
    )
    replicas = [
        Replica(
            one.redacted,
            probe(one, replica=True),
            partial(connect_sql, one, pool_size=for_each, timeout=timeout),
            timeline,
            monotonic,
            retired,
            most_behind=most_behind,
        )
        for one in replica_uris
    ]
    return ReplicatedDatabase(
        primary,
        replicas,
        timeline,
        retired,
        read_from_primary=read_from_primary,
        most_behind=most_behind,
        monotonic=monotonic,
    )


def shares(pool_size: int, replicas: int) -> tuple[int, int]:
    """Share connections out: those of the primary, and those of each replica.

    All get the same number, and the primary what is left over; nobody gets less than one.

    Example:
        >>> shares(8, 1), shares(8, 2), shares(2, 3)
        ((4, 4), (4, 2), (1, 1))
    """
    each = max(1, pool_size // (replicas + 1))
    return max(1, pool_size - each * replicas), each


def _sqlite(uri: DatabaseUri, timeout: float) -> SqlDatabase:
    from .sql.drivers.sqlite import SqliteDriver
    from .sql.sqlite import SqliteDialect

    driver = SqliteDriver(uri.path, timeout=timeout)
    return SqlDatabase(SqliteDialect(), driver, transactional_schema=True, one_writer=True)


def _postgresql(uri: DatabaseUri, pool_size: int, timeout: float) -> SqlDatabase:
    from .sql.drivers.postgresql import PostgresqlDriver
    from .sql.postgresql import PostgresqlDialect

    driver = PostgresqlDriver(uri, size=pool_size, timeout=timeout)
    return SqlDatabase(PostgresqlDialect(), driver, transactional_schema=True)


def _mysql(uri: DatabaseUri, pool_size: int, timeout: float) -> SqlDatabase:
    from .sql.drivers.mysql import MysqlDriver
    from .sql.mysql import MysqlDialect

    driver = MysqlDriver(uri, size=pool_size, timeout=timeout)
    return SqlDatabase(MysqlDialect(), driver, transactional_schema=False)


def _mongodb(uri: DatabaseUri, pool_size: int, timeout: float) -> Database:
    from .mongo.database import MongoDatabase

    return MongoDatabase(uri, size=pool_size, timeout=timeout)
