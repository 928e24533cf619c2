"""Requests straight from Tornado's connection to the site, without a RequestHandler.

A RequestHandler costs twice what the message delegate below it does (111 against 59 microseconds
a request), and does nothing for an API that parses its own queries. The delegate is found by a
routing rule, so it works in any `tornado.web.Application`, Jupyter's included.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import time
from collections.abc import Awaitable, Iterable

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.lifecycle.messages import Request, Response, failure, identify
from enfyra_kernel.lifecycle.streams import is_load
from enfyra_kernel.logs import correlation_id, get_logger
from tornado import httputil, iostream, routing

from .incoming import WAITING_CHUNKS as WAITING_CHUNKS
from .incoming import Incoming
from .site import Site

_log = get_logger("server")

# A body that is too large is read and thrown away up to this many times the limit, so that the
# client gets to read the answer; beyond that the connection is closed.
PATIENCE = 16
DEFAULT_MAX_BODY = 32
# The longest path with its query.
MAX_TARGET = 1 << 16
_SCHEMES = frozenset({"http", "https"})
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class SiteRouter(routing.Router):
    """Gives each request below the mount point a delegate.

    It is the target of a routing rule in an application, and the stand-alone server's connection
    delegate itself.

    Attributes:
        running: How many requests have begun to come in and have not been answered.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.running = 0
        self.stopping = False
        self._idle = asyncio.Event()
        self._idle.set()

    def find_handler(
        self, request: httputil.HTTPServerRequest, **_: object
    ) -> httputil.HTTPMessageDelegate | None:
        """Give the delegate of a request that an application has routed here."""
        connection = request.connection
        return SiteDelegate(self, connection) if connection is not None else None

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Give the delegate of a request on a connection that is all ours."""
        return SiteDelegate(self, request_conn)

    @property
    def max_body(self) -> int:
        """How many bytes a JSON body may have: `maxRequestBodySize`, which can change any time."""
        settings = self.site.kernel.registry.current.settings
        return int(settings.get("maxRequestBodySize") or DEFAULT_MAX_BODY) << 20

    def begin(self) -> None:
        """Note that a request is coming in."""
        self.running += 1
        self._idle.clear()

    def end(self) -> None:
        """Note that a request has been answered, or its client has gone."""
        self.running -= 1
        if not self.running:
            self._idle.set()

    async def drain(self, patience: float, hurry: asyncio.Event | None = None) -> bool:
        """Wait until all requests that have begun to come in have been answered.

        Args:
            patience: The most seconds to wait.
            hurry: Ends the waiting when it is set.

        Returns:
            Whether they all have been.
        """
        self.stopping = True
        ends = [asyncio.ensure_future(self._idle.wait())]
        if hurry is not None:
            ends.append(asyncio.ensure_future(hurry.wait()))
        await asyncio.wait(ends, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for one in ends:
            one.cancel()
        return not self.running


class SiteDelegate(httputil.HTTPMessageDelegate):
    """Collects one request, has the site answer it, writes the answer."""

    __slots__ = (
        "_begin", "_chunks", "_connection", "_headers", "_incoming", "_problem", "_router", "_size",
        "_start_line", "_task",
    )  # fmt: skip

    def __init__(self, router: SiteRouter, connection: httputil.HTTPConnection) -> None:
        self._router = router
        self._connection = connection
        self._chunks: list[bytes] = []
        self._size = 0
        self._problem: EnfyraError | None = None
        self._incoming: Incoming | None = None
        self._task: asyncio.Task[None] | None = None

    # -- receiving ------------------------------------------------------------------------------

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> None:
        """Begin; records to be loaded are answered while they are still coming in."""
        if not isinstance(start_line, httputil.RequestStartLine):
            raise httputil.HTTPInputError("not a request")
        self._begin = time.perf_counter()
        self._start_line = start_line
        self._headers = headers
        self._router.begin()
        if "Content-Length" in headers or "Transfer-Encoding" in headers:
            self._problem = _ambiguity(headers)
            if self._problem is not None:
                # Nobody knows where the body ends: it is left unread, and the connection closed.
                headers.pop("Transfer-Encoding", None)
                headers["Content-Length"] = "0"
                return
        if len(start_line.path) > MAX_TARGET:
            self._problem = _too_long()
        elif start_line.method not in _BODILESS and is_load(
            headers.get("Content-Type", ""), start_line.path.partition("?")[2]
        ):
            self._incoming = Incoming(self._router.site.kernel.settings.upload_timeout)
            self._start()

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take a piece of the body; a stream's sender has to wait until it is worked off."""
        most = self._router.max_body
        if self._incoming is not None:
            if self._incoming.skipped <= most * PATIENCE:
                return self._incoming.put(chunk)
            self._close()
            return None
        self._size += len(chunk)
        if self._size <= most:
            self._chunks.append(chunk)
        elif self._size > most * PATIENCE:
            self._close()
        else:
            self._chunks.clear()
        return None

    def finish(self) -> None:
        """Answer, now that the request is complete."""
        if self._incoming is None:
            self._start()
        else:
            self._incoming.end()

    def on_connection_close(self) -> None:
        """Let go of a request whose client has gone; what it writes is rolled back."""
        if self._task is None:
            self._router.end()
        elif self._incoming is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._answer())

    @property
    def _stream(self) -> iostream.IOStream | None:
        return getattr(self._connection, "stream", None)

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    # -- answering ------------------------------------------------------------------------------

    async def _answer(self) -> None:
        try:
            request = self._made()
            correlation_id.set(request.correlation_id)
            response = await self._response(request)
            if self._incoming is not None:
                await self._incoming.skip()
            await self._write(request, response)
            self._note(request, response)
        except iostream.StreamClosedError:
            pass
        except Exception:
            _log.exception("answer failed")
            self._close()
        finally:
            self._router.end()

    def _made(self) -> Request:
        method, target, _ = self._start_line
        path, _, query = _relative(target).partition("?")
        chunks = self._chunks
        context: object = getattr(self._connection, "context", None)
        request = Request(
            method=method,
            path=path[len(self._router.site.prefix) :] or "/",
            query=query,
            headers=plain_headers(self._headers),
            body=chunks[0] if len(chunks) == 1 else b"".join(chunks),
            stream=self._incoming.pieces() if self._incoming is not None else None,
            remote_ip=getattr(context, "remote_ip", ""),
        )
        identify(request)
        return request

    async def _response(self, request: Request) -> Response:
        problem = self._problem
        if problem is None and self._incoming is None and self._size > self._router.max_body:
            problem = _too_large(self._router.max_body)
        if problem is not None:
            return failure(problem, request)
        return await self._router.site.handle(request)

    async def _write(self, request: Request, response: Response) -> None:
        connection = self._connection
        headers = _Headers()
        headers["Content-Type"] = response.content_type
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Correlation-ID"] = request.correlation_id
        for name, value in response.headers.items():
            headers[name] = value
        last = self._problem is not None or self._gave_up
        if self._router.stopping or last:
            headers["Connection"] = "close"
        if response.status != 204 and response.stream is None:
            headers["Content-Length"] = str(len(response.body))
        start = httputil.ResponseStartLine("HTTP/1.1", response.status, _reason(response.status))
        body = b"" if request.method == "HEAD" else response.body
        connection.write_headers(start, headers, body)  # pyright: ignore[reportArgumentType]
        if response.stream is not None and request.method != "HEAD":
            async for piece in response.stream:
                # What the connection's own write gives is never done when the client goes.
                connection.write(piece)
                await self._sent()
        connection.finish()
        await self._sent()
        if last:
            self._close()

    @property
    def _gave_up(self) -> bool:
        """Whether the rest of the body is not waited for."""
        return self._incoming is not None and self._incoming.stalled

    async def _sent(self) -> None:
        """Wait until the client has taken all so far, which a server that stops waits for."""
        stream = self._stream
        if stream is None or stream.closed():
            raise iostream.StreamClosedError
        if stream.writing():
            await stream.write(b"")

    def _note(self, request: Request, response: Response) -> None:
        if _log.isEnabledFor(logging.DEBUG):
            took = round((time.perf_counter() - self._begin) * 1000, 1)
            _log.debug(
                "request",
                extra={
                    "method": request.method,
                    "path": request.path,
                    "status": response.status,
                    "milliseconds": took,
                },
            )


