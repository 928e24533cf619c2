from __future__ import annotations

import copy
from typing import Any

import pytest

from enfyra_jupyter.definitions import read_definition
from enfyra_jupyter.widgets.designer import Designer
from enfyra_jupyter.widgets.drafts import (
    EMPTY_COLUMN,
    cell_of,
    draft_of,
    payload_of,
)
from enfyra_jupyter.widgets.problems import problems_of

POST = {
    "name": "post",
    "description": "What people write: <b>",
    "columns": [
        {"name": "title", "type": "varchar", "isNullable": False, "options": {"length": 60},
         "rules": [{"ruleType": "minLength", "value": 3, "message": "Longer"},
                   {"ruleType": "pattern", "value": {"v": "^a", "flags": "i"}}]},
        {"name": "state", "type": "enum", "options": ["draft", 'a, "b"'], "defaultValue": "draft"},
        {"name": "price", "type": "decimal", "options": {"precision": 8, "scale": 2}},
        {"name": "number", "type": "int", "isPublished": False, "description": "counts: 1, 2"},
        {"name": "tags", "type": "array-select", "options": ["a", "b"]},
        {"name": "meta", "type": "simple-json"},
    ],
    "relations": [
        {"propertyName": "author", "type": "many-to-one", "targetTable": "author",
         "inversePropertyName": "posts", "onDelete": "CASCADE", "isNullable": False},
        {"propertyName": "friends", "type": "many-to-many", "targetTable": "author",
         "rules": [{"ruleType": "maxItems", "value": 3}]},
    ],
    "uniques": [["number"], ["title", "state"]],
    "indexes": [["price"]],
}  # fmt: skip


@pytest.fixture
def designer(shell: Any, client: Any) -> Designer:
    client.post("/table_definition", {"name": "author", "columns": [
        {"name": "name", "type": "varchar"}]})  # fmt: skip
    client.post("/table_definition", POST)
    return shell.run("%enfyra design post")


def ask(part: Any, name: str, **given: Any) -> Any:
    answer = part.answered({"id": "1", "action": name, "given": given})
    assert "error" not in answer, answer
    return answer["value"]


def draft(designer: Designer) -> dict[str, Any]:
    return copy.deepcopy(designer.base)


def test_a_table_as_it_is_changes_nothing(designer: Designer, shell: Any) -> None:
    said = ask(designer, "preview", draft=draft(designer))
    assert (said["lines"], said["changes"], said["problems"]) == ([], False, [])
    assert designer.text() == said["cell"]
    assert "nothing to change" in repr(shell.run(said["cell"]))


def test_the_cell_says_what_the_form_says(designer: Designer) -> None:
    wanted = draft(designer)
    wanted["columns"][0]["name"] = "headline"
    wanted["relations"][0]["name"] = "writer"
    payload = payload_of(wanted)
    read = read_definition(cell_of(wanted).partition("\n")[2])
    for column, one in zip(payload["columns"], read["columns"], strict=True):
        said = {name: value for name, value in column.items() if name in one and name != "rules"}
        assert said == {name: one[name] for name in said}
        assert len(one.get("rules", [])) == len(column["rules"])
    assert read["columns"][0]["was"] == "title"
    assert sorted(read["uniques"]) == sorted(payload["uniques"])
    assert read["indexes"] == payload["indexes"]
    writer = read["relations"][0]
    assert (writer["propertyName"], writer["was"]) == ("writer", "author")
    assert writer["onDelete"] == "CASCADE"
    assert read["relations"][1]["rules"] == [{"ruleType": "maxItems", "value": 3}]


def test_what_would_change_is_said_and_then_done(designer: Designer, client: Any) -> None:
    client.post("/author", {"name": "Ann"})
    body = {"title": "Abc", "number": 1, "author": {"id": 1}, "meta": {"a": 1}}
    client.post("/post", body)
    wanted = draft(designer)
    wanted["columns"][0]["options"] = "80"
    wanted["description"] = "Posts"
    del wanted["columns"][5]
    wanted["columns"].append({**EMPTY_COLUMN, "name": "views", "type": "int", "default": "0"})
    said = ask(designer, "preview", draft=wanted)
    lines = [text for _, text in said["lines"]]
    assert "+ views int" in lines
    assert "- meta simple-json" in lines
    assert any(line.startswith("~ title: options") for line in lines)
    assert any(line.startswith("~ description") for line in lines)
    assert said["losses"] == ["the column 'post.meta' and its values"]
    asked = ask(designer, "apply", draft=wanted)
    assert asked["again"]
    assert asked["losses"] == said["losses"]
    done = ask(designer, "apply", draft=wanted, confirm=said["hash"])
    assert done == {"live": "/user/ann/enfyra/post", "name": "post"}
    assert [one["name"] for one in designer.base["columns"]][-1] == "views"
    assert designer.draft == {}


