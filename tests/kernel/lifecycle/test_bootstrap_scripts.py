"""Bootstrap scripts run once for a cluster: when it comes up, and when one of them changes."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle import bootstrap_scripts as module

from tests.api import Api
from tests.databases import settings

pytestmark = pytest.mark.asyncio

TABLE = "/bootstrap_script_definition"
RUN = "/admin/bootstrap/run"


def writing(text: str) -> str:
    return f'await @REPOS.note.create({{"data": {{"text": "{text}"}}}})'


async def script(api: Api, name: str, source: str, **more: Any) -> Any:
    return await api.create(TABLE, {"name": name, "sourceCode": source, **more})


async def texts(api: Api) -> list[str]:
    return [row["text"] for row in await api.rows("/note", sort="id", limit=0)]


async def until_texts(api: Api, expected: list[str]) -> None:
    async with asyncio.timeout(60):
        while await texts(api) != expected:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def test_they_run_by_priority_at_the_start_and_after_a_change(sqlite_uri: str) -> None:
    async with Kernel(settings(sqlite_uri)) as kernel:
        api = await Api(kernel).login()
        await api.define("note", "text varchar")
        await script(api, "off", writing("off"), priority=-1, isEnabled=False)
        first = await script(api, "first", writing("one"), priority=0)
        await until_texts(api, ["one"])
        # All of them run again: nobody knows what they have in common.
        await script(api, "broken", "raise ValueError('on purpose')", priority=1)
        await until_texts(api, ["one", "one"])
        await script(api, "last", writing("two"), priority=2)
        await until_texts(api, ["one", "one", "one", "two"])
        # What is not a script's row changes nothing; neither does looking.
        await api.rows(TABLE)
    async with Kernel(settings(sqlite_uri)) as kernel:
        api = await Api(kernel).login()
        expected = ["one", "one", "one", "two", "one", "two"]
        await until_texts(api, expected)
        await api.patch(f"{TABLE}/{first['id']}", {"sourceCode": writing("three")})
        await until_texts(api, [*expected, "three", "two"])
        assert (await api.delete(f"{TABLE}/{first['id']}")).status == 200
        await until_texts(api, [*expected, "three", "two", "two"])


async def test_an_administrator_runs_them_and_is_told_how_it_went(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = sqlite_api
    await api.define("note", "text varchar")
    answer = await api.post(RUN, {})
    assert (answer.status, answer.data) == (200, [])
    source = f"@LOGS('begins')\n{writing('written')}"
    await script(api, "b", source, priority=1)
    await script(api, "a", "x = 1\nraise ValueError('on purpose')")
    await until_texts(api, ["written", "written"])
    ran = (await api.post(RUN, {})).data
    assert [one["name"] for one in ran] == ["a", "b"]
    assert ran[0]["error"] is not None
    assert "on purpose" in ran[0]["error"]
    assert "line 2" in ran[0]["error"]
    assert (ran[1]["error"], ran[1]["logs"]) == (None, ["begins"])
    assert len(await texts(api)) == 3

    monkeypatch.setattr(module, "SHORT", 0.0)
    async with api.kernel.locks.hold("bootstrap-script-execution", ttl=30):
        answer = await api.post(RUN, {})
    assert (answer.status, answer.code) == (423, "LOCK_HELD")
    await api.create("/user_definition", {"email": "a@example.com", "password": "secret-1"})
    ann = await api.anonymous.login("a@example.com", "secret-1")
    assert (await ann.post(RUN, {})).status == 403


async def test_a_script_that_cannot_run_is_not_saved(sqlite_api: Api) -> None:
    answer = await sqlite_api.post(TABLE, {"name": "a", "sourceCode": "if"})
    assert (answer.status, answer.code) == (422, "SCRIPT_SYNTAX_ERROR")
    answer = await sqlite_api.post(TABLE, {"name": "a"})
    assert answer.status == 400
    assert answer.body["message"] == ["sourceCode is required"]


async def test_of_several_instances_one_runs_them(sqlite_uri: str, redis_url: str) -> None:
    own: Any = {"redis_uri": redis_url, "node_name": uuid.uuid4().hex}
    async with Kernel(settings(sqlite_uri)) as kernel:
        api = await Api(kernel).login()
        await api.define("note", "text varchar")
        made = await script(api, "a", writing("one"))
        await until_texts(api, ["one"])
    async with (
        Kernel(settings(sqlite_uri, **own)) as one,
        Kernel(settings(sqlite_uri, **own)) as two,
    ):
        api, peer = await Api(one).login(), await Api(two).login()
        await until_texts(api, ["one", "one"])
        await peer.patch(f"{TABLE}/{made['id']}", {"sourceCode": writing("two")})
        await until_texts(api, ["one", "one", "two"])
        # Both have been told, and one of them has found it done: then only may it be counted.
        async with one.locks.hold("bootstrap-script-execution", ttl=30, wait=20):
            assert await texts(api) == ["one", "one", "two"]
    # The one that ran them last may be gone: a new cluster runs them.
    async with Kernel(settings(sqlite_uri, **own)) as again:
        api = await Api(again).login()
        await until_texts(api, ["one", "one", "two", "two"])
