"""Requests and responses, whatever transport they travel on."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ..encoding import encode_json
from ..errors import EnfyraError, error_body

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"

# What a client may send as a correlation id, which goes into headers and logs.
_UNSAFE = re.compile(r"[^\x21-\x7e]")
_MAX_CORRELATION = 128
_PROCESS = f"req_{secrets.token_hex(6)}_"
_counter = itertools.count(1)
# Of a longer path, the beginning says enough.
_MAX_PATH = 2000
_SOON = {"Retry-After": "1"}


def _no_headers() -> dict[str, str]:
    # `dict[str, str]()` takes ten times as long.
    return {}


@dataclass(slots=True)
class Request:
    """A request.

    Attributes:
        path: Without the mount point and without the query.
        query: The query string, as it came.
        headers: By name in lower case.
        body: All of it; empty when it comes as `stream`.
        stream: The body piece by piece, for content that may be larger than memory.
        remote_ip: The client's address, as far as proxies that are trusted tell it.
        scheme: `http` or `https`, likewise.
        caller: Who is calling, where the transport knows (Jupyter); else the token says.
        passed: How many of the two positions of guards it has passed, so that it is counted once.
        answer_headers: Go into the answer, whatever that is.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    remote_ip: str = ""
    scheme: str = "http"
    caller: Any = None
    correlation_id: str = ""
    passed: int = 0
    answer_headers: dict[str, str] = field(default_factory=_no_headers)


class Stream:
    """A body piece by piece, which holds on to something until it is closed.

    A generator that was not begun does not clean up after itself, and one that was left in the
    middle does so when the garbage is collected: whoever sends a body closes it.

    Args:
        close: Lets go of what the pieces come from, if a generator that was never begun cannot.

    Example:
        >>> import asyncio
        >>> async def pieces():
        ...     yield b"one"
        >>> async def let_go():
        ...     print("closed")
        >>> asyncio.run(Stream(pieces(), let_go).aclose())
        closed
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        close: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        self._pieces = pieces
        self._close = close

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self._pieces

    async def aclose(self) -> None:
        """Let go, wherever the reader has come to."""
        await self._pieces.aclose()
        if self._close is not None:
            await self._close()


def _no_cookies() -> list[str]:
    return []


@dataclass(slots=True)
class Response:
    """A response; `stream` is given instead of `body` when it may be larger than memory.

    Attributes:
        cookies: Cookies to set, as `Set-Cookie` has them.
    """

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=_no_headers)
    stream: Stream | None = None
    cookies: list[str] = field(default_factory=_no_cookies)

    async def aclose(self) -> None:
        """Let go of what the body comes from; whoever sends an answer, or drops it, does so."""
        if self.stream is not None:
            await self.stream.aclose()


_HEADS: dict[tuple[int, str], bytes] = {}


def success(
    data: bytes | None = None, *, status: int = 200, message: str = "Success", meta: Any = None
) -> Response:
    """Give the envelope of a success; `data` is JSON already."""
    head = _HEADS.get((status, message))
    if head is None:
        envelope = {"statusCode": status, "message": message}
        head = _HEADS[(status, message)] = encode_json(envelope)[:-1]
    # Joined at once: of a large answer, each copy costs as much as a small request.
    pieces = [head]
    if data is not None:
        pieces += (b',"data":', data)
    if meta is not None:
        pieces += (b',"meta":', encode_json(meta))
    pieces.append(b"}")
    return Response(status, b"".join(pieces))


def spread(content: Any, *, status: int = 200, message: str = "Success") -> Response:
    """Give an envelope with further keys beside the usual ones."""
    return Response(status, encode_json({"statusCode": status, "message": message, **content}))


def failure(error: EnfyraError, request: Request) -> Response:
    """Give the body that everybody gets for an error."""
    identify(request)
    path = f"{request.path}?{request.query}" if request.query else request.path
    body = error_body(
        error,
        path=path[:_MAX_PATH],
        method=request.method[:_MAX_CORRELATION],
        correlation_id=request.correlation_id,
    )
    return Response(error.status, _encoded(body), headers=_headers_of(error))


def _headers_of(error: EnfyraError) -> dict[str, str]:
    match error.status:
        case 401:
            return {"WWW-Authenticate": "Bearer"}
        case 405 if error.details:
            return {"Allow": ", ".join(error.details["allowed"])}
        case 412 if error.details:
            return {"ETag": error.details["etag"]}
        case 429:
            seconds = _seconds_of(error.details)
            return {} if seconds is None else {"Retry-After": str(seconds)}
        case 423 | 503:
            return dict(_SOON)
        case _:
            return {}


def _seconds_of(details: Any) -> int | None:
    """Give how long to wait, where an error says so; a script may have made the details."""
    if not isinstance(details, dict):
        return None
    seconds = cast("dict[str, Any]", details).get("retryAfterSeconds")
    return seconds if isinstance(seconds, int) else None


def identify(request: Request) -> None:
    """Give a request its correlation id: the client's, as far as it is harmless, or a new one."""
    if request.correlation_id:
        return
    given = request.headers.get("x-correlation-id")
    clean = _UNSAFE.sub("", given)[:_MAX_CORRELATION] if given else ""
    request.correlation_id = clean or f"{_PROCESS}{next(_counter):x}"


def _encoded(body: dict[str, Any]) -> bytes:
    try:
        return encode_json(body)
    except (TypeError, UnicodeEncodeError):
        body["error"]["details"] = None
        body["error"]["path"] = ascii(body["error"]["path"])
        return encode_json(body)
