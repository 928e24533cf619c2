"""From an address to a database."""

from __future__ import annotations

from ..errors import EnfyraError
from ..uri import DatabaseUri
from .sql.database import SqlDatabase

_EXTRAS = {"postgresql": "postgres", "mysql": "mysql"}


def connect(uri: DatabaseUri, *, pool_size: int = 8, timeout: float = 30.0) -> SqlDatabase:
    """Give the database at an address; `start` connects.

    Raises:
        EnfyraError: CONFIGURATION_ERROR when the driver is not installed.
    """
    try:
        if uri.engine == "sqlite":
            return _sqlite(uri, timeout)
        if uri.engine == "postgresql":
            return _postgresql(uri, pool_size, timeout)
        return _mysql(uri, pool_size, timeout)
    except ImportError as error:
        raise EnfyraError(
            "CONFIGURATION_ERROR",
            f"The driver for {uri.engine} is not installed ({error.name})",
            hint=f"pip install 'enfyra-kernel[{_EXTRAS[uri.engine]}]'",
        ) from error


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
