"""Steps and alerts that call other servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import settings

from .deck import flow, ran, results, step, until

pytestmark = pytest.mark.asyncio


class Elsewhere(NamedTuple):
    """Another server, which answers `/no` with 418 and all else with what was sent."""

    port: int
    asked: list[tuple[str, Any]]


@pytest_asyncio.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    asked: list[tuple[str, Any]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [line[16:] for line in head.lower().splitlines() if line.startswith("content-l")]
        body = await reader.readexactly(int(lengths[0])) if lengths else b"null"
        path = head.split(" ")[1]
        asked.append((path, json.loads(body)))
        status = "418 Teapot" if path == "/no" else "200 OK"
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield Elsewhere(server.sockets[0].getsockname()[1], asked)


async def test_steps_and_alerts_reach_other_servers(sqlite_uri: str, elsewhere: Elsewhere) -> None:
    url = f"http://127.0.0.1:{elsewhere.port}"
    given = settings(sqlite_uri, fetch_allow=(f"127.0.0.1:{elsewhere.port}",))
    async with Kernel(given) as kernel:
        api = await Api(kernel).login()
        await flow(
            api, "calls",
            step("yes", "http", config={
                "url": f"{url}/yes", "method": "POST", "body": {"n": "{{ @FLOW_PAYLOAD }}"}}),
            step("no", "http", config={"url": f"{url}/no"}),
            step("fail", source="@THROW400('enough')"),
            alertConfig={"webhook": f"{url}/alert"},
        )  # fmt: skip
        row = await ran(api, "calls", 5)
        assert results(row)["yes"] == {"status": 200, "data": {"n": 5}}
        assert results(row)["no"]["status"] == 418
        await until(lambda: len(elsewhere.asked) == 3)
        path, told = elsewhere.asked[2]
        assert (path, told["flow"], told["status"]) == ("/alert", "calls", "failed")
        assert (told["executionId"], told["error"]["message"]) == (row["id"], "enough")


async def test_an_alert_is_sent_again_where_nobody_answers(sqlite_api: Api) -> None:
    """Until it is taken; what is refused for good is not sent again."""
    alerts = sqlite_api.kernel.flows.alerts
    answers: list[EnfyraError | None] = [
        EnfyraError("FETCH_TIMEOUT"), EnfyraError("FETCH_FAILED", details={"status": 503}), None,
        EnfyraError("FETCH_FAILED", details={"status": 404}),
    ]  # fmt: skip
    told: list[Any] = []
    waited: list[float] = []

    async def post(url: str, payload: Any) -> None:
        told.append(payload["executionId"])
        if (answer := answers.pop(0)) is not None:
            raise answer

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    alerts._post, alerts.pause = post, pause
    await flow(sqlite_api, "fails", step("a", source="@THROW400('enough')"),
               alertConfig={"webhook": "https://example.com/"})  # fmt: skip
    first = await ran(sqlite_api, "fails")
    await until(lambda: len(told) == 3)
    second = await ran(sqlite_api, "fails")
    await until(lambda: len(told) == 4)
    await alerts.stop(grace=5)
    assert told == [first["id"]] * 3 + [second["id"]]
    assert len(waited) == 2
    assert waited == sorted(waited)


async def test_the_servers_own_network_is_out_of_reach(
    sqlite_api: Api, elsewhere: Elsewhere
) -> None:
    url = f"http://127.0.0.1:{elsewhere.port}/"
    await flow(sqlite_api, "in", step("a", "http", config={"url": url}),
               alertConfig={"webhook": url})  # fmt: skip
    row = await ran(sqlite_api, "in")
    assert (row["status"], row["error"]["code"]) == ("failed", "FETCH_FORBIDDEN")
    assert elsewhere.asked == []
