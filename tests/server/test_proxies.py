"""Guards behind a proxy, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel

from enfyra_server.app import Server
from tests.databases import settings

from .conftest import client_of

pytestmark = pytest.mark.asyncio

CLIENT = {"X-Forwarded-For": "192.0.2.7"}
SPOOFED = {"X-Forwarded-For": "192.0.2.7, 198.51.100.1"}


async def answers(uri: str, **more: Any) -> list[int]:
    """Give the statuses of a request with and without forged headers, where one network may."""
    server = Server(Kernel(settings(uri, **more)))
    await server.start()
    http = await client_of(server)
    try:
        guard = {"name": "door", "position": "post_auth", "route": "/me"}
        assert (await http.post("/guard_definition", json=guard)).status_code == 201
        rule = {"guard": "door", "type": "ip_whitelist", "config": {"ips": ["192.0.2.0/24"]}}
        assert (await http.post("/guard_rule_definition", json=rule)).status_code == 201
        return [
            (await http.get("/me", headers=headers)).status_code
            for headers in (CLIENT, SPOOFED, {}, {"Forwarded": "for=192.0.2.7"})
        ]
    finally:
        await http.aclose()
        await server.stop(grace=2)


async def test_nobody_is_believed_unless_told(sqlite_uri: str) -> None:
    assert await answers(sqlite_uri) == [403, 403, 403, 403]


async def test_a_trusted_proxy_is_believed(sqlite_uri: str) -> None:
    assert await answers(sqlite_uri, trusted_proxies="127.0.0.1") == [200, 403, 403, 403]


async def test_with_the_standards_header(sqlite_uri: str) -> None:
    told = {"trusted_proxies": "127.0.0.0/8", "proxy_header": "Forwarded"}
    assert await answers(sqlite_uri, **told) == [403, 403, 403, 200]
