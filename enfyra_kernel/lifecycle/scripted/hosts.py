"""Makes the host of each request's scripts."""

from __future__ import annotations

from collections.abc import Callable

from ...records.records import Records
from ..context import Context
from .effects import Effects
from .host import Helping, ScriptHost
from .repositories import Repositories, SystemWrite
from .transactions import Transactions


class RequestHosts:
    """Gives scripts repositories, helpers and effects.

    Args:
        write_system: Writes rows of the system.
        helping: Gives what answers `cache.*` and `helpers.*` of one request.
        effects: Takes triggers and messages.
    """

    def __init__(
        self,
        records: Records,
        write_system: SystemWrite,
        helping: Callable[[Context], Helping],
        effects: Effects,
    ) -> None:
        self._records = records
        self._write_system = write_system
        self._helping = helping
        self._effects = effects

    def open(self, context: Context) -> ScriptHost:
        """Give the host of one request."""
        transactions = Transactions(self._records.database)
        repositories = Repositories(context, self._records, transactions, self._write_system)
        return ScriptHost(context, repositories, transactions, self._helping, self._effects)
