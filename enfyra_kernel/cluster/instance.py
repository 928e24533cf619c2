"""An instance: one process of a cluster, as the others know it."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instance:
    """Who takes part in a cluster.

    Attributes:
        id: 32 hexadecimal digits, another at each start; nobody else's messages and locks have it.
        node_name: The cluster's name, which decorates its channels and keys; the same on all
            instances that shall act as one.
        host: The machine's name.
        pid: The process there.
    """

    id: str
    node_name: str | None
    host: str
    pid: int

    @classmethod
    def here(cls, node_name: str | None = None) -> Instance:
        """Give a new one of this process.

        Example:
            >>> one, two = Instance.here("shop"), Instance.here("shop")
            >>> len(one.id), one.id == two.id, one.label == two.label
            (32, False, True)
        """
        return cls(secrets.token_hex(16), node_name, socket.gethostname(), os.getpid())

    @property
    def label(self) -> str:
        """Where it runs, for people: `host:pid`."""
        return f"{self.host}:{self.pid}"