def test_queries_that_are_left_behind_are_told(designer: Designer, client: Any) -> None:
    query = {"name": "by_price", "table": "post", "query": {"sort": "price"}}
    client.post("/query_definition", query)
    wanted = draft(designer)
    (price,) = [one for one in wanted["columns"] if one["name"] == "price"]
    price["name"] = "cost"
    kind, text = ask(designer, "preview", draft=wanted)["lines"][-1]
    assert kind == "bad"
    assert text.startswith(
        "! the saved query 'by_price' fits no longer: sort.price: 'post' has no field"
    )
    assert ask(designer, "apply", draft=wanted)["name"] == "post"


def test_how_many_records_a_relation_has_is_a_rule(designer: Designer, client: Any) -> None:
    wanted = draft(designer)
    wanted["relations"][1]["rules"].append(
        {"id": None, "kind": "minItems", "value": "1", "message": "Nobody is alone"}
    )
    (line,) = [text for _, text in ask(designer, "preview", draft=wanted)["lines"]]
    assert line == "~ friends: rules maxItems 3 becomes maxItems 3, minItems 1 'Nobody is alone'"
    ask(designer, "apply", draft=wanted)
    assert [one["kind"] for one in designer.base["relations"][1]["rules"]] == [
        "maxItems", "minItems",
    ]  # fmt: skip
    wanted = draft(designer)
    wanted["relations"][1]["rules"] = []
    ask(designer, "apply", draft=wanted)
    assert designer.base["relations"][1]["rules"] == []
    wanted = draft(designer)
    # Of one record, nobody counts how many there are.
    rule = {"id": None, "kind": "minItems", "value": "1", "message": ""}
    wanted["relations"][0]["rules"] = [rule]
    (problem,) = ask(designer, "preview", draft=wanted)["problems"]
    assert problem["place"] == "relations.0.rules"


def test_problems_are_told_by_their_fields(designer: Designer) -> None:
    wanted = draft(designer)
    wanted["columns"][0] |= {"type": "varchr"}
    (problem,) = ask(designer, "preview", draft=wanted)["problems"]
    assert problem["place"] == "columns.0.type"
    assert "Did you mean 'varchar'?" in problem["message"]
    wanted = draft(designer)
    wanted["columns"][0] |= {"options": "long"}
    wanted["columns"][3] |= {"default": "many", "name": "a b"}
    wanted["relations"][0]["target"] = "autor"
    problems = ask(designer, "preview", draft=wanted)["problems"]
    assert {"place": "relations.0.target"}.items() <= problems[0].items()
    wanted["relations"][0]["target"] = "author"
    places = {one["place"] for one in ask(designer, "preview", draft=wanted)["problems"]}
    assert places >= {"columns.0.options", "columns.3.name"}
    wanted = draft(designer)
    wanted["uniques"] = "titel, state"
    (problem,) = ask(designer, "preview", draft=wanted)["problems"]
    assert problem["place"] == "uniques"
    wanted = draft(designer)
    wanted["columns"][3]["rules"] = [{"id": None, "kind": "format", "value": "url", "message": ""}]
    (problem,) = ask(designer, "preview", draft=wanted)["problems"]
    assert problem["place"] == "columns.3.rules"


def test_a_problem_of_the_table_itself_stands_by_its_name() -> None:
    assert problems_of("post must have exactly one primary column", draft_of(None, "post")) == [
        {"place": "name", "message": "post must have exactly one primary column"}
    ]


def test_a_table_that_is_dropped_meanwhile(designer: Designer, client: Any) -> None:
    wanted = draft(designer)
    path = f"/table_definition/{wanted['id']}"
    hash_ = client.send("DELETE", path, params={"preview": True})["data"][0]["requiredConfirmHash"]
    client.send("DELETE", path, params={"schemaConfirmHash": hash_})
    said = ask(designer, "preview", draft=wanted)
    assert said["gone"] == "The table 'post' is not there any more"
    answer = designer.answered({"id": "1", "action": "apply", "given": {"draft": wanted}})
    assert answer["error"]["code"] == "RESOURCE_NOT_FOUND"


def test_a_new_table_and_its_draft_in_a_cell_that_runs_again(shell: Any, client: Any) -> None:
    first = shell.run("%enfyra design memo")
    first.draft = draft_of(None, "memo")
    again = shell.session.shelf.put(Designer(shell.session, "memo"), "memo", cell="a", run=1)
    again.draft = {**first.draft, "description": "kept"}
    third = shell.session.shelf.put(Designer(shell.session, "memo"), "memo", cell="a", run=2)
    assert third.draft["description"] == "kept"
    assert again.comm is None
    said = ask(third, "preview", draft=third.draft)
    assert ("good", "+ title varchar") in said["lines"]
    ask(third, "apply", draft=third.draft)
    assert third.base["was"] == "memo"
    assert "memo" in {one["name"] for one in client.get("/metadata")["data"]["tables"]}
    shell.session.shelf.clear()
    assert "needs a notebook" in shell.run("%enfyra design").text()
