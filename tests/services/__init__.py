"""Private PostgreSQL, MariaDB, MongoDB and Redis for the tests: started on free ports, stopped by
pid, never those that happen to run on the standard ports."""

from .base import Service, ServiceMissing
from .mariadb import MariaDB
from .mariadb_replica import MariaDBPrimary, MariaDBReplica
from .mongodb import MongoDB
from .postgresql import PostgreSQL
from .postgresql_replica import PostgreSQLReplica
from .redis import Redis

SERVICES: dict[str, type[Service]] = {
    one.name: one for one in (PostgreSQL, MariaDB, MongoDB, Redis)
}

__all__ = [
    "SERVICES", "MariaDB", "MariaDBPrimary", "MariaDBReplica", "MongoDB", "PostgreSQL",
    "PostgreSQLReplica", "Redis", "Service", "ServiceMissing",
]  # fmt: skip
