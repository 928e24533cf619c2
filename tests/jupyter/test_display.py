"""What cells show is escaped, whatever it is."""

from __future__ import annotations

import re

import pytest

from enfyra_jupyter.diagram import Diagram
from enfyra_jupyter.display import (
    _STYLE,
    MAX_CELL,
    Lines,
    Links,
    Listing,
    html_table,
    text_table,
    width_of,
)
from enfyra_jupyter.explanation import Explanation
from enfyra_jupyter.flows.steps import Step
from enfyra_jupyter.flows.timeline import Bar, Timeline
from enfyra_jupyter.flows.views import FlowView, Outcome
from enfyra_jupyter.magics.failing import Told
from enfyra_jupyter.profiles.looking import ColumnProfile
from enfyra_jupyter.profiles.profile import Profile
from enfyra_jupyter.schema import Schema
from enfyra_jupyter.trials import Trial

EVIL = '<script>alert("x")</script>'


@pytest.mark.parametrize(
    "shown",
    [
        Listing(EVIL, [EVIL], [[EVIL], [{EVIL: [EVIL]}]], EVIL, [Listing(EVIL, ["a"], [[EVIL]])]),
        Lines([("good", EVIL), ("", EVIL)]),
        Links([(EVIL, EVIL)]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_nothing_is_live(shown):
    html = shown._repr_html_()
    assert "<script" not in html
    assert '"x"' not in html
    assert "&lt;script&gt;" in html
    assert EVIL in repr(shown) or "alert" in repr(shown)


def test_long_cells_are_cut():
    html = html_table(["a"], [["x" * 500]])
    assert "x" * (MAX_CELL - 1) + "…</td>" in html
    assert "…" in text_table(["a"], [["x" * 500]])


def test_lines_of_a_cell_stay_in_their_row():
    assert text_table(["a", "b"], [["x\ny", None]]).splitlines()[-1] == "x y  null"


def test_columns_stand_below_each_other_however_wide_letters_are():
    names = ["مرحبا", "東京", "👩‍🔬", "e\u0301", "Ann"]
    lines = text_table(["name", "n"], [[name, "|"] for name in names]).splitlines()
    assert {width_of(line.partition("|")[0]) for line in lines[2:]} == {7}
    assert lines[-1] == "Ann    |"


def test_diagram(client):
    client.post("/table_definition", {"name": "author", "columns": [
        {"name": "email", "type": "varchar"}], "uniques": [["email"]]})  # fmt: skip
    client.post("/table_definition", {"name": "post", "columns": [], "relations": [
        {"propertyName": "by", "type": "many-to-one", "targetTable": "author",
         "isNullable": False, "inversePropertyName": "posts"},
        {"propertyName": "tags", "type": "many-to-many", "targetTable": "author"},
    ]})  # fmt: skip
    bundle = Diagram(Schema.of(client.get("/metadata")["data"]).own)._repr_mimebundle_()
    assert bundle["text/vnd.mermaid"].splitlines() == [
        "erDiagram", '  "author" {', "    int id PK", "    varchar email UK", "  }",
        '  "post" {', "    int id PK", "  }",
        '  "post" }o--|| "author" : "by"', '  "post" }o--o{ "author" : "tags"',
    ]  # fmt: skip
    assert "  by --n:1--> author" in bundle["text/plain"]
    assert Diagram([])._repr_mimebundle_() == {"text/plain": "There are no tables yet"}


def test_terminals_are_not_spoken_to():
    hostile = "\x1b[31mred\x1b[0m \u202egnp.exe\x07\x9b2J"
    for shown in (text_table([hostile], [[hostile]]), html_table([hostile], [[hostile]])):
        assert not set(shown) & {"\x1b", "\u202e", "\x07", "\x9b"}
        assert "␛[31mred" in shown
        assert "⟨202E⟩" in shown
    # What people write stays.
    assert "مرحبا 👩‍👩‍👧 é" in text_table(["a"], [["مرحبا 👩‍👩‍👧 é"]])


RED = "\x1b[31m\x9b2J\u202e\r<script>"
REPORT = {
    "status": 500, "milliseconds": 1.0, "stages": [], "touched": [], "triggers": [], "logs": [RED],
    "before": {"body": None, "query": None, "share": None},
    "after": {"body": RED, "query": None, "share": None},
    "result": {"error": {"code": "X", "message": RED}},
}  # fmt: skip


PROFILE = ColumnProfile(
    name="a", type="text", nulls=0, distinct=1, top=[(RED, 1)], bins=[1], min=RED
)


@pytest.mark.parametrize(
    "shown",
    [
        Listing(RED, [RED], [[RED]], RED, [Listing(RED, [], [], RED)]),
        Lines([("good", RED)]),
        Links([(RED, RED)]),
        Told([("message", RED)], RED),
        Trial(RED, REPORT, RED),
        FlowView(RED, RED, [Step(RED, "log", RED)], None, [RED]),
        Outcome(1, RED, RED, 5, {}),
        Timeline(RED, [Bar(RED, "log", "completed", 0, 1)]),
        Explanation.of({"plan": {}, "statements": [RED], "database": [[RED]]}),
        Profile("post", 1, 1, [PROFILE]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_nothing_of_a_result_speaks_to_a_terminal(shown):
    html = shown._repr_html_() if hasattr(shown, "_repr_html_") else ""
    assert not set(repr(shown) + html) & set("\x1b\x9b\u202e\r")
    assert "<script>" not in html
    assert "␛[31m" in repr(shown)


def test_colours_are_those_of_the_theme():
    colours = re.findall(r"(?:color|solid)[: ]\s*([^;}]+)", _STYLE)
    assert len(colours) > 4
    assert all(one.startswith("var(--jp-") for one in colours)
