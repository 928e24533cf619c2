"""What a database server says of its place among primary and replicas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..replicated.progress import Standing
from ..replicated.retired import Retired
from .database import SqlDatabase
from .faults import checking

# What has been flushed, not what has been inserted: reads leave traces in the log that are flushed
# with the next commit only. A commit that is asynchronous is flushed after three delays at most.
_POSTGRESQL = """
SELECT system_identifier::text, pg_is_in_recovery(),
    (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
          ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint,
    CASE WHEN current_setting('synchronous_commit') = 'off' THEN
        (SELECT 3 * setting::float8 / 1000 FROM pg_settings WHERE name = 'wal_writer_delay')
    ELSE 0 END
FROM pg_control_system()
"""
_MARIADB_PRIMARY = "SELECT @@global.gtid_binlog_pos"
_MARIADB_REPLICA = "SELECT @@global.gtid_slave_pos"
# MySQL says where it stands only to those with special rights, or where GTIDs are switched on.
_MYSQL = "SELECT 1"


@dataclass(frozen=True, slots=True)
class Lsn:
    """A position in PostgreSQL's log."""

    number: int

    def covers(self, other: Lsn) -> bool:
        """Say whether everything up to another position is in this one, too."""
        return self.number >= other.number


@dataclass(frozen=True, slots=True)
class Gtids:
    """A position in MariaDB's binary log: the last transaction of each domain.

    Example:
        >>> here = Gtids.parse("0-1-100,1-2-7")
        >>> here.covers(Gtids.parse("0-3-100")), here.covers(Gtids.parse("0-1-100,1-2-8"))
        (True, False)
    """

    numbers: Mapping[str, int]

    @classmethod
    def parse(cls, text: str) -> Gtids:
        """Read triples of domain, server and number, separated by commas."""
        triples = (part.strip().split("-") for part in text.split(",") if part.strip())
        return cls({domain: int(number) for domain, _server, number in triples})

    def covers(self, other: Gtids) -> bool:
        """Say whether everything up to another position is in this one, too."""
        return all(self.numbers.get(one, -1) >= number for one, number in other.numbers.items())


class SqlProbe:
    """Asks one server where it stands, over a connection of its own.

    Args:
        connect: Gives the server, with a pool of one connection.
        retired: Closes what does not answer.
        replica: Whether it is meant to be a replica.
    """

    def __init__(
        self, connect: Callable[[], SqlDatabase], retired: Retired, *, replica: bool
    ) -> None:
        self._connect = connect
        self._retired = retired
        self._replica = replica
        self._database: SqlDatabase | None = None
        self._question = ""

    async def ask(self) -> Standing:
        """Ask the server, by one statement; after an error the next one has a new connection."""
        token = checking.set(True)
        try:
            if self._database is None:
                self._database = self._connect()
                facts = await self._database.driver.start()
                self._question = self._question_for(self._database.engine, facts)
            row = await self._database.driver.fetch_row(self._question, ())
        except BaseException:
            if self._database is not None:
                self._retired.add(self._database)
                self._database = None
            raise
        finally:
            checking.reset(token)
        return self._understood(row)

    async def stop(self) -> None:
        """Close the connection."""
        if self._database is not None:
            await self._database.stop()
            self._database = None

    def _question_for(self, engine: str, facts: Mapping[str, str]) -> str:
        if engine == "postgresql":
            return _POSTGRESQL
        if "mariadb" not in facts.get("version", "").lower():
            return _MYSQL
        return _MARIADB_REPLICA if self._replica else _MARIADB_PRIMARY

    def _understood(self, row: Any) -> Standing:
        if self._question == _POSTGRESQL:
            origin, is_replica, number, delay = row
            return Standing(None if number is None else Lsn(number), is_replica, origin, delay)
        if self._question == _MYSQL:
            return Standing()
        # A primary without a binary log has no replica that follows it by these numbers.
        known = self._replica or row[0]
        return Standing(Gtids.parse(row[0]) if known else None)
