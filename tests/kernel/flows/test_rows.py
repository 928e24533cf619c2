"""Flows that could not run are refused when they are saved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import Api

from .deck import flow, ran, results, step

pytestmark = pytest.mark.asyncio


@pytest.fixture
def api(sqlite_api: Api) -> Api:
    return sqlite_api


WRONG: list[tuple[dict[str, Any], str]] = [
    (step("a", "scrip", "return 1"), "type must be one of"),
    (step("a", "scrip", "return 1"), "Did you mean 'script'?"),
    (step("a"), "sourceCode is required"),
    (step("payload", source="return 1"), "already means something"),
    (step("items", source="return 1"), "already means something"),
    (step("a b", source="return 1"), "must match"),
    (step("a", "query", config={"tabel": "x"}), "Did you mean 'table'?"),
    (step("a", "query"), "config.table is required"),
    (step("a", "update", config={"table": "x", "data": {}}), "needs one of id, filter"),
    (step("a", "query", config={"table": "pots"}), "step 'a': there is no table 'pots'"),
    (step("a", source="return 1", timeout=0), "timeout must be a number"),
    (step("a", source="return 1", retries=1), "retries is not allowed"),
    ({**step("a", source="return 1"), "then": []}, "a script step has none"),
]


@pytest.mark.parametrize(("wrong", "problem"), WRONG)
async def test_a_wrong_step_is_refused(api: Api, wrong: dict[str, Any], problem: str) -> None:
    answer = await api.send("PUT", "/admin/flow/x", {"steps": [wrong]})
    assert (answer.status, problem in answer.message) == (400, True), answer.message
    assert await api.rows("/flow_definition") == []


@pytest.mark.parametrize(
    "wrong",
    [
        step("a", source="return ("),
        step("a", source="import os"),
        step("a", "log", config={"message": "{{ 1 + }}"}),
        step("a", "python", "def ("),
    ],
)
async def test_a_source_that_cannot_run_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    answer = await api.send("PUT", "/admin/flow/x", {"steps": [wrong]})
    assert (answer.status, answer.code) == (422, "SCRIPT_SYNTAX_ERROR")


TRIGGERS: list[tuple[str, Any, str]] = [
    ("schedule", {}, "needs one of cron, interval and at"),
    ("schedule", {"cron": "0 2 * *"}, "5 fields"),
    ("schedule", {"cron": "61 2 * * *"}, "cron:"),
    (
        "schedule",
        {"cron": "0 2 * * *", "timezone": "Europe/Berln"},
        "Did you mean 'Europe/Berlin'?",
    ),
    ("schedule", {"interval": 0}, "interval must be seconds"),
    ("schedule", {"at": "soon"}, "at must be an instant"),
    ("schedule", {"cron": "0 2 * * *", "mised": "all"}, "Did you mean 'missed'?"),
    ("webhook", {"path": "a/b"}, "needs a path"),
    ("webhook", {"path": "a", "secret": "short"}, "8 characters"),
    ("event", {"table": "pots"}, "needs a table that there is"),
    ("event", {"table": "user_definition"}, "belongs to the system"),
    ("flow", {}, "name it"),
    ("flow", {"flow": "x", "on": ["done"]}, "'done' is none of"),
    ("manual", 5, "must be an object"),
]


@pytest.mark.parametrize(("kind", "config", "problem"), TRIGGERS)
async def test_a_wrong_trigger_is_refused(api: Api, kind: str, config: Any, problem: str) -> None:
    body = {"triggerType": kind, "triggerConfig": config}
    answer = await api.send("PUT", "/admin/flow/x", body)
    assert (answer.status, problem in answer.message) == (400, True), answer.message
    answer = await api.post("/flow_definition", {"name": "x", **body})
    assert (answer.status, problem in answer.message) == (400, True), answer.message


async def test_rows_are_checked_as_whole_flows_are(api: Api) -> None:
    made = await api.create("/flow_definition", {"name": "rows"})
    wrong = await api.post("/flow_step_definition", {"flow": "rows", **step("a", "query")})
    assert "config.table is required" in wrong.message
    row = step("a", "query", config={"table": "user_definitio"})
    wrong = await api.post("/flow_step_definition", {"flow": "rows", **row})
    assert "Did you mean 'user_definition'?" in wrong.message
    assert (
        "Did you mean 'rows'?"
        in (
            await api.post("/flow_step_definition", {"flow": "row", **step("a", source="return 1")})
        ).message
    )
    one = await api.create(
        "/flow_step_definition", {"flow": "rows", **step("a", "condition", "return 1")}
    )
    unbranched = {"flow": "rows", "parent": "a", **step("b", source="return 2")}
    assert "branch must be" in (await api.post("/flow_step_definition", unbranched)).message
    await api.create("/flow_step_definition", {**unbranched, "branch": "true"})
    broken = await api.patch(f"/flow_step_definition/{one['id']}", {"sourceCode": "return ("})
    assert broken.code == "SCRIPT_SYNTAX_ERROR"
    row = await ran(api, str(made["id"]))
    assert results(row) == {"a": True, "b": 2}
    nested = await api.post("/flow_definition", {"name": "n", "steps": [step("a")]})
    assert "PUT /admin/flow/:name" in str(nested.body)


async def test_a_flow_written_again_keeps_the_ids_of_its_steps(api: Api) -> None:
    first = await flow(api, "f", step("a", source="return 1"), step("b", source="return 2"))
    second = await flow(
        api, "f", step("b", source="return 3"), step("c", source="return 4"), description="new"
    )
    ids = {one["key"]: one["id"] for one in first["steps"]}
    again = {one["key"]: one["id"] for one in second["steps"]}
    assert (again["b"], set(again)) == (ids["b"], {"b", "c"})
    assert (second["id"], second["description"]) == (first["id"], "new")
    assert results(await ran(api, "f")) == {"b": 3, "c": 4}


async def test_flows_are_for_administrators(api: Api) -> None:
    await flow(api, "mine", step("a", source="return 1"))
    for method, path in (
        ("POST", "/admin/flow/trigger/mine"), ("PUT", "/admin/flow/x"),
        ("GET", "/flow_definition"), ("GET", "/flow_execution_definition"),
        ("GET", "/admin/flow/schedule"),
    ):  # fmt: skip
        assert (
            await api.anonymous.send(method, path, {} if method != "GET" else None)
        ).status == 401
