"""A kernel in the Jupyter Server's own process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from logging import Logger

from enfyra_kernel.encoding import encode_json
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.identity.holders import Holder, HubServer
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request, Response, failure
from enfyra_kernel.lifecycle.streams import prepare_streams
from enfyra_kernel.settings import Settings
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest

from enfyra_server.app import NO_LIMIT, build_routes
from enfyra_server.delegate import SiteRouter

from .home import credential_of, without_reserved

PATIENCE = 10.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
DEFAULT_MAX_BODY = 32 << 20


class Embedded:
    """Runs a kernel, and keeps trying while its database cannot be reached.

    Args:
        prefix: The mount point, without a slash at the end.
        load: Reads the settings.
        address: Gives where the mount point is, for steps of flows that call the API.
        pause: Seconds before the second attempt to start.
    """

    def __init__(
        self,
        prefix: str,
        load: Callable[[], Settings],
        log: Logger,
        *,
        address: Callable[[], str] | None = None,
        pause: float = FIRST_PAUSE,
    ) -> None:
        self.kernel: Kernel | None = None
        self.problem: EnfyraError | None = None
        self._prefix = prefix
        self._load = load
        self._log = log
        self._address = address
        self._pause = pause
        self._router: SiteRouter | None = None
        self._holder: Holder | None = None
        self._starting: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    @property
    def max_body(self) -> int:
        """The largest body that is read into memory; it can be changed while it runs."""
        return self._router.max_body if self._router is not None else DEFAULT_MAX_BODY

    @property
    def upload_timeout(self) -> float:
        """Seconds without a byte after which a load is given up."""
        return self.kernel.settings.upload_timeout if self.kernel is not None else PATIENCE

    # -- starting and stopping ------------------------------------------------------------------

    async def start(self) -> None:
        """Start the kernel; when that takes long or fails, go on with it in the background."""
        self._starting = asyncio.ensure_future(self._start())
        try:
            async with asyncio.timeout(PATIENCE):
                await self._tried.wait()
        except TimeoutError:
            self._log.warning("Enfyra's database is slow to answer; it is waited for")

    async def stop(self) -> None:
        """Stop the kernel, or the attempts to start it."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
            self._starting = None
        self._router = None
        if self.kernel is not None:
            kernel, self.kernel = self.kernel, None
            await kernel.stop()

    async def _start(self) -> None:
        pause = self._pause
        while not await self._attempt():
            self._tried.set()
            if self.problem is not None and self.problem.code == "CONFIGURATION_ERROR":
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        self._tried.set()

    async def _attempt(self) -> bool:
        try:
            kernel = Kernel(self._load())
            if self._address is not None:
                kernel.address = self._address()
            try:
                # At the first Arrow stream it would hold up the kernels' sockets for half a second.
                await prepare_streams()
                await kernel.start()
            except BaseException:
                await kernel.stop()
                raise
        except EnfyraError as error:
            self._log.error("Enfyra has not started: %s", error.message)
            self.problem = error
            return False
        except Exception as error:
            self._log.exception("Enfyra has not started")
            self.problem = EnfyraError("INTERNAL_SERVER_ERROR", type(error).__name__)
            return False
        self._begin(kernel)
        return True

    def _begin(self, kernel: Kernel) -> None:
        router = build_routes(kernel, self._prefix)[0].target
        if not isinstance(router, SiteRouter):
            raise TypeError("the routes lead to no site")
        self.kernel = kernel
        self._holder = kernel.identity.holder(HubServer.of(os.environ))
        self.problem = None
        self._router = router
        self._log.info("Enfyra's API is at %s/", self._prefix)

    # -- requests -------------------------------------------------------------------------------

    def shortcut(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None:
        """Give the fast way for a program that has an Enfyra token.

        The token, which is signed, stands for itself: host, cookies and forms do not matter. A
        browser's page of another origin needs the headers that Jupyter's settings give it.
        """
        router = self._router
        if router is None or "Origin" in request.headers:
            return None
        credential = credential_of(request.headers)
        if credential is None or not self.knows(credential):
            return None
        if without_reserved(request.query) != request.query:
            return None
        lift_limit(request)
        return router.find_handler(request)

    def knows(self, credential: str) -> bool:
        """Say whether a token was signed with our key."""
        return self.kernel is not None and self.kernel.authenticator.knows(credential)

    async def answer(self, request: Request, *, holder: bool) -> Response:
        """Answer a request."""
        router, kernel = self._router, self.kernel
        if router is None or kernel is None:
            return self._absent(request, holder=holder)
        if holder and self._holder is not None:
            try:
                request.caller = await self._holder.caller()
            except EnfyraError as error:
                return failure(error, request)
        return await router.site.handle(request)

    def _absent(self, request: Request, *, holder: bool) -> Response:
        """Answer while there is no kernel; only the server's owner gets to know why."""
        if request.path == "/health":
            return Response(200, encode_json({"status": "ok"}))
        reason = self.problem.message if self.problem is not None else "it is still starting"
        if request.path == "/ready":
            services = {"kernel": reason if holder else "not started"}
            return Response(503, encode_json({"status": "not ready", "services": services}))
        message = f"Enfyra has not started: {reason}" if holder else None
        return failure(EnfyraError("SERVICE_UNAVAILABLE", message), request)


def lift_limit(request: HTTPServerRequest) -> None:
    """Let a request's body be as large as it likes; there is a limit of our own.

    Jupyter's limit holds for streamed bodies too.
    """
    set_limit = getattr(request.connection, "set_max_body_size", None)
    if set_limit is not None:
        set_limit(NO_LIMIT)
