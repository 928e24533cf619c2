"""Reads are spread over replicas that follow their primary by real streaming replication."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import ARROW
from enfyra_kernel.query.ast import EVERYTHING
from enfyra_kernel.storage.sql import arrow as arrow  # imported before a loop could be held up

from tests.api import Api
from tests.conftest import service_url
from tests.databases import PostgresqlDatabases
from tests.replication import (
    PASSWORD,
    Replication,
    all_in_use,
    caught_up,
    define_note,
    port_of,
    until,
    until_so,
)
from tests.services import PostgreSQLReplica

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def kernel(replication: Replication, replicated_uri: str) -> AsyncIterator[Kernel]:
    async with replication.kernel(replicated_uri) as kernel:
        await all_in_use(kernel)
        yield kernel


@pytest_asyncio.fixture
async def api(kernel: Kernel, replication: Replication, replicated_uri: str) -> Api:
    """The administrator's client, with the table `note`, when the replicas have it."""
    api = await Api(kernel).login()
    await define_note(api, replicated_uri, replication)
    await caught_up(api)
    return api


async def ports(api: Api, times: int = 12, **query: Any) -> list[int]:
    return [await port_of(api, **query) for _ in range(times)]


async def answered_by(api: Api, expected: set[int]) -> None:
    """Wait until these servers answer, and no other one."""

    async def so() -> bool:
        return set(await ports(api)) == expected

    await until_so(so)


async def titles(api: Api) -> list[str]:
    return [row["title"] for row in await api.rows("/note", sort="id", limit=0)]


# -- spreading ------------------------------------------------------------------------------------


async def test_reads_take_turns_at_the_replicas(api: Api, replication: Replication) -> None:
    # On a busy machine a replica may be behind what the caller has written, for a moment.
    async def in_turns() -> bool:
        found = await ports(api)
        return {found.count(port) for port in replication.ports} == {6}

    await until_so(in_turns)
    explained = await api.get("/note", explain="true")
    assert explained.status == 200


async def test_counts_and_streams_are_read_from_replicas(
    api: Api, replication: Replication
) -> None:
    async def counted() -> bool:
        answer = await api.get("/note", meta="*", fields="port")
        assert answer.body["meta"] == {"totalCount": 1, "filterCount": 1}
        return answer.row["port"] in replication.ports

    await until_so(counted)

    async def spread() -> bool:
        return {await _streamed_port(api) for _ in range(6)} == replication.ports

    await until_so(spread)


async def _streamed_port(api: Api) -> int:
    answer = await api.send("GET", "/note", headers={"accept": ARROW})
    assert answer.status == 200
    return pa.ipc.open_stream(answer.body).read_all().column("port")[0].as_py()


async def test_the_primary_takes_its_turn_if_it_shall(
    replication: Replication, replicated_uri: str
) -> None:
    async with replication.kernel(replicated_uri, db_read_from_master=True) as kernel:
        await all_in_use(kernel)
        api = await Api(kernel).login()
        await define_note(api, replicated_uri, replication)
        await caught_up(api)
        found = await ports(api)
        assert {port: found.count(port) for port in found} == dict.fromkeys(
            {*replication.ports, replication.primary.port}, 4
        )


async def test_system_tables_are_read_from_the_primary(api: Api, replication: Replication) -> None:
    await replication.pause()
    for number in range(2):
        body = {"email": f"u{number}@x.example", "password": "pw"}
        assert (await api.post("/user_definition", body)).status == 201
        # Somebody else, who has not written: he sees the new user all the same.
        other = await Api(api.kernel).login(f"u{number}@x.example", "pw")
        assert (await other.get("/me")).row["email"] == f"u{number}@x.example"


# -- one's own writes -----------------------------------------------------------------------------


async def test_nobody_reads_behind_what_he_wrote(api: Api, replication: Replication) -> None:
    """While replicas lag now and then, every read after a write has it."""
    answered: set[int] = set()
    for number in range(60):
        if number % 20 == 5:
            await replication.pause()
        if number % 20 == 15:
            await replication.resume()
            await caught_up(api)
        created = await api.create("/note", {"title": f"n{number}"})
        rows = await api.rows("/note", filter={"id": {"_eq": created["id"]}})
        assert [row["title"] for row in rows] == [f"n{number}"]
        answered.add(rows[0]["port"])
        answered.add(await port_of(api))
    await replication.resume()
    await caught_up(api)
    assert (await titles(api))[-1] == "n59"
    assert replication.primary.port in answered


async def test_commits_that_do_not_wait_for_the_disk_are_not_missed_either(
    replication: Replication, replicated_uri: str
) -> None:
    name = replicated_uri.rpartition("/")[2]
    await replication.execute(
        replication.primary.url, f"ALTER DATABASE {name} SET synchronous_commit = off"
    )
    async with replication.kernel(replicated_uri) as kernel:
        await all_in_use(kernel)
        api = await Api(kernel).login()
        await define_note(api, replicated_uri, replication)
        for number in range(100):
            await api.create("/note", {"title": f"n{number}"})
            rows = await api.rows("/note", sort="-id", limit=1)
            assert rows[0]["title"] == f"n{number}"
            await asyncio.sleep(0.01)
        await caught_up(api)


