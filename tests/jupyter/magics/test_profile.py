"""Profiles and plots of tables."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def posts(shell, client):
    client.post("/table_definition", {
        "name": "post",
        "columns": [
            {"name": "title", "type": "varchar"},
            {"name": "views", "type": "int"},
            {"name": "price", "type": "decimal", "options": {"precision": 8, "scale": 2}},
            {"name": "day", "type": "date"},
            {"name": "facts", "type": "simple-json"},
            {"name": "empty", "type": "text"},
        ],
        "relations": [
            {"propertyName": "owner", "type": "many-to-one", "targetTable": "user_definition"}
        ],
    })  # fmt: skip
    client.post("/post", [
        {
            "title": "<script>x</script>" if n % 2 else "even",
            "views": n,
            "price": "1.50",
            "day": f"2024-01-{n:02}",
            "facts": {"n": n % 2},
        }
        for n in range(1, 21)
    ])  # fmt: skip
    return shell


def test_profile(posts):
    found = posts.run("%enfyra profile post")
    assert (found.rows, found.sampled) == (20, 20)
    columns = {one.name: one for one in found.columns}
    views = columns["views"]
    assert (views.nulls, views.distinct, views.min, views.max, views.mean) == (0, 20, 1, 20, 10.5)
    assert list(views.bins) == [1] * 20
    assert columns["title"].top[0][1] == 10
    assert columns["price"].mean == 1.5
    assert columns["day"].max == "2024-01-20"
    assert sum(columns["day"].bins) == 20
    assert columns["facts"].distinct == 2
    assert (columns["empty"].nulls, columns["empty"].distinct) == (20, 0)
    html = found._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert html.count("<svg") == len(found.columns) - 1
    text = repr(found)
    assert "post: 20 rows" in text
    assert "20 (100%)" in text
    assert list(found.DataFrame()["name"]) == list(columns)

    some = posts.run("%enfyra profile post --fields views --filter {views: {_gt: 5}} --sample 10")
    assert (some.rows, some.sampled, len(some.columns)) == (15, 10, 1)
    assert "are of 10" in repr(some)
    assert "≥ 10" in repr(some)
    none = posts.run("%enfyra profile post --filter {views: {_gt: 50}}")
    assert (none.rows, none.columns[0].nulls) == (0, 0)
    assert "Did you mean 'views'?" in posts.refused("%enfyra profile post --fields view")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("views", "hist of views: 20 values"),
        ("title", "bar of title: 2 values"),
        ("title views", "bar of title and views: 2 values"),
        ("day views", "line of day and views: 20 values"),
        ("views price", "scatter of views and price: 20 values"),
        ("views --kind box --limit 5", "box of views: 5 values"),
    ],
)
def test_plot(posts, words, text):
    plot = posts.run(f"%enfyra plot post {words}")
    assert repr(plot) == text
    assert plot._repr_png_().startswith(b"\x89PNG")


def test_many_values_are_drawn_evenly(posts, monkeypatch):
    monkeypatch.setattr("enfyra_jupyter.plots.POINTS", 5)
    drawn = posts.run("%enfyra plot post views price")
    assert repr(drawn) == "scatter of views and price: 5 values; one of 4 values"
    points = drawn.figure.axes[0].collections[0].get_offsets()
    assert [x for x, _ in points] == [1, 5, 9, 13, 17]
    assert drawn.figure.axes[0].get_title() == "post (one of 4 values)"
    assert repr(posts.run("%enfyra plot post views")) == "hist of views: 20 values"
    monkeypatch.setattr("enfyra_jupyter.plots.ROWS", 10)
    assert repr(posts.run("%enfyra plot post views")) == "hist of views: 10 values; of 10 rows"
    monkeypatch.setattr("enfyra_jupyter.plots._BARS", 1)
    assert repr(posts.run("%enfyra plot post title")) == "bar of title: 1 values; the 1 largest"
    assert repr(posts.run("%enfyra plot post owner.email")) == "bar of owner.email: 1 values"


def test_plots_that_cannot_be_drawn(posts, monkeypatch):
    assert "Choose a column of its records" in posts.refused("%enfyra plot post owner")
    assert "Did you mean 'email'?" in posts.refused("%enfyra plot post owner.emial")
    assert "Did you mean 'owner'?" in posts.refused("%enfyra plot post ownr.email")
    assert "'title' is no number, but varchar" in posts.refused("%enfyra plot post views title")
    assert "'title' is no number or time" in posts.refused("%enfyra plot post title --kind hist")
    assert "a column for each axis" in posts.refused("%enfyra plot post views --kind line")
    assert "Did you mean 'views'?" in posts.refused("%enfyra plot post viws")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "%pip install matplotlib" in posts.refused("%enfyra plot post views")


def test_completion(posts):
    complete = posts.shell.magics_manager.registry["EnfyraMagics"].completer.complete
    posts.run("%enfyra tables")
    assert complete(["%enfyra profile po"]) == ("po", ["post"])
    assert complete(["%enfyra plot post vi"]) == ("vi", ["views"])
    assert complete(["%enfyra plot post views pr"]) == ("pr", ["price"])
    assert complete(["%enfyra plot post views --kind sc"]) == ("sc", ["scatter"])
    assert complete(["%enfyra profile post --fields ti"]) == ("ti", ["title"])
