"""All repositories, each made when it is first asked for and kept until definitions change."""

from __future__ import annotations

from ..clock import Clock
from ..metadata.registry import Registry
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..storage.database import Database
from .events import ObservedRepository, RecordListener
from .repository import Repository
from .workbench import Workbench


class Records:
    """Gives the repository of a table.

    Example:
        `kernel.records.of("post")` is the repository of the table `post`, by its name or alias.

    Attributes:
        database: Where they are; transactions that repositories take part in are opened on it.
        listener: Is told of what becomes of records.
    """

    def __init__(
        self, database: Database, registry: Registry, clock: Clock, *, max_limit: int
    ) -> None:
        self.database = database
        self._registry = registry
        self._clock = clock
        self._max_limit = max_limit
        self._workbench: Workbench | None = None
        self._repositories: dict[str, Repository] = {}
        self.listener: RecordListener | None = None

    def of(self, name: str) -> Repository:
        """Give the repository of a table by its name or alias.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND with the nearest name.
        """
        snapshot = self._registry.current
        return self.of_table(snapshot.table(name), snapshot)

    def of_table(self, table: Table, snapshot: Snapshot) -> Repository:
        """Give the repository of a table as a Snapshot has it."""
        bench = self._workbench
        if bench is None or bench.snapshot is not snapshot:
            # Plans reach into other tables, so all of them go when anything changed.
            self._repositories.clear()
            bench = Workbench(snapshot, self.database, max_limit=self._max_limit)
            self._workbench = bench
        repository = self._repositories.get(table.name)
        if repository is None or repository.table is not table:
            repository = self._made(table, bench)
            self._repositories[table.name] = repository
        return repository

    def _made(self, table: Table, bench: Workbench) -> Repository:
        listener = self.listener
        if listener is not None and listener.listens(table.name):
            return ObservedRepository(table, bench, self._clock, listener)
        return Repository(table, bench, self._clock)
