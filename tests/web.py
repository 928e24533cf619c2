"""A web server of the tests, in a thread of its own."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Seen(NamedTuple):
    """A request as it came in; header names are in small letters."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What to answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})


Answer = Callable[[Seen], Reply]


class Web:
    """A server on a free port of the machine's own address.

    Attributes:
        answers: What to answer for each path; others are 404.
        seen: The requests, in order.
    """

    def __init__(self, *, context: ssl.SSLContext | None = None, ipv6: bool = False) -> None:
        self.answers: dict[str, Answer] = {"/echo": _echo}
        self.seen: list[Seen] = []
        self.never = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                web._handle(self)

            def log_message(self, *_: Any) -> None: ...

        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler.handle_any)

        class Server(ThreadingHTTPServer):
            address_family = 10 if ipv6 else 2
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                """Clients that go away are nothing to print."""

        self._server = Server(("::1" if ipv6 else "127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self.never.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def gives(self, path: str, *reply: Any, **more: Any) -> None:
        """Answer a path always alike."""
        self.answers[path] = lambda _: Reply(*reply, **more)

    def redirects(self, path: str, to: str, status: int = 302) -> None:
        self.gives(path, status=status, headers={"Location": to})

    def hangs(self, path: str) -> None:
        """Take requests, and never answer."""

        def wait(_: Seen) -> Reply:
            self.never.wait()
            return Reply()

        self.answers[path] = wait

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        headers = {name.lower(): text for name, text in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        seen = Seen(handler.command, parts.path, parse_qsl(parts.query), headers, body)
        self.seen.append(seen)
        answer = self.answers.get(parts.path)
        reply = answer(seen) if answer is not None else Reply(b"no such path", 404)
        with contextlib.suppress(OSError):
            handler.send_response(reply.status)
            for name, text in reply.headers.items():
                handler.send_header(name, text)
            handler.end_headers()
            if handler.command != "HEAD":
                handler.wfile.write(reply.body)


def _echo(seen: Seen) -> Reply:
    told = {
        "method": seen.method, "query": seen.query, "headers": seen.headers,
        "body": seen.body.decode(),
    }  # fmt: skip
    return Reply(json.dumps(told).encode(), headers={"Content-Type": "application/json"})
