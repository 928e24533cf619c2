"""Where there are no widgets, each kind shows itself: as text, and as HTML that does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from .test_leaks import CELLS

HOSTILE = "\x1b[31m\u202e<script>alert(1)</script>"
SEEN = "␛[31m⟨202E⟩<script>alert(1)</script>"
# What each is there to tell.
TOLD = {
    "design": ["%%enfyra table memo", "type: varchar", "mood: enum(good, bad)"],
    "studio": ["%%enfyra hook POST /memo", f"# {SEEN}"],
    "board": ["tidy: every day at 02:00", "next"],
    "build": ["%%enfyra query memo", "fields: [id, text, mood"],
    "pick": [f"memo: {SEEN} (1)"],
    "erd": ["memo (id int, text varchar, mood enum)"],
    "access": ["/memo", "everybody", SEEN[:20]],
    "grid": [SEEN, "text", "mood"],
    "profile": ["memo: 1 row", "text", SEEN[:12]],
}
# Whatever else there may be does something, or asks for something.
HARMLESS = {
    "div", "span", "pre", "style", "table", "thead", "tbody", "tr", "th", "td", "svg", "rect",
    "title", "br",
}  # fmt: skip


class Reader(HTMLParser):
    """Reads HTML as a browser does: its elements, what these have, and the text in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags = set[str]()
        self.attributes = set[str]()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def hostile(shell: Any, client: Any) -> Iterator[Any]:
    """A table, a hook, a role and a flow whose texts do harm where they are not escaped."""
    shell.run("%%enfyra table author\ncolumns: {name: varchar}")
    client.post("/table_definition", {
        "name": "memo", "description": HOSTILE,
        "columns": [
            {"name": "text", "type": "varchar", "description": HOSTILE, "defaultValue": HOSTILE},
            {"name": "mood", "type": "enum", "options": ["good", "bad"]},
        ],
        "relations": [
            {"propertyName": "author", "type": "many-to-one", "targetTable": "author"}
        ],
    })  # fmt: skip
    client.post("/memo", {"text": HOSTILE})
    step = {"key": "note", "type": "log", "config": {"message": HOSTILE}}
    flow = {"description": HOSTILE, "triggerType": "schedule", "steps": [step]}
    client.send("PUT", "/admin/flow/tidy", body={**flow, "triggerConfig": {"cron": "0 2 * * *"}})
    role = client.post("/role_definition", {"name": HOSTILE})["data"][0]
    hook = {"name": HOSTILE, "route": "/memo", "methods": ["POST"], "sourceCode": f"# {HOSTILE}"}
    hook = client.post("/pre_hook_definition", hook)["data"][0]
    yield shell
    client.send("DELETE", f"/pre_hook_definition/{hook['id']}")
    client.send("DELETE", f"/role_definition/{role['id']}")
    for row in client.get("/flow_definition", fields="id", limit=0)["data"]:
        client.send("DELETE", f"/flow_definition/{row['id']}")


def test_each_kind_is_told_without_widgets(hostile: Any) -> None:
    assert set(TOLD) == set(CELLS)
    for name, cell in CELLS.items():
        widget = hostile.run(cell)
        if name == "pick":
            widget.choose("1")
        bundle = widget._repr_mimebundle_()
        assert set(bundle) == {
            "text/plain", "text/html", "application/vnd.jupyter.widget-view+json",
        }, name  # fmt: skip
        read = Reader(bundle["text/html"])
        assert read.tags <= HARMLESS, name
        assert not {one for one in read.attributes if one.startswith("on")}, name
        assert not read.attributes & {"src", "href", "srcset", "action"}, name
        for told in TOLD[name]:
            assert told in bundle["text/plain"], (name, bundle["text/plain"])
            assert told in read.text, (name, read.text)
        for text in (bundle["text/plain"], bundle["text/html"], repr(widget)):
            assert not {"\x1b", "\u202e"} & set(text), (name, text)
        assert "url(" not in bundle["text/html"], name
