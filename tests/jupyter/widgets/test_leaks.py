"""Cells that run again leave no widget behind, of whatever kind, and keep what was set in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ipywidgets import Widget

from enfyra_jupyter.magics.widget_commands import WIDGET_COMMANDS
from enfyra_jupyter.widgets.part import Part

# A leak shows after ten runs as after fifty, which take longer.
RUNS, MANY_RUNS = 10, 50
CELLS = {
    "design": "%enfyra design memo",
    "studio": "%enfyra studio memo",
    "board": "%enfyra board tidy",
    "build": "%enfyra build memo",
    "pick": "%enfyra pick memo",
    "erd": "%enfyra erd memo --click",
    "access": "%enfyra access",
    "grid": "%enfyra grid memo",
    "profile": "%enfyra profile memo --click",
}

# What somebody may have set in each.
SET: dict[str, dict[str, Any]] = {
    "design": {"draft": {"id": None, "name": "diary"}},
    "studio": {"draft": {"stage": "pre", "source": "x = 1"}, "drafts": {"pre:7": {"id": 7}}},
    "board": {"chosen": {"flow": "tidy", "run": 3, "zone": "UTC"}, "payload": "{days: 3}"},
    "build": {"draft": {"fields": ["text"], "filters": [], "any": True, "sort": [], "limit": 3}},
    "pick": {"value": 1, "record": {"id": 1}, "chosen": {"key": "1", "label": "a"}},
    "erd": {"chosen": "memo", "view": {"x": 1, "y": 2, "width": 300, "height": 200}},
    "access": {"search": "mem"},
    "grid": {
        "sort": ["-text"], "filters": {"text": "a"}, "top": 3, "left": 9, "widths": {"text": 99},
        "fresh": [{"text": "b"}], "marked": {"1": {"text": "a"}},
    },
    "profile": {
        "conditions": [{"field": "text", "text": "a", "filter": '{"text": {"_eq": "a"}}'}],
        "search": "te",
    },
}  # fmt: skip


@pytest.fixture
def tables(shell: Any, client: Any) -> Iterator[Any]:
    shell.run("%%enfyra table memo\ncolumns:\n  text: varchar")
    shell.run("%%enfyra flow tidy\n- {key: old, type: log}")
    yield shell
    for row in client.get("/flow_definition", fields="id", limit=0)["data"]:
        client.send("DELETE", f"/flow_definition/{row['id']}")


def comms() -> int:
    """Count the widgets that are open, with all that belongs to them."""
    return len(Widget.get_manager_state()["state"])


def test_no_kind_is_forgotten() -> None:
    assert {one.name for one in WIDGET_COMMANDS} <= set(CELLS)
    assert set(SET) == set(CELLS)


def test_all_runs_leave_one_widget_and_what_was_set_in_it(
    tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"cell": ""}
    monkeypatch.setattr("enfyra_jupyter.widgets.shelf.running_cell", lambda: where["cell"])
    for name, cell in CELLS.items():
        where["cell"] = name
        first = tables.run(cell)
        assert isinstance(first, Part), name
        assert set(first.keeps) == set(SET[name]), name
        for trait, value in SET[name].items():
            setattr(first, trait, value)
        one = comms()
        for _ in range(MANY_RUNS if name == "grid" else RUNS):
            tables.shell.execution_count += 1
            last = tables.run(cell)
        assert (first.comm, comms()) == (None, one), name
        assert last.comm is not None
        assert {trait: getattr(last, trait) for trait in SET[name]} == SET[name], name
    assert tables.session.shelf.count == len(CELLS)
