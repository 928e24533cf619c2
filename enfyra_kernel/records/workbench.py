"""What reading and writing one Snapshot's tables takes."""

from __future__ import annotations

from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..query.plan import Limits
from ..storage.database import Database
from .body import BodyReader
from .statements import Statements


class Workbench:
    """Gives each table's reader of bodies and statements, made when first needed.

    A body can hold records of other tables, so that those of all tables are in reach of each.

    Args:
        max_limit: The most rows that one answer holds.
    """

    def __init__(self, snapshot: Snapshot, database: Database, *, max_limit: int) -> None:
        self.snapshot = snapshot
        self.database = database
        self.max_limit = max_limit
        self._limits = Limits(rows=max_limit)
        self._bodies: dict[str, BodyReader] = {}
        self._statements: dict[str, Statements] = {}

    def table(self, name: str) -> Table:
        """Give a table by its name."""
        return self.snapshot.tables[name]

    def bodies(self, name: str) -> BodyReader:
        """Give the reader of a table's bodies."""
        found = self._bodies.get(name)
        if found is None:
            found = BodyReader(self.snapshot.tables[name], self.snapshot, self.bodies)
            self._bodies[name] = found
        return found

    def statements(self, name: str) -> Statements:
        """Give a table's statements."""
        found = self._statements.get(name)
        if found is None:
            table = self.snapshot.tables[name]
            found = Statements(table, self.snapshot, self.database, self.bodies(name), self._limits)
            self._statements[name] = found
        return found
