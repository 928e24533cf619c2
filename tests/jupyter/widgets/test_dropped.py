"""Widgets whose table somebody else drops while they are looked at: each says so, and goes on."""

from __future__ import annotations

from typing import Any

import pytest

# What each is asked when somebody uses it.
USED: dict[str, tuple[str, dict[str, Any]]] = {
    "grid post": ("page", {"number": 0, "sort": [], "filters": {}, "count": True}),
    "erd --click": ("rows", {"table": "post"}),
    "build post": ("look", {}),
    "profile post --click": ("look", {"names": ["title"], "conditions": []}),
    "pick post": ("candidates", {"text": "a"}),
    "studio post": ("run", {}),
    "access /post": ("toggle", {"path": "/post", "who": "everybody", "method": "GET"}),
    "design post": ("preview", {}),
}


@pytest.mark.parametrize("command", USED)
def test_it_is_said(command: str, shell: Any, client: Any) -> None:
    shell.run("%%enfyra table post\ncolumns: {title: varchar}")
    client.post("/post", {"title": "a"})
    widget = shell.run(f"%enfyra {command}")
    action, given = USED[command]
    draft = getattr(widget, "draft", None) or getattr(widget, "base", None)
    given = {**given, "draft": dict(draft)} if draft else given
    message = {"id": "1", "action": action, "given": given}
    assert "error" not in widget.answered(message)
    drop(client, "post")
    answer = widget.answered(message)
    said = str(answer.get("error") or answer["value"].get("gone"))
    assert "post" in said, answer
    assert "not" in said.lower() or "no " in said.lower()
    # It is there again: so is the widget.
    shell.run("%%enfyra table post\ncolumns: {title: varchar}")
    assert "error" not in widget.answered(message)


def drop(client: Any, name: str) -> None:
    (table,) = client.get("/table_definition", filter={"name": name})["data"]
    path = f"/table_definition/{table['id']}"
    (preview,) = client.send("DELETE", path, params={"preview": True})["data"]
    client.send("DELETE", path, params={"schemaConfirmHash": preview["requiredConfirmHash"]})