class _Headers(dict[str, str]):
    """Headers of an answer: all of them ours and spelled as they are sent.

    Tornado's HTTPHeaders looks at the spelling of each name each time.
    """

    def get_all(self) -> Iterable[tuple[str, str]]:
        """Give names and values."""
        return self.items()


def plain_headers(headers: httputil.HTTPHeaders) -> dict[str, str]:
    """Give a request's headers by name in lower case; a repeated one as a list with commas."""
    plain: dict[str, str] = {}
    for name, value in headers.get_all():
        name = name.lower()
        plain[name] = f"{plain[name]}, {value}" if name in plain else value
    return plain


def _reason(status: int) -> str:
    return http.client.responses.get(status, "Unknown")


def _relative(target: str) -> str:
    """Give a request's target without the scheme and host that proxies put in front of it."""
    if target.startswith("/"):
        return target
    scheme, separator, rest = target.partition("://")
    return rest[rest.find("/") :] if separator and scheme in _SCHEMES and "/" in rest else target


def _too_large(limit: int) -> EnfyraError:
    return EnfyraError(
        "PAYLOAD_TOO_LARGE",
        f"The body is larger than {limit >> 20} MB",
        hint="Send records in several requests, or as NDJSON, CSV, Arrow or Parquet, "
        "which have no limit",
    )


def _too_long() -> EnfyraError:
    return EnfyraError(
        "URI_TOO_LONG",
        f"The path with its query is longer than {MAX_TARGET >> 10} kB",
        hint="Filter by a range or a relation instead of a long list of values",
    )


def _ambiguity(headers: httputil.HTTPHeaders) -> EnfyraError | None:
    """Say why it cannot be told where a body ends, which is how requests are smuggled."""
    lengths = [part.strip() for part in headers.get("Content-Length", "").split(",")]
    coding = headers.get("Transfer-Encoding")
    if coding is None:
        if not (lengths[0].isascii() and lengths[0].isdigit()):
            return EnfyraError("BAD_REQUEST", "Content-Length is not a number")
        if any(one != lengths[0] for one in lengths):
            return EnfyraError("BAD_REQUEST", "Content-Length is given twice, with two values")
        return None
    if "Content-Length" in headers:
        return EnfyraError("BAD_REQUEST", "Content-Length and Transfer-Encoding exclude each other")
    if coding.lower() != "chunked":
        return EnfyraError("BAD_REQUEST", "Transfer-Encoding can only be chunked")
    return None
