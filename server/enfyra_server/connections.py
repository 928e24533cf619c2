"""The stand-alone server's connections: Tornado's, without what costs something at each request."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tornado import httputil, iostream
from tornado.httpserver import HTTPServer

from .delegate import SiteDelegate, SiteRouter
from .heads import parse_head

# Seconds after which a connection is closed that sends no (whole) request, and between two looks.
IDLE = 3600.0
LOOK = 60.0
# Seconds between two looks whether clients have gone.
LINGER_LOOK = 0.05


class Connections(HTTPServer):
    """Takes connections for a site.

    Tornado sets an alarm for each request, in case the next one does not come, has the system hold
    back small packets between two answers, and reads all headers anew. Here one task looks at all
    connections now and then, small packets are never held back, and headers are remembered.
    """

    def initialize(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, request_callback: SiteRouter, **options: Any
    ) -> None:
        """Configure: Tornado calls this in place of a constructor."""
        super().initialize(request_callback, **options)
        self.conn_params.header_timeout = None
        self._router = request_callback
        self._open: dict[Any, SiteDelegate] = {}
        self._looking: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Begin to look for connections that are idle."""
        self._looking = asyncio.ensure_future(self._watch())

    async def close_all_connections(self) -> None:
        """Close all connections, and look no more for idle ones."""
        if self._looking is not None:
            self._looking.cancel()
        await super().close_all_connections()

    async def linger(self, seconds: float) -> None:
        """Wait until clients have closed their connections, at most so long."""
        until = time.monotonic() + seconds
        while self._connections and time.monotonic() < until:  # noqa: ASYNC110 - many, one by one
            await asyncio.sleep(LINGER_LOOK)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            self.close_idle(time.monotonic() - IDLE)

    def close_idle(self, since: float) -> None:
        """Close the connections that have been waiting for a request since a time, or longer."""
        for connection, delegate in tuple(self._open.items()):
            waiting = delegate.waiting_since
            if waiting is not None and waiting <= since:
                connection.stream.close()

    # -- what Tornado calls ---------------------------------------------------------------------

    def handle_stream(self, stream: iostream.IOStream, address: Any) -> None:
        """Take a new connection."""
        stream.set_nodelay(True)
        # Two calls of the system for each request would turn it off and on again.
        stream.set_nodelay = _stay
        super().handle_stream(stream, address)  # pyright: ignore[reportUnknownMemberType]

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> SiteDelegate:
        """Give the delegate of the next request on a connection."""
        request_conn._parse_headers = parse_head  # pyright: ignore[reportAttributeAccessIssue]
        before = self._open.get(server_conn)
        delegate = self._open[server_conn] = self._router.start_request(server_conn, request_conn)
        delegate.connection_task = before.connection_task if before else asyncio.current_task()
        return delegate

    def on_close(self, server_conn: object) -> None:
        """Forget a connection."""
        self._open.pop(server_conn, None)
        super().on_close(server_conn)


def _stay(value: bool) -> None:
    """Leave the connection as it is."""
