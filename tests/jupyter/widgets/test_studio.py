from __future__ import annotations

from typing import Any

import pytest

from enfyra_jupyter.widgets.scripts import reordered
from enfyra_jupyter.widgets.studio import Studio

POST = "%%enfyra table post\ncolumns: {title: varchar(60)!}"


@pytest.fixture
def studio(shell: Any) -> Studio:
    shell.run(POST)
    return shell.run("%enfyra studio post")


def ask(part: Any, name: str, **given: Any) -> Any:
    answer = part.answered({"id": "1", "action": name, "given": given})
    assert "error" not in answer, answer
    return answer["value"]


def test_a_hook_is_tried_saved_changed_and_brought_back(studio: Studio, client: Any) -> None:
    source = "@BODY.title = @BODY.title.upper()\n@LOGS('<b>')"
    draft = {**studio.draft, "source": source, "body": "{title: hello}", "name": "shout"}
    told = ask(studio, "run", draft=draft)
    assert not told["failed"]
    assert told["headline"].startswith("shout: 201 in ")
    assert any(line.startswith("+") and "HELLO" in line for line in told["changes"])
    assert told["logs"] == ["<b>"]
    assert client.get("/post")["data"] == []
    saved = ask(studio, "save", draft=draft)
    assert saved["saved"]
    client.post("/post", {"title": "hello"})
    assert client.get("/post")["data"][0]["title"] == "HELLO"
    (script,) = studio.facts["scripts"]
    assert (script["id"], script["name"], script["methods"]) == (saved["id"], "shout", ["POST"])
    draft |= script
    ask(studio, "save", draft={**draft, "source": "@BODY.title = 'x'"})
    versions = ask(studio, "history", draft=draft)
    assert [one["version"] for one in versions] == [2, 1]
    assert versions[1]["by"]
    assert ask(studio, "rollback", draft=draft, version=1)["source"] == source
    assert studio.facts["scripts"][0]["source"] == source
    assert len(ask(studio, "history", draft=draft)) == 3
    gone = studio.answered(
        {"id": "1", "action": "rollback", "given": {"draft": draft, "version": 9}}
    )
    assert gone["error"] == {"message": "There is no version 9 any more"}


def test_a_hook_is_for_several_methods_and_has_its_place(studio: Studio, client: Any) -> None:
    draft = {**studio.draft, "methods": ["POST", "PATCH"], "body": "{title: a}"}
    first = {**draft, "name": "first", "source": "@BODY.title += '1'"}
    # Without methods, it runs for all, such as those without a body.
    longer = "if @BODY:\n    @BODY.title += '2'"
    second = {**draft, "name": "second", "source": longer, "methods": []}
    for one in (first, second):
        one["id"] = ask(studio, "save", draft=one)["id"]
    assert [one["methods"] for one in studio.facts["scripts"]] == [["POST", "PATCH"], []]
    client.post("/post", {"title": "a"})
    client.patch("/post/1", {"title": "b"})
    assert client.get("/post")["data"][0]["title"] == "b12"
    moved = ask(studio, "move", stage="pre", script=second["id"], step=-1)
    assert [one["name"] for one in moved] == ["second", "first"]
    client.patch("/post/1", {"title": "c"})
    assert client.get("/post")["data"][0]["title"] == "c21"
    ask(studio, "switch", stage="pre", script=second["id"], on=False)
    assert [one["enabled"] for one in studio.facts["scripts"]] == [False, True]
    client.patch("/post/1", {"title": "d"})
    assert client.get("/post")["data"][0]["title"] == "d1"
    # Another name is no other script: nothing is tried, and no version is kept.
    told = ask(studio, "save", draft={**first, "priority": 1, "name": "renamed"})
    assert (told["saved"], "headline" in told) == (True, False)
    assert len(ask(studio, "history", draft=first)) == 1
    ask(studio, "delete", stage="pre", script=first["id"])
    assert [one["name"] for one in studio.facts["scripts"]] == ["second"]
    gone = studio.answered({"id": "1", "action": "save", "given": {"draft": first}})
    assert "'first' has been deleted meanwhile" in gone["error"]["message"]


def test_hooks_change_places() -> None:
    def hook(number: int, priority: int, *, everywhere: bool = False) -> dict[str, Any]:
        return {"id": number, "priority": priority, "global": everywhere}

    hooks = [hook(9, 0, everywhere=True), hook(1, 0), hook(2, 5), hook(3, 5)]
    assert reordered(hooks, 1, -1) == {9: 1}
    assert reordered(hooks, 2, 1) == {2: 6}
    assert reordered(hooks, 3, 1) == {}
    assert reordered(hooks, 4, 1) == {}
    assert reordered([hook(1, 0), hook(2, 0), hook(3, 0)], 2, -1) == {1: 1, 3: 1}


