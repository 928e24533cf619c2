"""A step is tried in the cell it is written in: it does what it would, and nothing stays."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import Api

from .deck import flow, step

pytestmark = pytest.mark.asyncio


async def tried(api: Api, **body: Any) -> dict[str, Any]:
    answer = await api.post("/admin/test/run", {"kind": "flow_step", **body})
    assert answer.status == 200, answer.body
    return answer.row


async def test_a_script_is_tried_with_results_of_others(sqlite_api: Api) -> None:
    row = await tried(
        sqlite_api, type="script", sourceCode="print('hi')\nreturn @FLOW.a + @FLOW_PAYLOAD.n",
        results={"a": 1}, payload={"n": 2},
    )  # fmt: skip
    assert (row["success"], row["result"], row["logs"]) == (True, 3, ["hi"])
    failed = await tried(sqlite_api, type="script", sourceCode="return 1 / 0")
    assert (failed["success"], failed["result"]) == (False, None)
    assert "division" in failed["error"]["message"]


async def test_what_a_tried_step_writes_is_taken_back(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    await flow(api, "other", step("s", source="return 1"))
    made = await tried(api, type="create", config={
        "table": "post", "data": {"title": "{{ @FLOW_PAYLOAD }}"}}, payload="Hello")  # fmt: skip
    assert made["result"]["data"][0]["title"] == "Hello"
    assert made["touched"][0] == {"verb": "create", "table": "post", "records": 1}
    assert await api.rows("/post") == []
    begun = await tried(api, type="trigger_flow", config={"flow": "other", "payload": 5})
    assert begun["triggers"] == [{"flow": "other", "payload": 5}]
    slept = await tried(api, type="sleep", config={"ms": 50_000})
    assert slept["result"] == {"slept": 50_000}
    assert await api.rows("/flow_execution_definition") == []


async def test_a_python_step_is_tried_without_a_client(sqlite_api: Api) -> None:
    source = "print('hi')\nflow['a'] + flow['payload']['n']"
    known = {"type": "python", "results": {"a": 1}, "payload": {"n": 2}, "timeout": 30_000}
    row = await tried(sqlite_api, sourceCode=source, **known)
    assert (row["success"], row["result"], row["logs"]) == (True, 3, ["hi"])
    row = await tried(sqlite_api, sourceCode="client.get('/me')", **known)
    assert "`client` is not let in" in row["error"]["message"]


async def test_a_saved_step_is_tried_by_its_key(sqlite_api: Api) -> None:
    await flow(sqlite_api, "f", step("a", source="return @FLOW_PAYLOAD * 2"))
    assert (await tried(sqlite_api, flow="f", key="a", payload=4))["result"] == 8
    changed = await tried(
        sqlite_api, flow="f", key="a", payload=4, type="script", sourceCode="return 0"
    )
    assert changed["result"] == 0


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"type": "scrip"}, "Did you mean 'script'?"),
        ({"type": "query", "config": {}}, "config.table is required"),
        ({"type": "foreach", "config": {"items": []}}, "tried by the steps within it"),
        ({"type": "log", "paylod": 1}, "Did you mean 'payload'?"),
        ({"flow": "nothing", "key": "a"}, "There is no flow"),
    ],
)
async def test_a_wrong_trial_is_refused(
    sqlite_api: Api, body: dict[str, Any], problem: str
) -> None:
    answer = await sqlite_api.post("/admin/test/run", {"kind": "flow_step", **body})
    assert answer.status in {400, 404}
    assert problem in answer.message
