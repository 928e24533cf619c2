"""Servers with read replicas: what /health says, and what several instances know of each other."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from enfyra_kernel.kernel import Kernel

from enfyra_server.app import Server
from tests.api import Api
from tests.conftest import service_url
from tests.replication import Replication, all_in_use, caught_up, define_note, until
from tests.services import Redis

from .conftest import client_of

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def served(kernel: Kernel) -> AsyncIterator[httpx.AsyncClient]:
    server = Server(kernel)
    await server.start()
    client = await client_of(server)
    await all_in_use(kernel)
    yield client
    await client.aclose()
    await server.stop(grace=2)


async def test_a_dead_replica_is_named_and_takes_nobody_out_of_service(
    replication: Replication, replicated_uri: str
) -> None:
    kernel = replication.kernel(replicated_uri)
    async with served(kernel) as client:
        for path in ("/health", "/ready"):
            assert (await client.get(path)).json()["replicas"] == ["ok", "ok"]
        await asyncio.to_thread(replication.replicas[1].kill)
        await until(lambda: kernel.replica_states() != ["ok", "ok"])
        for path in ("/health", "/ready"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.json()["replicas"] == ["ok", "cannot be reached"]
        await asyncio.to_thread(replication.replicas[1].launch)
        await all_in_use(kernel)
        assert (await client.get("/health")).json() == {"status": "ok", "replicas": ["ok", "ok"]}


async def test_who_wrote_at_one_instance_reads_that_at_another(
    replication: Replication, replicated_uri: str, redis_url: str
) -> None:
    cluster = {"redis_uri": redis_url, "node_name": uuid.uuid4().hex, "refresh_interval": 3600}
    one, two = (replication.kernel(replicated_uri, **cluster) for _ in range(2))
    async with served(one) as first, served(two) as second:
        await define_note(await Api(one).login(), replicated_uri, replication)
        await until(lambda: "note" in two.registry.current.tables)
        await caught_up(await Api(two).login())
        await replication.pause()
        for number in range(50):
            created = await first.post("/note", json={"title": f"n{number}"})
            assert created.status_code == 201
            read = await second.get("/note", params={"sort": "-id", "limit": 1})
            assert read.json()["data"][0]["title"] == f"n{number}"
        # Somebody else is served by the replicas, which do not have it yet.
        nobody = httpx.AsyncClient(base_url=second.base_url, verify=False)
        rows = (await nobody.get("/note", params={"limit": 0})).json()["data"]
        assert [row["title"] for row in rows] == ["first"]
        await nobody.aclose()


@pytest.mark.may_block
async def test_after_redis_was_away_nobody_reads_what_is_old(
    replication: Replication, replicated_uri: str
) -> None:
    service_url("redis")
    redis = Redis()
    redis.start()
    cluster = {"redis_uri": redis.url, "refresh_interval": 3600}
    one, two = (replication.kernel(replicated_uri, **cluster) for _ in range(2))
    async with served(one) as first, served(two) as second:
        await define_note(await Api(one).login(), replicated_uri, replication)
        await until(lambda: "note" in two.registry.current.tables)
        await caught_up(await Api(two).login())
        await replication.pause()
        redis.kill()
        # Its message is lost, and the writer is answered all the same.
        assert (await first.post("/note", json={"title": "second"})).status_code == 201
        redis.launch()
        replicated = two.replicated
        assert replicated is not None
        before = replicated._writes.last(None)
        await until(lambda: replicated._writes.last(None) > before)
        rows = (await second.get("/note", params={"limit": 0})).json()["data"]
        assert [row["title"] for row in rows] == ["first", "second"]
    redis.stop()
