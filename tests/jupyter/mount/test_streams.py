"""Bodies larger than memory, in both directions and on both ways."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest
from enfyra_kernel.errors import EnfyraError

ARROW = "application/vnd.apache.arrow.stream"
ROWS = 2_000
MIB = 1 << 20


def frame(batches: int, rows: int = ROWS, *, bad: int | None = None) -> Iterator[bytes]:
    """Give an Arrow stream piece by piece; one batch can hold a number too large for the column."""
    schema = pa.schema([("n", pa.int64()), ("text", pa.string())])
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        for number in range(batches):
            start = number * rows
            values = list(range(start, start + rows))
            if bad == number:
                values[0] = 2**40
            texts = ["x" * 500] * rows
            writer.write_batch(pa.record_batch([values, texts], schema=schema))
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    yield sink.getvalue()


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    # pyarrow imports pandas when it first sees a list, which would count as holding the loop.
    list(frame(1))


async def pieces(source: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in source:
        yield piece


@pytest.fixture(params=["jupyter", "enfyra"])
def headers(request: Any, jupyter: Any, login: Any, jp_asyncio_loop: Any) -> dict[str, str]:
    """Whoever holds the Jupyter token, then an Enfyra token: the two ways that requests take."""
    if request.param == "jupyter":
        return jupyter
    return jp_asyncio_loop.run_until_complete(login())


@pytest.fixture
def base(http_server_port: Any, jp_base_url: str, extension: Any) -> str:
    return f"http://127.0.0.1:{http_server_port[1]}{jp_base_url}enfyra"


@pytest.fixture
def client(base: str, headers: dict[str, str], jp_asyncio_loop: Any) -> Iterator[httpx.AsyncClient]:
    # Made beforehand: it reads certificates, which would count as holding the loop.
    client = httpx.AsyncClient(base_url=base, headers=headers, timeout=20, verify=False)
    yield client
    jp_asyncio_loop.run_until_complete(client.aclose())


@pytest.fixture
def item(send: Any, headers: Any, jp_asyncio_loop: Any) -> None:
    """A table to load into."""
    body = {
        "name": "item",
        "columns": [{"name": "n", "type": "int"}, {"name": "text", "type": "text"}],
    }
    answer = jp_asyncio_loop.run_until_complete(
        send("POST", "/table_definition", body, headers=headers)
    )
    assert answer.status == 201


@pytest.mark.usefixtures("item")
class TestLoading:
    async def test_reads_while_it_comes_in(self, client):
        answer = await client.post(
            "/item", content=pieces(frame(12)), headers={"Content-Type": ARROW}
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["data"]["rows"] == 12 * ROWS
        counted = await client.get("/item?limit=1&meta=totalCount")
        assert counted.json()["meta"]["totalCount"] == 12 * ROWS

    async def test_is_not_bound_by_jupyters_limit(self, client, http_server):
        http_server.conn_params.max_body_size = 3 * MIB
        answer = await client.post(
            "/item", content=pieces(frame(8)), headers={"Content-Type": ARROW}
        )
        assert answer.status_code == 201, answer.text

    @pytest.mark.parametrize("bad", [0, 5])
    async def test_answers_a_fault_though_more_is_coming(self, client, bad):
        # Whoever waits for room in the queue must not wait for ever when nobody reads any more.
        answer = await client.post(
            "/item", content=pieces(frame(30, bad=bad)), headers={"Content-Type": ARROW}
        )
        assert answer.status_code == 400, answer.text
        assert f"row {bad * ROWS}: n" in answer.json()["error"]["message"]
        counted = await client.get("/item?limit=1&meta=totalCount")
        assert counted.json()["meta"]["totalCount"] == 0

    async def test_answers_a_fault_of_the_columns(self, client):
        schema = pa.schema([("nn", pa.int64())])
        batch = pa.record_batch([pa.nulls(50_000, pa.int64())], schema=schema)
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, schema) as writer:
            for _ in range(20):
                writer.write_batch(batch)
        answer = await client.post(
            "/item", content=sink.getvalue(), headers={"Content-Type": ARROW}
        )
        assert answer.status_code == 400
        assert "Did you mean 'n'?" in answer.json()["error"]["message"]

    async def test_is_taken_back_when_the_sender_goes(self, client, extension):
        async def broken_off() -> AsyncIterator[bytes]:
            for number, piece in enumerate(frame(20)):
                if number == 10:
                    raise RuntimeError("gone")
                yield piece

        with pytest.raises(RuntimeError):
            await client.post("/item", content=broken_off(), headers={"Content-Type": ARROW})
        counted = await client.get("/item?limit=1&meta=totalCount")
        assert counted.json()["meta"]["totalCount"] == 0
        # And the table is not locked by what has been left behind.
        created = await client.post("/item", json={"n": 1})
        assert created.status_code == 201

    async def test_of_strangers_is_refused(self, client):
        del client.headers["Authorization"]
        answer = await client.post(
            "/item", content=pieces(frame(10)), headers={"Content-Type": ARROW}
        )
        assert answer.status_code == 401


@pytest.mark.usefixtures("item")
class TestReading:
    async def load(self, client: httpx.AsyncClient, batches: int) -> None:
        answer = await client.post(
            "/item", content=pieces(frame(batches)), headers={"Content-Type": ARROW}
        )
        assert answer.status_code == 201

    async def test_gives_all_rows(self, client):
        await self.load(client, 10)
        answer = await client.get("/item?sort=n&fields=n", headers={"Accept": ARROW})
        assert answer.headers["Content-Type"] == ARROW
        assert answer.headers["Transfer-Encoding"] == "chunked"
        table = pa.ipc.open_stream(answer.content).read_all()
        assert table.column("n").to_pylist() == list(range(10 * ROWS))

    async def test_breaks_off_when_something_fails(self, client, monkeypatch):
        # An Arrow stream may end anywhere between batches: only the connection tells.
        from enfyra_kernel.storage.sql.streams import Streams

        batches = Streams.batches

        async def failing(self: Any, *arguments: Any) -> AsyncIterator[Any]:
            number = 0
            async for batch in batches(self, *arguments):
                yield batch
                number += 1
                if number == 3:
                    raise EnfyraError("DATABASE_TIMEOUT")

        monkeypatch.setattr(Streams, "batches", failing)
        await self.load(client, 20)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/item?fields=n", headers={"Accept": ARROW})
        assert (await client.get("/item?limit=1")).status_code == 200

    async def test_stops_when_the_reader_goes(self, client, monkeypatch):
        from enfyra_kernel.storage.sql.streams import Streams

        ended = asyncio.Event()
        batches = Streams.batches

        async def watched(self: Any, *arguments: Any) -> AsyncIterator[Any]:
            try:
                async for batch in batches(self, *arguments):
                    yield batch
            finally:
                ended.set()

        monkeypatch.setattr(Streams, "batches", watched)
        await self.load(client, 30)
        async with client.stream("GET", "/item", headers={"Accept": ARROW}) as answer:
            await anext(answer.aiter_raw())
        async with asyncio.timeout(60):
            await ended.wait()
        assert (await client.post("/item", json={"n": 1})).status_code == 201


@pytest.mark.usefixtures("item")
class TestLargeBody:
    @pytest.fixture(autouse=True)
    def _limit(self, send: Any, headers: Any, jp_asyncio_loop: Any) -> None:
        """One megabyte; it holds as soon as it is set."""

        async def limit() -> None:
            settings = await send("GET", "/setting_definition", headers=headers)
            path = f"/setting_definition/{settings.data[0]['id']}"
            changed = await send("PATCH", path, {"maxRequestBodySize": 1}, headers=headers)
            assert changed.status == 200, changed.raw

        jp_asyncio_loop.run_until_complete(limit())

    async def test_is_refused_with_a_readable_answer(self, client):
        answer = await client.post(
            "/item",
            content=b'{"text":"' + b"x" * (3 * MIB) + b'"}',
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
        assert (await client.post("/item", json={"text": "short"})).status_code == 201

    async def test_without_end_is_cut_off(self, client):
        async def endless() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield b" " * MIB

        with pytest.raises(httpx.HTTPError):
            await client.post(
                "/item", content=endless(), headers={"Content-Type": "application/json"}
            )
        assert (await client.get("/item")).status_code == 200
