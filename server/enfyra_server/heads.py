"""The heads of requests and of answers: first lines and headers."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, cast

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.lifecycle.messages import Response
from tornado import httputil

# The longest path with its query.
MAX_TARGET = 1 << 16
_SCHEMES = frozenset({"http", "https"})
# Of so many clients, the headers are kept, unless they are longer.
_CLIENTS = 512
_MAX_KEPT = 2048

# -- requests -------------------------------------------------------------------------------------


class Head(NamedTuple):
    """What the headers of a request say.

    Attributes:
        headers: By name in lower case; a repeated one as a list with commas.
        problem: Why nobody knows where the body ends.
        length: The size of the body that will be handed over; -1 if that is not known before, 0 if
            there is none.
    """

    headers: Mapping[str, str]
    problem: EnfyraError | None = None
    length: int = 0


class SharedHeaders(httputil.HTTPHeaders):
    """Headers that many requests have in common, so that nobody may change them."""

    head: Head


def parse_head(data: bytes) -> tuple[str, httputil.HTTPHeaders]:
    """Give the first line of a request, and its headers: Tornado's own way, but remembered.

    A client sends the same headers again and again, and reading them is a tenth of a small request.

    Raises:
        HTTPInputError: They are no headers.

    Example:
        >>> line, headers = parse_head(b"GET / HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n")
        >>> line, headers["Host"]
        ('GET / HTTP/1.1', 'here')
    """
    data = data.lstrip(b"\r\n")
    end = data.find(b"\n")
    line, block = data[:end].rstrip(b"\r").decode("latin1"), data[end:]
    if len(block) <= _MAX_KEPT:
        shared = _shared(block)
        if shared.head.problem is None:
            return line, shared
    return line, httputil.HTTPHeaders.parse(block.decode("latin1"))


@lru_cache(_CLIENTS)
def _shared(block: bytes) -> SharedHeaders:
    headers = cast("SharedHeaders", SharedHeaders.parse(block.decode("latin1")))
    headers.head = _read(headers)
    return headers


def head_of(headers: httputil.HTTPHeaders) -> Head:
    """Give what headers say."""
    return headers.head if type(headers) is SharedHeaders else _read(headers)


def _read(headers: httputil.HTTPHeaders) -> Head:
    plain = plain_headers(headers)
    if "content-length" not in plain and "transfer-encoding" not in plain:
        return Head(plain)
    problem = _ambiguity(headers)
    return Head(plain, problem) if problem is not None else Head(plain, None, _length(headers))


def plain_headers(headers: httputil.HTTPHeaders) -> dict[str, str]:
    """Give a request's headers by name in lower case; a repeated one as a list with commas."""
    plain: dict[str, str] = {}
    for name, value in headers.get_all():
        name = name.lower()
        plain[name] = f"{plain[name]}, {value}" if name in plain else value
    return plain


def relative_target(target: str) -> str:
    """Give a request's target without the scheme and host that proxies put in front of it."""
    if target.startswith("/"):
        return target
    scheme, separator, rest = target.partition("://")
    return rest[rest.find("/") :] if separator and scheme in _SCHEMES and "/" in rest else target


def too_large(limit: int) -> EnfyraError:
    """Make the error for a body of more than so many bytes."""
    return EnfyraError(
        "PAYLOAD_TOO_LARGE",
        f"The body is larger than {limit >> 20} MB",
        hint="Send records in several requests, or as NDJSON, CSV, Arrow or Parquet, "
        "which have no limit",
    )


def too_long() -> EnfyraError:
    """Make the error for a path with its query of more than `MAX_TARGET`."""
    return EnfyraError(
        "URI_TOO_LONG",
        f"The path with its query is longer than {MAX_TARGET >> 10} kB",
        hint="Filter by a range or a relation instead of a long list of values",
    )


def _length(headers: httputil.HTTPHeaders) -> int:
    # Tornado can be told to decompress bodies; the length is that of the compressed one.
    if "Transfer-Encoding" in headers or "X-Consumed-Content-Encoding" in headers:
        return -1
    return int(headers["Content-Length"].partition(",")[0])


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


# -- answers --------------------------------------------------------------------------------------


class Headers(dict[str, str]):
    """Headers of an answer: all of them ours and spelled as they are sent.

    Tornado's HTTPHeaders looks at the spelling of each name each time.

    Args:
        cookies: What to say as often as there are cookies to set.
    """

    def __init__(self, cookies: Sequence[str] = ()) -> None:
        self._cookies = cookies

    def get_all(self) -> Iterable[tuple[str, str]]:
        """Give names and values."""
        if not self._cookies:
            return self.items()
        return [*self.items(), *(("Set-Cookie", one) for one in self._cookies)]


def rendered_head(response: Response, correlation_id: str) -> bytes:
    """Give the head of an answer that has a body.

    Raises:
        ValueError: A header has a line break in it.

    Example:
        >>> rendered_head(Response(200, b"{}"), "req_1").split(b"\\r\\n")[0]
        b'HTTP/1.1 200 OK'
    """
    beginning = _beginning(response.status, response.content_type)
    head = f"{beginning}{correlation_id}\r\nContent-Length: {len(response.body)}\r\n"
    for name, value in response.headers.items():
        if "\r" in value or "\n" in value or "\r" in name or "\n" in name:
            raise ValueError(f"the header {name!r} has a line break in it")
        head += f"{name}: {value}\r\n"
    for cookie in response.cookies:
        if "\r" in cookie or "\n" in cookie:
            raise ValueError("a cookie has a line break in it")
        head += f"Set-Cookie: {cookie}\r\n"
    return f"{head}\r\n".encode("latin1")


@lru_cache(256)
def _beginning(status: int, content_type: str) -> str:
    return (
        f"HTTP/1.1 {status} {reason(status)}\r\nContent-Type: {content_type}\r\n"
        "X-Content-Type-Options: nosniff\r\nX-Correlation-ID: "
    )


def reason(status: int) -> str:
    """Give the words for a status."""
    return http.client.responses.get(status, "Unknown")