async def test_who_wrote_reads_from_the_primary_until_the_replicas_have_it(
    api: Api, replication: Replication
) -> None:
    await replication.pause()
    await api.create("/note", {"title": "second"})
    assert await titles(api) == ["first", "second"]
    assert set(await ports(api)) == {replication.primary.port}
    # It holds for another login of the same account, and not for somebody else.
    again = await Api(api.kernel).login()
    assert await titles(again) == ["first", "second"]
    assert await titles(api.anonymous) == ["first"]
    assert set(await ports(api.anonymous)) == replication.ports
    await replication.resume()
    await caught_up(api)
    assert await titles(api) == ["first", "second"]


async def test_what_a_request_decides_does_not_rest_on_old_data(
    api: Api, replication: Replication
) -> None:
    await api.define("config", "colour varchar", isSingleRecord=True)
    await api.publish("/config", "GET", "POST")
    await caught_up(api)
    await replication.pause()
    nobody = api.anonymous
    assert (await nobody.post("/config", {"colour": "red"})).status == 201
    assert (await nobody.get("/config")).data == []
    # The replicas do not have the record; the request looks at the primary.
    assert (await nobody.post("/config", {"colour": "blue"})).status == 400


async def test_code_of_the_process_reads_what_it_wrote(api: Api, replication: Replication) -> None:
    await replication.pause()
    notes = api.kernel.records.of("note")
    await notes.create({"title": "from Python"})
    assert [row["title"] for row in await notes.rows(EVERYTHING)] == ["first", "from Python"]


# -- definitions ----------------------------------------------------------------------------------


async def test_a_new_table_is_there_for_everybody_at_once(
    api: Api, replication: Replication
) -> None:
    await replication.pause()
    await api.define("fresh", "title varchar")
    await api.publish("/fresh", "GET")
    for _ in range(4):
        assert (await api.anonymous.get("/fresh")).data == []


async def test_what_a_replica_does_not_know_yet_is_asked_of_the_primary(
    api: Api, replication: Replication, replicated_uri: str
) -> None:
    """An instance that only looked at the definitions knows of no write that it has to wait for."""
    await replication.pause()
    await api.define("fresh", "title varchar")
    await api.publish("/fresh", "GET")
    await api.create("/fresh", {"title": "a"})
    async with replication.kernel(replicated_uri) as other:
        use_although_behind(other)
        nobody = Api(other)
        for _ in range(4):
            assert [row["title"] for row in (await nobody.get("/fresh")).data] == ["a"]
            streamed = await nobody.send("GET", "/fresh", headers={"accept": ARROW})
            table = pa.ipc.open_stream(streamed.body).read_all()
            assert table.column("title").to_pylist() == ["a"]


def use_although_behind(kernel: Kernel) -> None:
    """Have replicas take part that are not as far as the primary was at the start."""
    replicated = kernel.replicated
    assert replicated is not None
    for watch in replicated._watching:
        watch.cancel()
    for replica in replicated._replicas:
        replica.state, replica.has_all_before = "ok", 0.0


# -- replicas that go and come --------------------------------------------------------------------


