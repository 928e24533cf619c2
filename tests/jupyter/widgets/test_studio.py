from __future__ import annotations

from typing import Any

import pytest

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