def test_what_somebody_else_has_saved_is_not_lost(studio: Studio, client: Any) -> None:
    draft = {**studio.draft, "source": "@BODY.title = '1'", "body": "{title: a}"}
    draft["id"] = ask(studio, "save", draft=draft)["id"]
    draft["base"] = {"source": draft["source"]}
    client.patch(f"/pre_hook_definition/{draft['id']}", {"sourceCode": "@BODY.title = '2'"})
    mine = {**draft, "source": "@BODY.title = '3'"}
    told = ask(studio, "save", draft=mine)
    assert (told["saved"], told["changed"]) == (False, True)
    assert studio.facts["scripts"][0]["source"] == "@BODY.title = '2'"
    assert ask(studio, "save", draft=mine, force=True)["saved"]
    assert studio.facts["scripts"][0]["source"] == mine["source"]


def test_hooks_of_all_routes_are_among_them(shell: Any, studio: Studio, client: Any) -> None:
    draft = {**studio.draft, "global": True, "source": "@SHARE.seen = 1", "body": "{title: a}"}
    saved = ask(studio, "save", draft={**draft, "name": "everywhere"})
    try:
        other = shell.run("%enfyra studio /other")
        assert [one["name"] for one in other.facts["scripts"]] == ["everywhere"]
        assert other.draft["id"] is None
        other.draft = {**other.draft, **other.facts["scripts"][0], "name": "all of it"}
        words = "%%enfyra hook POST * --path /other --name 'all of it'"
        assert repr(other).startswith(words)
        # From all routes to this one, and back.
        draft |= {"id": saved["id"], "name": "everywhere"}
        ask(studio, "save", draft={**draft, "global": False})
        assert shell.run("%enfyra studio /other").facts["scripts"] == []
        ask(studio, "save", draft=draft)
        assert shell.run("%enfyra studio /other").facts["scripts"][0]["global"]
    finally:
        client.send("DELETE", f"/pre_hook_definition/{saved['id']}")


def test_what_is_wrong_is_told_by_its_line(studio: Studio) -> None:
    source = "x = 1\nreturn @BODDY"
    (problem,) = ask(studio, "validate", source=source, language="python")
    assert (problem["line"], problem["column"], problem["hint"]) == (2, 8, "Did you mean @BODY?")
    draft = {**studio.draft, "source": source}
    told = ask(studio, "run", draft=draft)
    assert told["failed"]
    assert told["problems"][0]["line"] == 2
    draft["source"] = "x = 1\nreturn x / 0"
    told = ask(studio, "save", draft=draft)
    assert not told["saved"]
    assert told["problems"][0]["line"] == 2
    assert "line 2" in told["error"]
    assert studio.facts["scripts"] == []
    assert ask(studio, "save", draft=draft, force=True)["saved"]
    answer = studio.answered(
        {"id": "1", "action": "run", "given": {"draft": {**draft, "body": "{a: ["}}}
    )
    assert "The body is neither JSON nor YAML" in answer["error"]["message"]


def test_a_handler_makes_its_route(shell: Any, client: Any) -> None:
    studio = shell.run("%enfyra studio /hello")
    draft = {**studio.draft, "stage": "handler", "method": "GET", "source": "return {'n': 1 + 1}"}
    assert ask(studio, "history", draft=draft) == []
    assert ask(studio, "run", draft=draft)["answer"].startswith("{")
    assert ask(studio, "save", draft=draft)["saved"]
    assert client.get("/hello") == {"n": 2}
    again = shell.run("%enfyra studio /hello")
    assert again.draft["source"] == draft["source"]
    assert repr(again) == "%%enfyra handler GET /hello\nreturn {'n': 1 + 1}"
    for table in ("route_handler_definition", "route_definition"):
        path = {"route": {"path": "/hello"}} if table != "route_definition" else {"path": "/hello"}
        (row,) = client.get(f"/{table}", filter=path)["data"]
        client.send("DELETE", f"/{table}/{row['id']}")


def test_what_may_stand_in_a_script_is_known(studio: Studio) -> None:
    assert "title" in studio.facts["fields"]
    assert {"BODY", "THROW404"} <= set(studio.facts["macros"])
    assert {"find", "upsert"} <= set(studio.facts["repository"])
    # A page asks for the editor once; it is no part of each widget.
    assert "EditorView" in ask(studio, "editor")
    assert len(studio._esm) < 40_000


def test_names(shell: Any, studio: Studio) -> None:
    assert "Did you mean 'post'?" in shell.refused("%enfyra studio pst")