async def test_a_killed_replica_is_left_out_and_comes_back(
    api: Api, replication: Replication, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stopped = asyncio.Event()
    statuses: list[int] = []

    async def client() -> None:
        while not stopped.is_set():
            statuses.append((await api.get("/note")).status)
            await asyncio.sleep(0)

    clients = [asyncio.ensure_future(client()) for _ in range(4)]
    victim, survivor = replication.replicas
    await asyncio.to_thread(victim.kill)
    await until(lambda: api.kernel.replica_states() == ["cannot be reached", "ok"])
    await caught_up(api)
    await answered_by(api, {survivor.port})
    await asyncio.to_thread(victim.launch)
    await all_in_use(api.kernel)
    await answered_by(api, replication.ports)
    stopped.set()
    await asyncio.gather(*clients)
    assert set(statuses) == {200}
    said = [(record.message, record.__dict__.get("server")) for record in caplog.records]
    name = f"postgresql://enfyra:***@127.0.0.1:{victim.port}/"
    changes = [message for message, server in said if server and server.startswith(name)]
    assert (changes[0], changes[-1]) == ("server left out", "server takes part")
    assert PASSWORD not in "".join(str(record.__dict__) for record in caplog.records)


async def test_without_any_replica_the_primary_answers(api: Api, replication: Replication) -> None:
    for replica in replication.replicas:
        await asyncio.to_thread(replica.kill)
    await answered_by(api, {replication.primary.port})
    assert await _streamed_port(api) == replication.primary.port
    assert api.kernel.replica_states() == ["cannot be reached"] * 2


@pytest.mark.parametrize("streamed", [False, True], ids=["page", "stream"])
async def test_a_read_that_waits_for_a_frozen_replica_is_answered_by_another(
    api: Api, replication: Replication, *, streamed: bool
) -> None:
    frozen, other = replication.replicas
    frozen.freeze()

    async def read(_: int) -> int:
        return await (_streamed_port(api) if streamed else port_of(api))

    async with asyncio.timeout(20):
        found = await asyncio.gather(*map(read, range(8)))
    assert set(found) <= {other.port, replication.primary.port}
    assert api.kernel.replica_states() == ["cannot be reached", "ok"]
    frozen.thaw()
    await all_in_use(api.kernel)
    await answered_by(api, replication.ports)


async def test_a_read_that_stands_in_the_way_of_replay_is_answered_by_the_primary(
    api: Api, replication: Replication, replicated_uri: str
) -> None:
    await replication.execute(
        replicated_uri,
        """
        CREATE OR REPLACE VIEW note AS SELECT id, title,
        CASE WHEN pg_is_in_recovery() THEN length(pg_sleep(30)::text) ELSE inet_server_port() END
        AS port, "createdAt", "updatedAt" FROM note_store
        """,
    )
    slow = "SELECT 1 FROM pg_views WHERE viewname = 'note' AND definition LIKE '%pg_sleep%'"
    ready = "SELECT 1 WHERE current_setting('max_standby_streaming_delay') = '0'"
    for replica in replication.replicas:
        there = replication.replica_uri(replica, replicated_uri)
        await until_so(lambda uri=there: replication.found(uri, slow))
        await _let_replay_win(replication, replica, "0")
        await until_so(lambda url=replica.url: replication.found(url, ready))
    # Reads of the kernel's own take turns as well, and what a vacuum replays ends a read, too: one
    # more is asked until one waits on every replica.
    reads: list[asyncio.Future[int]] = []
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"

    async def one_waits_on_each() -> bool:
        waits = [await replication.found(each.url, sleeping) for each in replication.replicas]
        if not all(waits) and sum(not read.done() for read in reads) < 8:
            reads.append(asyncio.ensure_future(port_of(api)))
        return all(waits)

    await until_so(one_waits_on_each)
    await replication.execute(replicated_uri, "ALTER TABLE note_store ADD COLUMN more int")
    assert await asyncio.gather(*reads) == [replication.primary.port] * len(reads)
    assert api.kernel.replica_states() == ["ok", "ok"]
    for replica in replication.replicas:
        await _let_replay_win(replication, replica, "'30s'")


async def _let_replay_win(replication: Replication, replica: PostgreSQLReplica, delay: str) -> None:
    await replication.execute(
        replica.url, f"ALTER SYSTEM SET max_standby_streaming_delay = {delay}"
    )
    await replication.execute(replica.url, "SELECT pg_reload_conf()")


async def test_a_replica_that_is_far_behind_is_left_out(
    replication: Replication, replicated_uri: str
) -> None:
    async with replication.kernel(replicated_uri, db_replica_max_lag=1) as kernel:
        await all_in_use(kernel)
        api = await Api(kernel).login()
        await define_note(api, replicated_uri, replication)
        await caught_up(api)
        await replication.pause()
        await api.create("/note", {"title": "second"})
        await until(lambda: set(kernel.replica_states()) == {"is more than 1 s behind"})
        assert await titles(api.anonymous) == ["first", "second"]
        await replication.resume()
        await all_in_use(kernel)
        await caught_up(api)
        assert set(await ports(api.anonymous)) == replication.ports


async def test_replicas_that_are_not_there_at_the_start_take_part_later(
    replication: Replication, replicated_uri: str
) -> None:
    late, other = replication.replicas
    await asyncio.to_thread(late.kill)
    async with replication.kernel(replicated_uri) as kernel:
        await until(lambda: kernel.replica_states() == ["cannot be reached", "ok"])
        api = await Api(kernel).login()
        await define_note(api, replicated_uri, replication)
        # One that is slow to answer a check is left out for a moment.
        await answered_by(api, {other.port})
        await asyncio.to_thread(late.launch)
        await all_in_use(kernel)
        await answered_by(api, replication.ports)


async def test_a_server_that_is_no_replica_is_left_out(
    replication: Replication, replicated_uri: str
) -> None:
    url = await asyncio.to_thread(service_url, "postgresql")
    databases = PostgresqlDatabases(url)
    stranger = await asyncio.to_thread(databases.empty)
    kernel = replication.kernel(replicated_uri, db_replica_uris=stranger)
    async with kernel:
        assert kernel.replica_states() == ["is not a replica"]
    await asyncio.to_thread(databases.drop, stranger)


async def test_idle_servers_stay_in_use_and_memory_of_writes_is_let_go(
    replication: Replication, replicated_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enfyra_kernel.storage.replicated.database._MARGIN", 0.0)
    async with replication.kernel(replicated_uri, db_replica_max_lag=1) as kernel:
        await all_in_use(kernel)
        replicated = kernel.replicated
        assert replicated is not None
        replicated.note_write("ann")
        assert len(replicated._writes) >= 1
        await until(lambda: len(replicated._writes) == 0)
        assert kernel.replica_states() == ["ok", "ok"]
