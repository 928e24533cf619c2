from __future__ import annotations

from itertools import combinations
from typing import Any

from enfyra_jupyter.widgets.layout import placed

AUTHOR = "%%enfyra table author\ndescription: Who <b>writes</b>\ncolumns:\n  name: varchar! unique"
POST = (
    "%%enfyra table post\ncolumns:\n  title: varchar\nrelations:\n  author: author! inverse posts"
)


def test_boxes_do_not_lie_on_each_other() -> None:
    names = [f"t{number}" for number in range(100)]
    sizes = {name: (210.0, 60.0 + 17 * (number % 9)) for number, name in enumerate(names)}
    # A star, a chain, a circle, one that refers to itself, and some alone.
    edges = [(names[number], names[0]) for number in range(1, 50)]
    edges += [(names[number], names[number + 1]) for number in range(50, 70)]
    edges += [(names[70], names[71]), (names[71], names[70]), (names[72], names[72])]
    places = placed(sizes, edges)
    assert set(places) == set(names)
    for one, other in combinations(names, 2):
        (width, height), (its_width, its_height) = sizes[one], sizes[other]
        a, b = places[one], places[other]
        assert (
            a.x + width <= b.x or b.x + its_width <= a.x
            or a.y + height <= b.y or b.y + its_height <= a.y
        ), (one, other)  # fmt: skip
    assert all(places[names[number]].x > places[names[0]].x for number in range(1, 50))
    # It fits a screen, however many refer to one.
    assert max(one.y for one in places.values()) < 2500


def test_the_diagram_of_two_tables(shell: Any, client: Any) -> None:
    shell.run(AUTHOR)
    shell.run(POST)
    client.post("/author", {"name": "<i>Ann</i>"})
    erd = shell.run("%enfyra erd --click")
    assert [one["name"] for one in erd.tables] == ["author", "post"]
    author, post = erd.tables
    assert author["x"] < post["x"]
    assert author["about"] == "Who <b>writes</b>"
    assert [one["key"] for one in author["columns"]] == ["key", "unique"]
    assert erd.relations == [
        {"from": "post", "to": "author", "name": "author", "kind": "n:1", "required": True}
    ]
    assert author["relations"] == [{"name": "posts", "type": "one-to-many", "table": "post"}]
    rows = erd.answered({"id": "1", "action": "rows", "given": {"table": "author"}})["value"]
    assert (rows["columns"][1], rows["rows"][0][1], rows["total"]) == ("name", "<i>Ann</i>", 1)
    assert "post (id int, title varchar)" in repr(erd)
    assert "<b>" not in erd._repr_mimebundle_()["text/html"]
    gone = erd.answered({"id": "1", "action": "rows", "given": {"table": "no"}})["error"]
    assert gone["message"] == "The table 'no' is not there any more"
    only = shell.run("%enfyra erd post --click")
    assert only.relations == []
