"""Requests straight from Tornado's connection to the site, without a RequestHandler.

A RequestHandler costs twice what the message delegate below it does (111 against 59 microseconds
a request), and does nothing for an API that parses its own queries. The delegate is found by a
routing rule, so it works in any `tornado.web.Application`, Jupyter's included.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.lifecycle.messages import Request, Response, identify
from enfyra_kernel.lifecycle.streams import is_load
from enfyra_kernel.logs import correlation_id, get_logger
from tornado import httputil, iostream, routing
from tornado.http1connection import HTTP1Connection

from .heads import (
    MAX_TARGET,
    Headers,
    head_of,
    reason,
    relative_target,
    rendered_head,
    too_large,
    too_long,
)
from .incoming import WAITING_CHUNKS as WAITING_CHUNKS
from .incoming import Incoming
from .site import Site

_log = get_logger("server")

# A body that is too large is read and thrown away up to this many times the limit, so that the
# client gets to read the answer; beyond that the connection is closed.
PATIENCE = 16
DEFAULT_MAX_BODY = 32
# Up to this size, copying a body costs less than a second write.
ONE_PIECE = 1 << 16
# Answers that have no body, whose length would be that of another one.
_EMPTY = frozenset({204, 304})
# The seconds that requests which are broken off have to give back what they hold.
_LETTING_GO = 5
# Reads, by a method that can carry a statement.
_SQL = "/admin/sql"
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class SiteRouter(routing.Router):
    """Gives each request below the mount point a delegate.

    It is the target of a routing rule in an application, and the stand-alone server's connection
    delegate itself.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.stopping = False
        self._begun: set[SiteDelegate] = set()
        self._idle = asyncio.Event()

    @property
    def running(self) -> int:
        """How many requests have begun to come in and have not been answered."""
        return len(self._begun)

    def find_handler(
        self, request: httputil.HTTPServerRequest, **_: object
    ) -> httputil.HTTPMessageDelegate | None:
        """Give the delegate of a request that an application has routed here."""
        connection = request.connection
        return SiteDelegate(self, connection) if connection is not None else None

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> SiteDelegate:
        """Give the delegate of a request on a connection that is all ours."""
        return SiteDelegate(self, request_conn)

    @property
    def max_body(self) -> int:
        """How many bytes a JSON body may have: `maxRequestBodySize`, which can change any time."""
        settings = self.site.kernel.registry.current.settings
        return int(settings.get("maxRequestBodySize") or DEFAULT_MAX_BODY) << 20

    def begin(self, delegate: SiteDelegate) -> None:
        """Note that a request is coming in."""
        self._begun.add(delegate)

    def end(self, delegate: SiteDelegate) -> None:
        """Note that a request has been answered, or its client has gone."""
        self._begun.discard(delegate)
        if self.stopping and not self._begun:
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
        if not self._begun:
            return True
        ends = [asyncio.ensure_future(self._idle.wait())]
        if hurry is not None:
            ends.append(asyncio.ensure_future(hurry.wait()))
        await asyncio.wait(ends, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for one in ends:
            one.cancel()
        return not self._begun

    async def cut_off(self) -> None:
        """Break off what is still being answered, and wait until it has let go of what it holds."""
        for delegate in tuple(self._begun):
            delegate.cut_off()
        await self.drain(_LETTING_GO)


class SiteDelegate(httputil.HTTPMessageDelegate):
    """Collects one request, has the site answer it, writes the answer.

    Tornado waits for what `headers_received` and `data_received` give. A request that is complete
    is worked on there, in the connection's own task: a task for each request, and the turns of the
    event loop that come with it, cost as much as a short read.

    Attributes:
        connection_task: The connection's own task, where somebody may want to cut requests off.
        waiting_since: Since when (`time.monotonic`) nothing of the request has come, or None.
    """

    __slots__ = (
        "_begin", "_broken", "_chunks", "_connection", "_incoming", "_length", "_plain",
        "_problem", "_request", "_response", "_router", "_size", "_start_line", "_task",
        "_working", "connection_task", "waiting_since",
    )  # fmt: skip

    def __init__(self, router: SiteRouter, connection: httputil.HTTPConnection) -> None:
        self._router = router
        self._connection = connection
        self._chunks: list[bytes] = []
        self._size = 0
        self._length = 0
        self._problem: EnfyraError | None = None
        self._incoming: Incoming | None = None
        self._task: asyncio.Task[Any] | None = None
        self._response: Response | None = None
        self._working = self._broken = False
        self.connection_task: asyncio.Task[Any] | None = None
        self.waiting_since: float | None = time.monotonic()

    # -- receiving ------------------------------------------------------------------------------

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        """Begin; records to be loaded are answered while they are still coming in."""
        if not isinstance(start_line, httputil.RequestStartLine):
            raise httputil.HTTPInputError("not a request")
        self.waiting_since = None
        self._begin = time.perf_counter()
        self._start_line = start_line
        plain, self._problem, self._length = head_of(headers)
        self._plain = plain
        self._router.begin(self)
        if self._problem is not None:
            # Nobody knows where the body ends: it is left unread, and the connection closed.
            headers.pop("Transfer-Encoding", None)
            headers["Content-Length"] = "0"
            return None
        if len(start_line.path) > MAX_TARGET:
            self._problem = too_long()
            return None
        if start_line.method not in _BODILESS and is_load(
            plain.get("content-type", ""), start_line.path.partition("?")[2]
        ):
            self._incoming = Incoming(self._router.site.kernel.settings.upload_timeout)
            self._start()
            return None
        return None if self._length else self._respond()

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
            if self._size == self._length and self._problem is None:
                return self._respond()
        elif self._size > most * PATIENCE:
            self._close()
        else:
            self._chunks.clear()
        return None

    def finish(self) -> None:
        """Answer, now that the request is complete."""
        if self._incoming is not None:
            connection = self._connection
            if isinstance(connection, HTTP1Connection):
                # A load whose client goes away before it knows what became of it is taken back.
                connection.set_close_callback(self.on_connection_close)
            self._incoming.end()
        elif self._broken:
            self._router.end(self)
        elif self._response is None or not self._written_at_once(self._response):
            self._start()

    def on_connection_close(self) -> None:
        """Let go of a request whose client has gone; what it writes is rolled back."""
        if self._incoming is not None and self._task is not None:
            self._task.cancel()
        elif self._task is None and self._response is not None:
            self._task = asyncio.get_running_loop().create_task(self._dropped(self._response))
        elif self._task is None:
            self._router.end(self)

    def cut_off(self) -> None:
        """Break the request off and close its connection."""
        task = self.connection_task if self._working else self._task
        if task is not None:
            task.cancel()
        self._close()

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._answer())

    @property
    def _stream(self) -> iostream.IOStream | None:
        return getattr(self._connection, "stream", None)

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    # -- answering ------------------------------------------------------------------------------

    async def _respond(self) -> None:
        """Make the answer; `finish` writes it."""
        self._working = True
        method, target, _ = self._start_line
        stream = self._stream if is_reading(method, target) else None
        if stream is not None:
            # What only reads is for nobody once its client has gone.
            stream.set_close_callback(_cancelling(asyncio.current_task()))
        try:
            self._response = await self._made()
        except asyncio.CancelledError:
            self._break()
        except Exception:
            _log.exception("answer failed")
            self._break()
        finally:
            self._working = False
            if stream is not None:
                stream.set_close_callback(None)

    def _break(self) -> None:
        self._broken = True
        self._close()

    async def _answer(self) -> None:
        """Make the answer unless it is made, and write it."""
        response = self._response
        try:
            if response is None:
                response = await self._made()
            if self._incoming is not None:
                await self._incoming.skip()
            await self._write(response)
            self._note(response)
        except iostream.StreamClosedError:
            pass
        except Exception:
            _log.exception("answer failed")
            self._close()
        finally:
            await self._dropped(response)

    async def _dropped(self, response: Response | None) -> None:
        """Have done with an answer, whether or not it was sent."""
        try:
            if response is not None:
                await response.aclose()
        finally:
            self._router.end(self)

    async def _made(self) -> Response:
        request = self._request = self._made_request()
        correlation_id.set(request.correlation_id)
        problem = self._problem
        if self._size and problem is None and self._incoming is None:
            most = self._router.max_body
            problem = too_large(most) if self._size > most else None
        if problem is not None:
            return self._router.site.refused(problem, request)
        return await self._router.site.handle(request)

    def _made_request(self) -> Request:
        method, target, _ = self._start_line
        path, _, query = relative_target(target).partition("?")
        chunks = self._chunks
        context: object = getattr(self._connection, "context", None)
        request = Request(
            method=method,
            path=path[len(self._router.site.prefix) :] or "/",
            query=query,
            headers=self._plain,
            body=chunks[0] if len(chunks) == 1 else b"".join(chunks),
            stream=self._incoming.pieces() if self._incoming is not None else None,
            remote_ip=getattr(context, "remote_ip", ""),
            scheme=getattr(context, "protocol", "http"),
        )
        identify(request)
        return request

    # -- writing --------------------------------------------------------------------------------

    def _written_at_once(self, response: Response) -> bool:
        """Write the answer if that takes no more than handing it to the system; say whether."""
        connection, stream = self._connection, self._stream
        if not self._is_plain(response) or stream is None or stream.closed():
            return False
        head = rendered_head(response, self._request.correlation_id)
        body = response.body
        # Tornado would look through the headers once more, line by line.
        try:
            if len(body) <= ONE_PIECE:
                stream.write(head + body)
            else:
                stream.write(head)
                stream.write(body)
        except iostream.StreamClosedError:
            self._router.end(self)
            return True
        if stream.writing():
            self._task = asyncio.get_running_loop().create_task(self._sent_later(response))
            return True
        connection.finish()
        self._note(response)
        self._router.end(self)
        return True

    def _is_plain(self, response: Response) -> bool:
        """Say whether an answer is like most: with a body, on a connection that stays open."""
        kept = self._plain.get("connection")
        return (
            type(self._connection) is HTTP1Connection
            and self._start_line.version == "HTTP/1.1"
            and self._start_line.method != "HEAD"
            and (kept is None or kept.lower() == "keep-alive")
            and not self._connection.no_keep_alive
            and response.stream is None
            and response.status not in _EMPTY
            and not self._router.stopping
        )

    async def _sent_later(self, response: Response) -> None:
        """Wait for a client that takes its time; the next request is not read before."""
        try:
            await self._sent()
            self._connection.finish()
            self._note(response)
        except iostream.StreamClosedError:
            pass
        finally:
            self._router.end(self)

    async def _write(self, response: Response) -> None:
        connection, request = self._connection, self._request
        headers = Headers(response.cookies)
        headers["Content-Type"] = response.content_type
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Correlation-ID"] = request.correlation_id
        for name, value in response.headers.items():
            headers[name] = value
        last = self._problem is not None or self._gave_up
        if self._router.stopping or last:
            headers["Connection"] = "close"
        if response.status not in _EMPTY and response.stream is None:
            headers["Content-Length"] = str(len(response.body))
        start = httputil.ResponseStartLine("HTTP/1.1", response.status, reason(response.status))
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

    def _note(self, response: Response) -> None:
        if _log.isEnabledFor(logging.DEBUG):
            took = round((time.perf_counter() - self._begin) * 1000, 1)
            _log.debug(
                "request",
                extra={
                    "method": self._request.method,
                    "path": self._request.path,
                    "status": response.status,
                    "milliseconds": took,
                },
            )


def is_reading(method: str | None, path: str) -> bool:
    """Say whether a request changes nothing, so that it can be broken off anywhere.

    Example:
        >>> is_reading("GET", "/post"), is_reading("POST", "/post")
        (True, False)
    """
    return method == "GET" or (method == "POST" and path.endswith(_SQL))


def _cancelling(task: asyncio.Task[Any] | None) -> Callable[[], None]:
    def cancel() -> None:
        if task is not None:
            task.cancel()

    return cancel
