"""`%enfyra drop`, against a real server."""

from __future__ import annotations

import pytest

from enfyra_jupyter.client import ApiError

HOOK = "%%enfyra hook POST /post --name stamp --save --sample\n@BODY.title = 'stamped'"
HANDLER = "%%enfyra handler GET /hello --save\nreturn 'hello'"
FLOW = "%%enfyra flow nightly\n- {key: say, type: log, config: {message: hello}}"


def names(client, path: str) -> list[str]:
    return [row["name"] for row in client.get(path, limit=0)["data"]]


def test_a_table_with_records_waits(numbered, client):
    numbered.run("%%enfyra query post --save late\nfilter: {views: {_gt: 3}}")
    said = repr(numbered.run("%enfyra drop table post"))
    assert said.startswith("post is not dropped yet, since data would get lost")
    assert "! loses the table 'post' and its records" in said
    assert "saved query 'late'" in said
    assert "%enfyra drop table post --apply" in said
    assert client.get("/post", limit=1)["data"]
    said = repr(numbered.run("%enfyra drop table post --apply"))
    assert said.startswith("The table 'post' is dropped")
    with pytest.raises(ApiError, match="NOT_FOUND"):
        client.get("/post")
    assert "There is no table 'post'" in numbered.refused("%enfyra drop table post")


def test_an_empty_table_goes_at_once(shell, client):
    client.post("/table_definition", {"name": "draft", "columns": []})
    assert "There is no table 'draff'. Did you mean 'draft'?" in shell.refused(
        "%enfyra drop table draff"
    )
    assert repr(shell.run("%enfyra drop table draft")) == "The table 'draft' is dropped"
    assert "draft" not in names(client, "/table_definition")


def test_a_table_of_the_system_stays(shell, client):
    assert "system" in shell.refused("%enfyra drop table user_definition --apply")
    assert client.get("/user_definition", limit=1)["data"]


def test_scripts_go(numbered, client):
    numbered.run(HOOK)
    numbered.run(HANDLER)
    assert names(client, "/pre_hook_definition") == ["stamp"]
    assert "Did you mean 'stamp'?" in numbered.refused("%enfyra drop hook stmp")
    assert repr(numbered.run("%enfyra drop hook stamp")) == "The hook 'stamp' is dropped"
    assert names(client, "/pre_hook_definition") == []
    assert client.get("/hello") == "hello"
    said = repr(numbered.run("%enfyra drop handler GET /hello"))
    assert said == "The handler 'GET /hello' is dropped"
    assert client.get("/route_handler_definition", limit=0)["data"] == []


def test_a_flow_that_has_run_waits(shell, client):
    shell.run(FLOW)
    shell.run("%enfyra run nightly")
    said = repr(shell.run("%enfyra drop flow nightly"))
    assert said.startswith("nightly is not dropped yet")
    assert "! loses the history of 1 run" in said
    shell.run("%enfyra drop flow nightly --apply")
    assert names(client, "/flow_definition") == []
    shell.run(FLOW)
    assert repr(shell.run("%enfyra drop flow nightly")) == "The flow 'nightly' is dropped"
    assert "There is no flow 'nightly'" in shell.refused("%enfyra drop flow nightly")


def test_mistakes_are_told(shell):
    assert "kind" in shell.refused("%enfyra drop tabel post").lower()
    assert "required" in shell.refused("%enfyra drop table")
