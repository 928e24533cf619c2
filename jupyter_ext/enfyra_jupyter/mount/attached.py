"""A central server: requests are passed on to it, and its answers back, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from logging import Logger
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from enfyra_kernel.encoding import decode_json, encode_json
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.lifecycle.messages import JSON, Request, Response, Stream, failure
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest

from enfyra_server.site import Site

ATTACHED_MAX_BODY = 256 << 20
# The central server gives up earlier, as its settings say.
UPLOAD_TIMEOUT = 3600.0
# Of one connection only, or Jupyter's own, or replaced by ours.
_NOT_PASSED_ON = frozenset(
    {"accept-encoding", "connection", "content-length", "cookie", "host", "keep-alive", "origin",
     "proxy-authenticate", "proxy-authorization", "referer", "te", "trailer", "transfer-encoding",
     "upgrade", "x-xsrftoken"}
)  # fmt: skip
_NOT_PASSED_BACK = frozenset(
    {"connection", "content-length", "content-type", "date", "keep-alive", "server", "set-cookie",
     "trailer", "transfer-encoding", "upgrade", "x-content-type-options", "x-correlation-id"}
)  # fmt: skip
_FORWARDED = ("x-forwarded-for", "x-forwarded-proto")
_LOCAL = frozenset({"/", "/docs", "/health"})
# A load or a stream of many rows may take as long as it takes.
_TIMEOUT = httpx.Timeout(None, connect=10.0)


class Attached:
    """Passes requests on to a central server.

    Args:
        url: Where it is.
        token: Its bearer token, which stands for whoever holds Jupyter's.
        prefix: The mount point here, without a slash at the end.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        prefix: str,
        log: Logger,
    ) -> None:
        # The central server has its own limit; this one keeps Jupyter from running full.
        self.max_body = ATTACHED_MAX_BODY
        self.upload_timeout = UPLOAD_TIMEOUT
        self._url = httpx.URL(url)
        self._token = token
        self._prefix = prefix
        self._log = log
        self._client: httpx.AsyncClient | None = None
        # The pages need no kernel; the document that they show comes from the central server.
        self._pages = Site(cast("Any", None), prefix)

    async def start(self) -> None:
        """Get ready; the central server may come up later."""
        # Reading the certificates takes a third of a second.
        certificates = await asyncio.to_thread(httpx.create_ssl_context)
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, verify=certificates)
        if self._token is None:
            self._log.warning(
                "ENFYRA_URL is set without ENFYRA_TOKEN: notebooks have no rights at %s", self._url
            )
        self._log.info("Enfyra's API at %s/ is that of %s", self._prefix, self._url)

    async def stop(self) -> None:
        """Close all connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    def shortcut(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None:
        """Give none: whose token it is only the central server can tell."""
        return None

    def knows(self, credential: str) -> bool:
        """Say that it may be Jupyter's."""
        return False

    async def answer(self, request: Request, *, holder: bool) -> Response:
        """Have the central server answer a request."""
        if request.path in _LOCAL or request.path.startswith("/static/"):
            return await self._pages.handle(request)
        if self._client is None:
            return failure(EnfyraError("SERVICE_UNAVAILABLE"), request)
        outgoing = self._outgoing(request, holder=holder)
        try:
            answer = await self._client.send(outgoing, stream=True)
        except httpx.HTTPError as error:
            return failure(self._unreachable(error), request)
        return await self._incoming(request, answer)

    # -- there ----------------------------------------------------------------------------------

    def _outgoing(self, request: Request, *, holder: bool) -> httpx.Request:
        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name not in _NOT_PASSED_ON
            and name not in _FORWARDED
            and not (holder and name == "authorization")
        ]
        headers = [*headers, *_forwarded(request)]
        if holder and self._token is not None:
            headers.append(("authorization", f"Bearer {self._token}"))
        target = self._url.path.rstrip("/") + request.path
        if request.query:
            target += f"?{request.query}"
        content = request.stream if request.stream is not None else request.body or None
        return httpx.Request(
            request.method,
            self._url.copy_with(raw_path=target.encode()),
            headers=[*headers, ("accept-encoding", "identity")],
            content=content,
        )

    def _unreachable(self, error: httpx.HTTPError) -> EnfyraError:
        self._log.warning("%s cannot be reached: %r", self._url, error)
        return EnfyraError(
            "UPSTREAM_ERROR",
            f"The central Enfyra server at {self._url} cannot be reached ({type(error).__name__})",
            hint="ENFYRA_URL says where it is",
        )

    # -- and back -------------------------------------------------------------------------------

    async def _incoming(self, request: Request, answer: httpx.Response) -> Response:
        headers = {
            name: value for name, value in answer.headers.items() if name not in _NOT_PASSED_BACK
        }
        if "location" in headers:
            headers["location"] = self._here(headers["location"])
        request.correlation_id = answer.headers.get("x-correlation-id", "")
        response = Response(
            answer.status_code, content_type=answer.headers.get("content-type", JSON),
            headers=headers,
        )  # fmt: skip
        if "content-length" not in answer.headers and request.method != "HEAD":
            response.stream = Stream(_relayed(answer), answer.aclose)
            return response
        try:
            response.body = b"".join([piece async for piece in answer.aiter_raw()])
        except httpx.HTTPError as error:
            return failure(self._unreachable(error), request)
        finally:
            await answer.aclose()
        if request.path == "/openapi.json" and answer.status_code == 200:
            response.body = _moved(response.body, self._prefix)
        return response

    def _here(self, location: str) -> str:
        """Give an address of the central server as one below the mount point."""
        parts = urlsplit(location)
        if parts.netloc and parts.netloc != self._url.netloc.decode():
            return location
        path = parts.path.removeprefix(self._url.path.rstrip("/"))
        return f"{self._prefix}{path}" + (f"?{parts.query}" if parts.query else "")


def _forwarded(request: Request) -> list[tuple[str, str]]:
    """Say who has called, as proxies do: behind what those in front of this one have said."""
    here = zip(_FORWARDED, (request.remote_ip, request.scheme), strict=True)
    return [
        (name, f"{request.headers[name]}, {value}" if name in request.headers else value)
        for name, value in here
    ]


async def _relayed(answer: httpx.Response) -> AsyncGenerator[bytes, None]:
    async for piece in answer.aiter_raw():
        yield piece


def _moved(document: bytes, prefix: str) -> bytes:
    """Have an OpenAPI document say where its server is from here."""
    content = decode_json(document)
    if isinstance(content, Mapping):
        return encode_json({**content, "servers": [{"url": prefix}]})
    return document
