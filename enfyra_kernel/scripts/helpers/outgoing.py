"""A request that a script makes to another server, checked before it is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlencode

import httpx
import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...errors import EnfyraError, did_you_mean
from ...version import VERSION
from .requester import ALLOWED

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MOST_REDIRECTS = 3
LARGEST_BODY = 1_000_000
LONGEST_URL = 8000
FORM = "application/x-www-form-urlencoded"

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
# What belongs to the connection, which is not the script's.
_FORBIDDEN = frozenset(
    (
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te",
        "trailer", "transfer-encoding", "upgrade",
    )
)  # fmt: skip
# What may go along to another host that the first one names. A key may stand in any other header.
_HARMLESS = frozenset(("accept", "accept-language", "content-type", "user-agent"))

_Bytes = Annotated[int, Meta(ge=1, le=ALLOWED["fetched bytes"])]


class FetchOptions(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How to fetch.

    Attributes:
        body: A text, or a value that is sent as JSON (or as a form, if the headers say so).
        timeout_ms: Milliseconds for all of it, redirects included.
        max_bytes: Bytes that the answer may have when it is unpacked.
        max_requests: Requests, redirects included, that the scripts of this request may make.
        max_total_bytes: Bytes that they may fetch.
    """

    method: str = "GET"
    headers: dict[str, str | int] = {}
    query: dict[str, Any] = {}
    body: Any | UnsetType = UNSET
    timeout_ms: Annotated[int, Meta(ge=1, le=30_000)] = 8000
    max_bytes: _Bytes = 1_000_000
    max_redirects: Annotated[int, Meta(ge=0, le=MOST_REDIRECTS)] = MOST_REDIRECTS
    max_requests: Annotated[int, Meta(ge=1, le=ALLOWED["fetches"])] = ALLOWED["fetches"]
    max_total_bytes: _Bytes = ALLOWED["fetched bytes"]
    response_type: Literal["json", "text", "arrayBuffer"] = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One request.

    Attributes:
        headers: By their names in small letters.
    """

    method: str
    url: httpx.URL
    headers: dict[str, str]
    content: bytes = b""

    @classmethod
    def of(cls, url: str, options: FetchOptions) -> Outgoing:
        """Check what a script wants to send.

        Raises:
            EnfyraError: INVALID_ARGUMENT, or FETCH_FORBIDDEN for a scheme that is not of the web.
        """
        method = options.method.upper()
        if method not in METHODS:
            raise _invalid("method", f"there is no {method!r}.{did_you_mean(method, METHODS)}")
        address = parse_url(url)
        if options.query:
            address = address.copy_merge_params(_parameters(options.query))
        headers = _headers(options.headers)
        content = b""
        if options.body is not UNSET and options.body is not None:
            if method in {"GET", "HEAD"}:
                raise _invalid("body", f"a {method} request has none; put it into `query`")
            content = _content(options.body, headers)
        return cls(method=method, url=address, headers=headers, content=content)

    def redirected(self, status: int, location: str) -> Outgoing:
        """Give the request that follows a redirection, as browsers make it.

        To another origin nothing goes along that might be a key.
        """
        try:
            url = parse_url(str(self.url.join(location)))
        except (httpx.InvalidURL, ValueError):
            raise EnfyraError(
                "FETCH_FAILED", f"{self.url.host} redirects to an address that is malformed"
            ) from None
        method, content, headers = self.method, self.content, self.headers
        if status == 303 or (status in {301, 302} and method == "POST"):
            method = "HEAD" if method == "HEAD" else "GET"
            content = b""
            headers = {name: text for name, text in headers.items() if name != "content-type"}
        if _origin(url) != _origin(self.url):
            headers = {name: text for name, text in headers.items() if name in _HARMLESS}
        return replace(self, method=method, url=url, headers=headers, content=content)


def parse_url(text: str) -> httpx.URL:
    """Read an address of the web.

    Raises:
        EnfyraError: INVALID_ARGUMENT, or FETCH_FORBIDDEN for another scheme.
    """
    if len(text) > LONGEST_URL:
        raise _invalid("url", f"it has more than {LONGEST_URL} characters")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise _invalid("url", "it is malformed") from None
    if url.scheme not in {"http", "https"}:
        raise EnfyraError(
            "FETCH_FORBIDDEN", "Scripts fetch from http:// and https:// only", hint=""
        )
    if not url.host:
        raise _invalid("url", "it names no host")
    if url.userinfo:
        raise _invalid("url", "it has a user in it; send the header `authorization` instead")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise _invalid("url", f"there is no port {url.port}")
    return url.copy_with(fragment=None)


def port_of(url: httpx.URL) -> int:
    """Give the port that a request goes to.

    Example:
        >>> port_of(httpx.URL("https://example.com/"))
        443
    """
    return url.port or (443 if url.scheme == "https" else 80)


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, port_of(url)


def _parameters(query: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name, value in query.items():
        values = cast("list[Any]", value if isinstance(value, list) else [value])
        if any(isinstance(one, dict | list) for one in values):
            raise _invalid(
                "query", f"{name!r} must be a text, number or boolean, or a list of such"
            )
        if value is not None:
            parameters[name] = value
    return parameters


def _headers(given: dict[str, str | int]) -> dict[str, str]:
    headers = {"accept": "*/*", "user-agent": f"Enfyra-Kernel/{VERSION}"}
    for name, value in given.items():
        folded, text = name.lower(), str(value)
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(text) or not text.isascii():
            raise _invalid("headers", f"{name!r} is not a header as it may be sent")
        if folded in _FORBIDDEN or folded.startswith("proxy-"):
            raise _invalid("headers", f"{name!r} is not for scripts to set")
        headers[folded] = text
    return headers


def _content(body: Any, headers: dict[str, str]) -> bytes:
    if isinstance(body, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        content = body.encode()
    elif isinstance(body, dict) and headers.get("content-type", "").startswith(FORM):
        content = urlencode(body, doseq=True).encode()  # pyright: ignore[reportUnknownArgumentType]
    else:
        headers.setdefault("content-type", "application/json")
        content = msgspec.json.encode(body)
    if len(content) > LARGEST_BODY:
        raise _invalid("body", f"it has more than {LARGEST_BODY} bytes")
    return content


def _invalid(argument: str, problem: str) -> EnfyraError:
    return EnfyraError(
        "INVALID_ARGUMENT",
        f"helpers.fetch: {argument}: {problem}",
        details={"function": "helpers.fetch", "argument": argument},
    )
