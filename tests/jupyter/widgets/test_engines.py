"""Widgets on databases that differ from SQLite in keys, cases, and the order of what is in JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel

from enfyra_jupyter import show
from enfyra_jupyter.client import Client
from enfyra_jupyter.connection import connect
from enfyra_jupyter.schema import Schema
from enfyra_jupyter.widgets.candidates import PAGE, Candidates
from enfyra_server.app import Server
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD, settings

pytestmark = [pytest.mark.asyncio, pytest.mark.may_block]

NAMES = ["Ann", "annabel", "ANNIKA", "Joann", "Änne", "<b>Bob</b>", None]
PERSON = {
    "name": "person",
    "columns": [
        {"name": "name", "type": "varchar"},
        {"name": "worth", "type": "decimal", "options": {"precision": 8, "scale": 2}},
        {"name": "born", "type": "date"},
        {"name": "seen", "type": "datetime"},
        {"name": "weight", "type": "float"},
        {"name": "live", "type": "boolean"},
        {"name": "badge", "type": "uuid"},
    ],
    "relations": [{"propertyName": "friend", "type": "many-to-one", "targetTable": "person"}],
}


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mongodb"], indirect=True)
async def test_each_database_shows_the_same(database_uri: str) -> None:
    server = Server(Kernel(settings(database_uri)))
    await server.start()
    try:
        await asyncio.to_thread(use, f"http://127.0.0.1:{server.port}")
    finally:
        await server.stop(grace=2)


def use(url: str) -> None:
    with connect(url, email=ADMIN_EMAIL, password=ADMIN_PASSWORD) as client:
        client.post("/table_definition", PERSON)
        client.post("/person", [
            {
                "name": name, "worth": f"{n}.25", "born": f"2024-{1 + n:02}-03", "weight": n / 3,
                "seen": f"2024-01-0{1 + n}T12:30:00Z", "live": n % 3 == 0,
                "badge": f"0b5f7a52-0d7c-4f4e-8d2f-1c1f4f5a9e1{n}",
            }
            for n, name in enumerate(NAMES)
        ])  # fmt: skip
        pick(client)
        profile(client)
        design(client)


def pick(client: Client) -> None:
    person = Candidates(client, Schema.of(client.get("/metadata")["data"]).tables["person"])
    found = person.search("ann")["rows"]
    # Those that begin with it come first, in the database's own order.
    assert {one["label"] for one in found[:3]} == {"ANNIKA", "Ann", "annabel"}
    assert {one["label"] for one in found[3:]} == {"Joann", "Änne"}
    (key,) = {one["key"] for one in found if one["label"] == "Joann"}
    assert person.search(key)["rows"] == [{"key": key, "label": "Joann"}]
    assert person.record(key)["name"] == "Joann"
    client.post("/person", [{"name": f"Many {n:03}", "friend": key} for n in range(PAGE + 5)])
    first = person.search("many")
    rest = person.search("many", first["next"])
    assert [one["label"] for one in [*first["rows"], *rest["rows"]]] == [
        f"Many {n:03}" for n in range(PAGE + 5)
    ]
    assert rest["next"] is None
    builder = show.build(client, "person")
    condition = {"field": "friend.id", "operator": "_eq", "value": key}
    draft = {**builder.draft, "filters": [condition]}
    assert asked(builder, "look", draft=draft)["total"] == PAGE + 5
    client.send("DELETE", "/person", params={"filter": {"name": {"_starts_with": "Many"}}})


def profile(client: Client) -> None:
    widget = show.profile(client, "person")
    assert widget.first["rows"] == len(NAMES)
    for one in widget.first["columns"]:
        assert sum(bar["count"] for bar in one["bars"]) + one["nulls"] >= 5, one["name"]
        for bar in one["bars"]:
            condition = {"field": one["name"], "text": bar["label"], "filter": bar["filter"]}
            seen = asked(widget, "look", names=[], conditions=[condition])
            assert seen["rows"] == bar["count"], (one["name"], bar)
        more = asked(widget, "values", name=one["name"], conditions=[])
        assert sum(bar["count"] for bar in more) == len(NAMES), one["name"]


def design(client: Client) -> None:
    widget = show.design(client, "person")
    said = asked(widget, "preview", draft=widget.base)
    assert (said["lines"], said["changes"], said["problems"]) == ([], False, [])
    assert "worth: decimal(8, 2)" in said["cell"]


def asked(part: Any, action: str, **given: Any) -> Any:
    answer = part.answered({"id": "1", "action": action, "given": given})
    assert "error" not in answer, answer
    return answer["value"]
