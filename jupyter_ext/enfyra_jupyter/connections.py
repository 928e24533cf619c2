"""The connections of one notebook: each under a name, and one of them in use."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from .client import Client
from .flows.names import FlowNames
from .queries import QueryNames
from .schema import SchemaCache

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection, with what is known of the server behind it."""

    client: Client
    cache: SchemaCache = field(init=False)
    flows: FlowNames = field(init=False)
    queries: QueryNames = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cache", SchemaCache(self.client))
        object.__setattr__(self, "flows", FlowNames(self.client))
        object.__setattr__(self, "queries", QueryNames(self.client))
        self.cache.glance()
        self.flows.glance()
        self.queries.glance()


class Connections:
    """Connections by their names.

    Example:
        >>> connections = Connections()
        >>> connections.active is None, list(connections)
        (True, [])
    """

    def __init__(self) -> None:
        self._by_name: dict[str, Connection] = {}
        self._active: str | None = None

    @property
    def name(self) -> str | None:
        """The name of the one in use."""
        return self._active

    @property
    def active(self) -> Connection | None:
        """The one in use."""
        return None if self._active is None else self._by_name[self._active]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @property
    def clients(self) -> Mapping[str, Client]:
        """The clients by their names."""
        return {name: one.client for name, one in self._by_name.items()}

    def put(self, client: Client, name: str | None = None) -> None:
        """Take a connection and use it; one that had its name is closed.

        Args:
            name: Without one: that of the connection in use if it goes to the same server, else
                `default`.
        """
        if name is None:
            here = self.active
            same = here is not None and here.client.url == client.url
            name = self._active if same and self._active is not None else DEFAULT
        before = self._by_name.pop(name, None)
        if before is not None:
            before.client.close()
        self._by_name[name] = Connection(client)
        self._active = name

    def use(self, name: str) -> None:
        """Use another one.

        Raises:
            KeyError: If there is none of that name.
        """
        if name not in self._by_name:
            raise KeyError(name)
        self._active = name

    @contextmanager
    def using(self, name: str) -> Generator[None, None, None]:
        """Use another one in a block."""
        before = self._active
        self.use(name)
        try:
            yield
        finally:
            if before is None or before in self._by_name:
                self._active = before

    def close(self, name: str | None = None) -> None:
        """Close one: that in use, if no name is given."""
        name = self._active if name is None else name
        gone = self._by_name.pop(name, None) if name is not None else None
        if gone is not None:
            gone.client.close()
        if name == self._active:
            self._active = None

    def close_all(self) -> None:
        """Close all of them."""
        for name in list(self._by_name):
            self.close(name)
