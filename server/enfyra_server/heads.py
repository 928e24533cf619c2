"""The heads of requests and of answers: first lines and headers."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping
from functools import lru_cache

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.lifecycle.messages import Response
from tornado import httputil

# The longest path with its query.
MAX_TARGET = 1 << 16
_SCHEMES = frozenset({"http", "https"})

# -- requests -------------------------------------------------------------------------------------


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


def body_length(headers: httputil.HTTPHeaders) -> int:
    """Give the size of the body that will be handed over, -1 if that is not known before."""
    # Tornado can be told to decompress bodies; the length is that of the compressed one.
    if "Transfer-Encoding" in headers or "X-Consumed-Content-Encoding" in headers:
        return -1
    return int(headers["Content-Length"].partition(",")[0])


def ambiguity(headers: httputil.HTTPHeaders) -> EnfyraError | None:
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
    """

    def get_all(self) -> Iterable[tuple[str, str]]:
        """Give names and values."""
        return self.items()


def rendered_head(response: Response, correlation_id: str) -> bytes:
    """Give the head of an answer that has no headers of its own but, perhaps, an ETag.

    Example:
        >>> rendered_head(Response(200, b"{}"), "req_1").split(b"\\r\\n")[0]
        b'HTTP/1.1 200 OK'
    """
    beginning = _beginning(response.status, response.content_type)
    length = len(response.body)
    tag = response.headers.get("ETag")
    more = "" if tag is None else f"ETag: {tag}\r\n"
    head = f"{beginning}{correlation_id}\r\n{more}Content-Length: {length}\r\n\r\n"
    return head.encode("latin1")


def is_plain(headers: Mapping[str, str]) -> bool:
    """Say whether an answer with these headers of its own has a head that `rendered_head` gives.

    Example:
        >>> is_plain({}), is_plain({"ETag": '"1f"'}), is_plain({"Allow": "GET"})
        (True, True, False)
    """
    return not headers or (len(headers) == 1 and "ETag" in headers)


@lru_cache(256)
def _beginning(status: int, content_type: str) -> str:
    return (
        f"HTTP/1.1 {status} {reason(status)}\r\nContent-Type: {content_type}\r\n"
        "X-Content-Type-Options: nosniff\r\nX-Correlation-ID: "
    )


def reason(status: int) -> str:
    """Give the words for a status."""
    return http.client.responses.get(status, "Unknown")
