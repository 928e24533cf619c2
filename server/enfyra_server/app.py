"""The application, and the stand-alone server around it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Sequence
from typing import Any

from enfyra_kernel.access.proxies import Proxies
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.jobs.handlers import register_handlers
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.logs import get_logger
from enfyra_kernel.networks import Networks
from enfyra_kernel.settings import Settings
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.routing import Matcher, Rule
from tornado.web import Application

from .connections import Connections
from .cors import Cors
from .delegate import SiteRouter
from .site import Site
from .workers import READY

_log = get_logger("server")

# Bodies are limited by the delegate, which answers with a clear error.
NO_LIMIT = 1 << 50
# Less than the half minute after which those who stop a container lose their patience.
GRACE = 25.0
# Seconds for clients to leave a process that is being replaced.
LINGER = 1.0
# More than the longest path that is answered, so that a longer one is told so.
MAX_HEAD = 1 << 20


def build_routes(kernel: Kernel, prefix: str = "") -> list[Rule]:
    """Give the routing rules for everything below a mount point.

    They fit any `tornado.web.Application`: that of `make_app`, and Jupyter's.

    Args:
        prefix: The mount point, such as "/user/ann/enfyra"; "" for the root.
    """
    settings = kernel.settings
    proxies = Proxies(Networks(settings.trusted_proxies), settings.proxy_header)
    site = Site(kernel, prefix, proxies, Cors(kernel.registry))
    return [Rule(_Below(prefix), SiteRouter(site))]


class _Below(Matcher):
    """Matches every path below a mount point."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Give no parameters for a path below the mount point, None for any other."""
        path = request.path
        if not path.startswith(self._prefix):
            return None
        return {} if path[len(self._prefix) : len(self._prefix) + 1] in {"/", ""} else None


def make_app(kernel: Kernel, prefix: str = "") -> Application:
    """Give an application that holds nothing else."""
    return Application(build_routes(kernel, prefix), enfyra=kernel)  # pyright: ignore[reportArgumentType]


class Server:
    """A kernel behind HTTP.

    Example:
        >>> import asyncio, tempfile
        >>> from enfyra_kernel import Settings
        >>> async def main() -> int:
        ...     with tempfile.TemporaryDirectory() as folder:
        ...         settings = Settings.load(
        ...             {"DB_URI": f"sqlite:///{folder}/shop.db", "PORT": "0"}, dotenv=None,
        ...             admin_password="secret",
        ...         )
        ...         server = Server(Kernel(settings))
        ...         await server.start()
        ...         port = server.port
        ...         await server.stop()
        ...         return port
        >>> asyncio.run(main()) > 0
        True
    """

    def __init__(self, kernel: Kernel, sockets: Sequence[socket.socket] | None = None) -> None:
        self.kernel = kernel
        self._sockets = sockets
        self._http: Connections | None = None
        self._router: SiteRouter | None = None
        self.port = 0

    async def start(self) -> None:
        """Start the kernel, then listen."""
        settings = self.kernel.settings
        sockets = self._sockets or bound(settings)
        self.port = sockets[0].getsockname()[1]
        self.kernel.address = f"http://{_reachable(settings.host)}:{self.port}"
        try:
            register_handlers(self.kernel.settings.job_handlers, self.kernel)
            await self.kernel.start()
        except BaseException:
            for one in sockets:
                one.close()
            raise
        # The router of the very same routes, without an application's routing around it.
        self._router = build_routes(self.kernel)[0].target
        http = Connections(self._router, max_body_size=NO_LIMIT, max_header_size=MAX_HEAD)
        http.add_sockets(sockets)
        http.watch()
        self._http = http

    async def stop(
        self, grace: float = GRACE, hurry: asyncio.Event | None = None, *, linger: float = 0.0
    ) -> None:
        """Stop listening, answer what has come in, then stop the kernel.

        Args:
            grace: The most seconds that requests get.
            hurry: Cuts them off when it is set.
            linger: The most seconds in which clients may go on using the connections that they
                have; each is told with its next answer to take another one.
        """
        if self._http is not None and self._router is not None:
            self._http.stop()
            self._router.stopping = True
            await self._http.linger(linger)
            if not await self._router.drain(grace, hurry):
                _log.warning("requests were cut off", extra={"running": self._router.running})
                await self._router.cut_off()
            await self._http.close_all_connections()
        await self.kernel.stop()

    async def run(self, ready: int | None = None) -> None:
        """Start, serve until SIGTERM or SIGINT, stop gracefully; a second one stops at once.

        SIGHUP stops it when somebody else takes its place: clients have a moment to notice.

        Args:
            ready: A descriptor to write to when it listens.
        """
        stop, retire = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: (retire.set(), stop.set()))
        await self.start()
        _spare_what_stays()
        _log.info("listening", extra={"host": self.kernel.settings.host, "port": self.port})
        if ready is not None:
            os.write(ready, READY)
            os.close(ready)
        await stop.wait()
        stop.clear()
        _log.info("stopping")
        await self.stop(hurry=stop, linger=LINGER if retire.is_set() else 0.0)


def _reachable(host: str) -> str:
    """Give the address at which this machine reaches a server that listens on one."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104
    return everywhere.get(host, f"[{host}]" if ":" in host else host)


def bound(settings: Settings, *, shared: bool = False) -> list[socket.socket]:
    """Give sockets that listen where the settings say.

    Args:
        shared: Whether others listen on the same port.

    Raises:
        EnfyraError: CONFIGURATION_ERROR.
    """
    try:
        return bind_sockets(settings.port, settings.host, reuse_port=shared)
    except OSError as error:
        raise EnfyraError(
            "CONFIGURATION_ERROR",
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}",
            hint="PORT and ENFYRA_HOST, or --port and --host, choose another place",
        ) from error


def _spare_what_stays() -> None:
    """Keep the garbage collector off the modules and definitions, which live as long as we do.

    Otherwise each of its full rounds, which the bodies of bulk requests bring about, holds the
    loop up for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
