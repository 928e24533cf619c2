"""HTTP for scripts, which lets nobody into the server's own network.

A name is resolved here, every address that it leads to is checked, and the connection goes to one
of those addresses: a name that leads somewhere else a moment later gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, cast

import httpx

from ...errors import EnfyraError
from .addresses import Address, FetchAllowList, literal_address
from .bodies import TooLarge, as_text, read_as, read_body
from .outgoing import FetchOptions, Outgoing, port_of
from .requester import Budget

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
# Bytes of an error's body that are read, and characters that are told.
_ERROR_READ, _ERROR_TOLD = 8000, 1000
_AT_ONCE = 100
_RESOLVERS = 8


class Fetcher:
    """Fetches what scripts ask for.

    Args:
        allowed: The private hosts that scripts may fetch from.
        resolve: Gives the addresses that a name leads to; the default asks the system.
    """

    def __init__(
        self, allowed: FetchAllowList | None = None, *, resolve: Resolve | None = None
    ) -> None:
        self._allowed = allowed or FetchAllowList()
        # A slow name server must not keep others from their threads.
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="enfyra-resolve")
        self._resolve = resolve or self._ask_system
        self._transport: httpx.AsyncHTTPTransport | None = None
        self._making = asyncio.Lock()

    async def stop(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False)
        if self._transport is not None:
            await self._transport.aclose()

    async def fetch(self, url: str, options: FetchOptions, budget: Budget) -> Any:
        """Fetch, and give what is answered as JSON, text or Base64.

        Raises:
            EnfyraError: FETCH_FORBIDDEN, FETCH_FAILED, FETCH_TIMEOUT, BUDGET_EXCEEDED or
                INVALID_ARGUMENT.
        """
        request = Outgoing.of(url, options)
        try:
            async with asyncio.timeout(options.timeout_ms / 1000):
                return await self._follow(request, options, budget)
        except (TimeoutError, httpx.TimeoutException):
            raise EnfyraError(
                "FETCH_TIMEOUT",
                f"{request.url.host} took longer than {options.timeout_ms} ms",
                details={"host": request.url.host},
            ) from None

    async def _follow(self, request: Outgoing, options: FetchOptions, budget: Budget) -> Any:
        left = options.max_redirects
        while True:
            budget.take("fetches", most=options.max_requests)
            response = await self._send(request)
            try:
                location = response.headers.get("location")
                if response.status_code in _REDIRECTS and location is not None:
                    if not left:
                        raise _unexpected(
                            request, f"redirects more than {options.max_redirects} times"
                        )
                    left -= 1
                    request = request.redirected(response.status_code, location)
                    continue
                return await self._read(request, response, options, budget)
            except httpx.HTTPError as error:
                raise _unreachable(request, error) from None
            finally:
                await response.aclose()

    # -- sending --------------------------------------------------------------------------------

    async def _send(self, request: Outgoing) -> httpx.Response:
        async with self._making:
            if self._transport is None:
                # Making one reads the certificates of all authorities.
                self._transport = await asyncio.to_thread(_transport)
        fault: httpx.HTTPError | None = None
        for address in await self._addresses(request.url):
            try:
                return await self._transport.handle_async_request(_pinned(request, address))
            except httpx.ConnectError as error:
                fault = error
            except httpx.HTTPError as error:
                raise _unreachable(request, error) from None
        raise _unreachable(request, fault)

    async def _addresses(self, url: httpx.URL) -> list[Address]:
        """Give the addresses of a host, all of which scripts may connect to.

        Raises:
            EnfyraError: FETCH_FORBIDDEN, which does not tell what the addresses are.
        """
        host = url.raw_host.decode("ascii")
        literal = literal_address(host)
        if literal is not None:
            found = [literal]
        else:
            found = [ipaddress.ip_address(text) for text in await self._resolve(host, port_of(url))]
        if not found:
            raise EnfyraError("FETCH_FAILED", f"There is no host {host}", details={"host": host})
        if not all(self._allowed.permits(host, port_of(url), address) for address in found):
            raise EnfyraError(
                "FETCH_FORBIDDEN",
                f"{host} is not on the public internet",
                details={"host": host},
            )
        # A network without IPv6 is more common than one without IPv4.
        return sorted(set(found), key=lambda address: (address.version, int(address)))

    async def _ask_system(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except OSError:
            return []
        # An address with a zone is a link-local one, which `ip_address` keeps in mind.
        return [str(one[4][0]) for one in found]

    # -- reading --------------------------------------------------------------------------------

    async def _read(
        self, request: Outgoing, response: httpx.Response, options: FetchOptions, budget: Budget
    ) -> Any:
        def take(amount: int) -> None:
            budget.take("fetched bytes", amount, most=options.max_total_bytes)

        host = request.url.host
        failed = not response.is_success
        most = min(options.max_bytes, _ERROR_READ) if failed else options.max_bytes
        content_type = response.headers.get("content-type", "")
        announced = response.headers.get("content-length", "0")
        try:
            if not failed and request.method != "HEAD" and announced.isdigit():
                _refuse_announced(int(announced), most)
            # Not httpx's own reading, which unpacks a piece as a whole, however large that is.
            raw = cast("AsyncGenerator[bytes]", response.aiter_raw())
            async with aclosing(raw) as pieces:
                encoding = response.headers.get("content-encoding", "")
                body = await read_body(
                    pieces, "" if request.method == "HEAD" else encoding, most=most, take=take
                )
        except TooLarge as error:
            if not failed:
                raise _unexpected(
                    request, f"answered with more than {most} bytes", limit=most
                ) from None
            body = error.args[0]
        if failed:
            raise _unexpected(
                request,
                f"answered {response.status_code}",
                status=response.status_code,
                body=as_text(body, content_type)[:_ERROR_TOLD],
            )
        return read_as(options.response_type, body, content_type, host)


def _refuse_announced(size: int, most: int) -> None:
    if size > most:
        raise TooLarge(b"")


def _transport() -> httpx.AsyncHTTPTransport:
    # A connection is used once: one that goes to an address might else serve two names on it.
    limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0)
    return httpx.AsyncHTTPTransport(limits=limits)


def _pinned(request: Outgoing, address: Address) -> httpx.Request:
    """Give a request to an address that still says which host it is for."""
    url = request.url
    return httpx.Request(
        request.method,
        url.copy_with(host=str(address)),
        headers={
            "host": url.netloc.decode("ascii"),
            **request.headers,
            "accept-encoding": "gzip",
        },
        content=request.content or None,
        # The certificate has to be that of the name.
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
    )


def _unexpected(request: Outgoing, problem: str, **details: Any) -> EnfyraError:
    host = request.url.host
    return EnfyraError("FETCH_FAILED", f"{host} {problem}", details={"host": host, **details})


def _unreachable(request: Outgoing, error: httpx.HTTPError | None) -> EnfyraError:
    return _unexpected(request, f"cannot be reached ({type(error).__name__})")
