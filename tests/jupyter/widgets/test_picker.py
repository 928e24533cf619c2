"""The relation picker: what it finds of a table, and how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from enfyra_jupyter.client import Client
from enfyra_jupyter.credentials import Token
from enfyra_jupyter.schema import Schema
from enfyra_jupyter.widgets import candidates as module
from enfyra_jupyter.widgets.candidates import PAGE, Candidates, key_in, label_of, next_text
from tests.jupyter.conftest import Server, drop_tables

NAMES = ["Ann", "annabel", "ANNIKA", "Joann", "Änne", "<b>Bob</b>", None]


@pytest.fixture(scope="module")
def people(server: Server) -> Iterator[Client]:
    """A table `person` with a few names, and many that begin with the same."""
    with Client(server.api, Token(server.token, "token")) as client:
        client.post("/table_definition", {
            "name": "person",
            "columns": [
                {"name": "note", "type": "text"},
                {"name": "name", "type": "varchar"},
                {"name": "secret", "type": "varchar", "isEncrypted": True},
            ],
            "indexes": [["name"]],
        })  # fmt: skip
        client.post("/table_definition", {
            "name": "badge", "columns": [{"name": "number", "type": "int"}],
            "relations": [
                {"propertyName": "owner", "type": "many-to-one", "targetTable": "person"}
            ],
        })  # fmt: skip
        client.post("/person", [{"name": name} for name in NAMES])
        client.post("/person", [{"name": f"Many {n:03}"} for n in range(2 * PAGE + 5)])
        yield client
        drop_tables(client)


@pytest.fixture
def found(people: Client) -> Candidates:
    return Candidates(people, Schema.of(people.get("/metadata")["data"]).tables["person"])


def labels(answer: dict[str, Any]) -> list[str]:
    return [one["label"] for one in answer["rows"]]


def test_what_begins_with_it_comes_first(found: Candidates) -> None:
    assert found.label == "name"
    assert labels(found.search("ann")) == ["ANNIKA", "Ann", "annabel", "Joann", "Änne"]
    assert labels(found.search(" <b>b ")) == ["<b>Bob</b>"]
    assert found.search("3")["rows"][0] == {"key": "3", "label": "ANNIKA"}
    assert found.search("nobody") | {"total": 0} == {
        "rows": [], "next": None, "wide": None, "total": 0,
    }  # fmt: skip


def test_page_by_page(found: Candidates) -> None:
    answer = found.search("many")
    pages = [labels(answer)]
    while answer["next"]:
        answer = found.search("many", answer["next"])
        pages.append(labels(answer))
    assert [len(one) for one in pages] == [PAGE, PAGE, 5]
    assert len({name for one in pages for name in one}) == 2 * PAGE + 5
    # Without a text, all of them, page by page as well.
    assert len(found.search("")["rows"]) == PAGE


def test_a_large_table_is_not_looked_through_unasked(
    found: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FEW", 10)
    sent = list[Any]()
    monkeypatch.setattr(found._client._http, "event_hooks", {"request": [sent.append]})
    answer = found.search("ann")
    assert labels(answer) == ["ANNIKA", "Ann", "annabel"]
    assert len(sent) == 1
    assert "_contains" not in str(sent[0].url)
    assert labels(found.search("ann", answer["wide"])) == ["Joann", "Änne"]
    assert len(sent) == 2


def test_the_label_that_is_likely(people: Client) -> None:
    tables = Schema.of(people.get("/metadata")["data"]).tables
    assert label_of(tables["badge"]) is None
    badges = Candidates(people, tables["badge"])
    assert badges.search("ann")["rows"] == []
    assert badges.search("99")["rows"] == []
    assert label_of(tables["user_definition"]) == "email"


def test_keys_and_ends() -> None:
    assert key_in("bigint", str(2**62)) == 2**62
    assert key_in("int", "-1") is key_in("int", "²") is key_in("varchar", "x") is None
    assert key_in("uuid", "0b5f7a52-0d7c-4f4e-8d2f-1c1f4f5a9e11") is not None
    assert next_text("a\ud7ff") == "a\ue000"
    assert next_text(chr(0x10FFFF)) > chr(0x10FFFF)


def test_a_record_is_chosen(people: Client, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enfyra_jupyter.widgets.shelf.running_cell", lambda: "a")
    who = shell.run("%enfyra pick person")
    assert (who.value, repr(who)) == (None, "No record of person is chosen")

    def ask(action: str, **given: Any) -> Any:
        answer = who.answered({"id": "1", "action": action, "given": given})
        return answer.get("value", answer.get("error"))

    assert ask("candidates", text="<b>")["rows"] == [{"key": "6", "label": "<b>Bob</b>"}]
    fields = ask("choose", key="6")
    assert ["name", "<b>Bob</b>"] in fields
    assert (who.value, who.record["name"]) == (6, "<b>Bob</b>")
    assert repr(who) == "person: <b>Bob</b> (6)"
    assert "<b>" not in who._repr_mimebundle_()["text/html"]
    assert ask("choose", key="999")["message"] == "person has no record 999 any more"
    assert who.value == 6
    shell.shell.execution_count += 1
    again = shell.run("%enfyra pick person")
    assert (again.value, again.record["name"], who.comm) == (6, "<b>Bob</b>", None)
    again.choose(None)
    assert (again.value, again.record, again.chosen) == (None, None, {})
    some = shell.run("%enfyra pick person --label note --filter {name: Ann}")
    assert some.candidates("")["rows"] == [{"key": "1", "label": ""}]
    assert "Did you mean 'name'?" in shell.refused("%enfyra pick person --label nme")
    assert "'person.secret' is encrypted" in shell.refused("%enfyra pick person --label secret")
    assert "'person.id' is no text" in shell.refused("%enfyra pick person --label id")

    builder_picks(shell)


def builder_picks(shell: Any) -> None:
    builder = shell.run("%enfyra build badge")
    picks = [one["path"] for one in builder.facts["fields"] if one.get("picks")]
    assert picks == ["owner.id"]
    given = {"field": "owner.id", "text": "annab"}
    answer = builder.answered({"id": "1", "action": "candidates", "given": given})
    assert answer["value"]["rows"] == [{"key": "2", "label": "annabel"}]
    draft = builder.draft | {"filters": [{"field": "owner.id", "operator": "_eq", "value": "2"}]}
    assert json.loads(json.dumps(builder._query(draft)["filter"])) == {"owner": {"id": {"_eq": 2}}}
