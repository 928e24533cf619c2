"""The profile that can be clicked."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from enfyra_jupyter.profiles.bins import binned
from enfyra_jupyter.widgets.profiler import Profiler
from tests.jupyter.conftest import drop_tables

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m"


@pytest.fixture
def profiler(shell: Any, client: Any) -> Profiler:
    client.post("/table_definition", {
        "name": "post",
        "columns": [
            {"name": "title", "type": "varchar", "options": {"length": 500}},
            {"name": "rows", "type": "int"},
            {"name": "price", "type": "decimal", "options": {"precision": 8, "scale": 2}},
            {"name": "weight", "type": "float"},
            {"name": "day", "type": "date"},
            {"name": "at", "type": "datetime"},
            {"name": "live", "type": "boolean"},
            {"name": "facts", "type": "simple-json"},
            {"name": "secret", "type": "varchar", "isEncrypted": True},
            {"name": "empty", "type": "text"},
        ],
    })  # fmt: skip
    client.post("/post", [
        {
            "title": [HOSTILE, ":name", "", "x" * 400, None][n % 5],
            "rows": n * 7,
            "price": f"{n}.25",
            "weight": n / 3,
            "day": f"2024-{1 + n % 12:02}-03",
            "at": f"2024-01-0{1 + n % 9}T12:30:00Z",
            "live": n % 3 == 0,
            "facts": {"n": n % 2},
            "secret": "s",
        }
        for n in range(40)
    ])  # fmt: skip
    return shell.run("%enfyra profile post --click")


def ask(part: Profiler, action: str, /, **given: Any) -> Any:
    answer = part.answered({"id": "1", "action": action, "given": given})
    assert "error" not in answer, answer
    return answer["value"]


def test_each_bar_stands_for_its_rows(profiler: Profiler, shell: Any) -> None:
    seen = {one["name"]: one for one in profiler.first["columns"]}
    assert (seen["empty"]["nulls"], seen["empty"]["share"]) == (40, "100%")
    for name, one in seen.items():
        for bar in one["bars"]:
            if name in {"facts", "secret"} or bar["label"].startswith("xx"):
                assert bar["filter"] is None, name
                continue
            condition = {"field": name, "text": bar["label"], "filter": bar["filter"]}
            assert ask(profiler, "look", names=[], conditions=[condition])["rows"] == bar["count"]
        assert not one["bars"] or sum(bar["count"] for bar in one["bars"]) + one["nulls"] == 40
    assert all(seen[name]["histogram"] for name in ("rows", "price", "weight", "day", "at"))
    assert [bar["label"] for bar in seen["rows"]["bars"][:2]] == ["0 to 19", "20 to 39"]


def test_several_conditions_and_their_cell(profiler: Profiler, shell: Any) -> None:
    seen = {one["name"]: one for one in profiler.first["columns"]}
    named = next(bar for bar in seen["title"]["bars"] if bar["label"] == ":name")
    conditions = [
        {"field": "title", "text": ":name", "filter": named["filter"]},
        {"field": "rows", "text": "few", "filter": json.dumps({"rows": {"_lt": 100}})},
        {"field": "empty", "text": "null", "filter": seen["empty"]["null"]},
    ]
    found = ask(profiler, "look", names=["title", "rows"], conditions=conditions)
    assert (found["rows"], found["names"], len(found["page"])) == (3, ["id", "title", "rows"], 3)
    assert found["page"][0][1:] == [":name", "7"]
    # A text that would stand for a value of the notebook means itself.
    assert len(shell.run(found["cell"])) == 3
    many = ask(profiler, "values", name="rows", conditions=conditions)
    assert [(one["label"], one["count"]) for one in many] == [("7", 1), ("42", 1), ("77", 1)]
    assert profiler.cell([]) == "%enfyra query post"
    both = shell.run("%enfyra profile post --click --fields rows --filter {rows: {_lt: 70}}")
    assert both.first["rows"] == 10
    cell = both.cell([{"field": "rows", "text": "", "filter": '{"rows": {"_gt": 7}}'}])
    assert "fields: [rows]" in cell
    assert len(shell.run(cell)) == 8


def test_what_is_shown_is_text(profiler: Profiler) -> None:
    title = next(one for one in profiler.first["columns"] if one["name"] == "title")
    assert "<img src=x onerror=alert(1)>␛[31m" in [bar["label"] for bar in title["bars"]]
    assert "(empty)" in [bar["label"] for bar in title["bars"]]
    bundle = profiler._repr_mimebundle_()
    assert "<img" not in bundle["text/html"]
    assert "post: 40 rows" in bundle["text/plain"]


def test_two_requests_whatever_is_narrowed(profiler: Profiler, monkeypatch: Any) -> None:
    sent = list[Any]()
    http = profiler._session.client._http
    monkeypatch.setattr(http, "event_hooks", {"request": [sent.append]})
    narrow = {"field": "rows", "text": "", "filter": '{"rows": {"_gt": 7}}'}
    names = [one["name"] for one in profiler.facts["columns"]]
    ask(profiler, "look", names=names, conditions=[narrow])
    assert len(sent) == 2


def test_conditions_live_on(profiler: Profiler, shell: Any, client: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("enfyra_jupyter.widgets.shelf.running_cell", lambda: "a")
    first = shell.run("%enfyra profile post --click")
    first.conditions = [{"field": "rows", "text": "0", "filter": '{"rows": {"_eq": 0}}'}]
    shell.shell.execution_count += 1
    again = shell.run("%enfyra profile post --click")
    assert (again.first["rows"], first.comm) == (1, None)
    assert repr(again).startswith("where rows is 0\npost: 1 row")
    # One about a column that is gone is taken off.
    again.conditions = [{"field": "gone", "text": "0", "filter": '{"gone": {"_eq": 0}}'}]
    shell.shell.execution_count += 1
    assert shell.run("%enfyra profile post --click").conditions == []


def test_a_table_that_is_gone_is_said(profiler: Profiler, client: Any) -> None:
    drop_tables(client)
    for action, given in (("look", {"names": ["title"]}), ("values", {"name": "title"})):
        message = {"id": "1", "action": action, "given": {**given, "conditions": []}}
        said = profiler.answered(message)["error"]["message"]
        assert said == "The table 'post' is not there any more"


@pytest.mark.parametrize(
    "values",
    [
        [5], [-3, 100_000], [2**62, -(2**62)], [1.7e308, -1.7e308], [0.1, 0.30000000000000004],
        [5e-324, 0.0], [1e300, 1.0000000000000002e300], [float("inf"), 1.0, 2.0],
    ],
)  # fmt: skip
def test_parts_hold_all_values(values: list[Any]) -> None:
    found = binned(pa.chunked_array([values]))
    finite = [one for one in values if one != float("inf")]
    assert sum(found.counts) == len(finite)
    assert (found.edges[0], found.edges[-1]) == (min(finite), max(finite))
    assert list(found.edges) == sorted(found.edges)
    assert len(found.counts) == len(found.edges) - 1 <= 22
