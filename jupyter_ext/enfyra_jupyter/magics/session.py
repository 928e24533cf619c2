"""What the magics of one notebook share: the connection, and what is known of the tables."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from ..client import ApiError, Client
from ..connection import connect
from ..connections import Connection, Connections
from ..flows.names import FlowNames
from ..frames import ResultFrame
from ..queries import SavedName
from ..schema import EMPTY, Schema, TableInfo

if TYPE_CHECKING:
    from ..widgets.shelf import Shelf

QUERY_KEYS = (
    "table", "filter", "sort", "fields", "deep", "aggregate", "dimensions", "measures", "limit",
)  # fmt: skip
# Seconds that the first completion may take.
FIRST_LOOK = 0.3


class Session:
    """Connects when that is needed, and finds tables by name.

    Attributes:
        connections: All of them.
        last_error: What a command has raised last.
    """

    def __init__(self) -> None:
        self.connections = Connections()
        self.last_error: Exception | None = None
        self._shelf: Shelf | None = None
        self._is_begun = False
        self._is_over = False
        self._changing = threading.RLock()

    @property
    def client(self) -> Client:
        """The connection in use; made now if there is none.

        Raises:
            ApiError: If there is no server.
        """
        return self._connection.client

    @property
    def _connection(self) -> Connection:
        here = self.connections.active
        return here if here is not None else self._use_unless_there(connect())

    def _use_unless_there(self, client: Client) -> Connection:
        """Take a connection if there is none by now."""
        with self._changing:
            here = self.connections.active
            if here is not None:
                client.close()
                return here
            self.use(client)
            here = self.connections.active
        assert here is not None  # noqa: S101 - `use` sets it
        return here

    def use(self, client: Client, name: str | None = None) -> None:
        """Take a connection, and use it."""
        with self._changing:
            self.connections.put(client, name)
            self._is_begun = True

    def begin(self) -> None:
        """Connect behind the notebook's back, once, so that completion has something to say."""
        if not self._is_begun:
            self._is_begun = True
            connecting = threading.Thread(target=self._connect_quietly, daemon=True)
            connecting.start()
            # What is not there by then is there the next time.
            connecting.join(FIRST_LOOK)

    def _connect_quietly(self) -> None:
        try:
            client = connect()
        except (ApiError, RuntimeError):
            # Whoever runs a cell is told.
            return
        with self._changing:
            if self._is_over:
                client.close()
                return
            here = self._use_unless_there(client)
        here.cache.wait(FIRST_LOOK)

    def end(self) -> None:
        """Close all connections, and the one that is being made."""
        with self._changing:
            self._is_over = True
            self.connections.close_all()

    def close(self) -> None:
        """Close the connection in use."""
        self.connections.close()

    @property
    def shelf(self) -> Shelf:
        """Which widget stands below which cell."""
        if self._shelf is None:
            # Importing widgets takes a while, which notebooks without them need not wait for.
            from ..widgets.shelf import Shelf

            self._shelf = Shelf()
        return self._shelf

    # -- tables ---------------------------------------------------------------------------------

    def schema(self) -> Schema:
        """Ask the server for all definitions."""
        return self._connection.cache.load()

    def glance(self) -> Schema:
        """Give what is known of the definitions, at once."""
        here = self.connections.active
        return here.cache.glance() if here is not None else EMPTY

    @property
    def server_version(self) -> str:
        """The version of the server in use; empty as long as it is not known."""
        here = self.connections.active
        return here.cache.server if here is not None else ""

    def find(self, name: str) -> TableInfo:
        """Give a table.

        Raises:
            UsageError: With the nearest name.
        """
        known = self.glance().tables.get(name)
        if known is not None:
            return known
        return found(self.schema(), name)

    # -- flows ----------------------------------------------------------------------------------

    @property
    def flows(self) -> FlowNames:
        """What is known of the flows' names.

        Raises:
            ApiError: If there is no server.
        """
        return self._connection.flows

    def glance_at_flows(self) -> Mapping[str, Sequence[str]]:
        """Give the names of flows and the keys of their steps, as far as known, at once."""
        here = self.connections.active
        return here.flows.glance() if here is not None else {}

    # -- queries --------------------------------------------------------------------------------

    def glance_at_queries(self) -> Mapping[str, SavedName]:
        """Give the names of saved queries, as far as known, at once."""
        here = self.connections.active
        return here.queries.glance() if here is not None else {}

    def forget_queries(self) -> None:
        """Look again for saved queries, since they have changed."""
        self._connection.queries.forget()

    def query(self, name: str, query: Mapping[str, Any]) -> ResultFrame:
        """Find rows of a table."""
        table = self._find_for_query(name)
        if table is None:
            return ResultFrame(self.client, f"/{name}", query, shelf=self._its_shelf)
        schema = self.glance()

        def related(path: tuple[str, ...]) -> bool:
            owner = schema.follow(table, path[:-1])
            return owner is None or path[-1] in owner.relations

        try:
            return ResultFrame(
                self.client, table.path, query, related=related, shelf=self._its_shelf
            )
        except ApiError as error:
            if error.code != "ROUTE_NOT_FOUND":
                raise
            # It has been renamed or dropped since we looked.
            found(self.schema(), name)
            raise

    def name_of(self, table: str) -> str:
        """Give the name of a table that may be called by another one, as far as one may know it."""
        known = self._find_for_query(table)
        return table if known is None else known.name

    def _its_shelf(self) -> Shelf:
        return self.shelf

    def _find_for_query(self, name: str) -> TableInfo | None:
        try:
            return self.find(name)
        except ApiError as error:
            if error.status in {401, 403}:
                # Who may not see the definitions can still read public routes.
                return None
            raise


def found(schema: Schema, name: str) -> TableInfo:
    """Give a table by its name, or say which one is meant."""
    table = schema.tables.get(name)
    if table is None:
        own = [one.name for one in schema.own]
        hint = did_you_mean(name, own) or did_you_mean(name, schema.tables)
        if not hint:
            hint = f" There are: {', '.join(own[:20])}" if own else " There are none yet"
        raise UsageError(f"There is no table '{name}'.{hint}")
    return table


def matching(name: str, pattern: str | None) -> bool:
    """Say whether a name meets a pattern such as `flight*`; any does if there is none."""
    return pattern is None or fnmatch.fnmatchcase(name, pattern)
