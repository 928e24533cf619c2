"""A dry run of a push: it says what would happen, and nothing does."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from enfyra_jupyter.client import Client
from enfyra_jupyter.rehearsing import Cell, rehearse
from enfyra_jupyter.schema import Schema
from enfyra_jupyter.sources import Source


@pytest.fixture
def tables(client: Client) -> Schema:
    client.post("/table_definition", {
        "name": "author",
        "columns": [{"name": "email", "type": "varchar", "isNullable": False}],
        "uniques": [["email"]],
    })  # fmt: skip
    client.post("/table_definition", {
        "name": "item",
        "columns": [
            {"name": "n", "type": "int", "isNullable": False}, {"name": "x", "type": "float"},
            {"name": "text", "type": "varchar", "options": {"length": 10}},
            {"name": "doc", "type": "simple-json"},
            {"name": "day", "type": "date"},
        ],
        "relations": [{"propertyName": "by", "type": "many-to-one", "targetTable": "author"}],
        "uniques": [["n"]],
    })  # fmt: skip
    client.post("/author", [{"email": "ann@x.org"}, {"email": "bob@x.org"}])
    client.post("/item", [
        {"n": 1, "x": 1.5, "text": "a", "doc": {"a": 1}, "day": "2024-02-29", "by": 1},
        {"n": 2, "x": None, "text": "b", "by": 2},
        {"n": 3, "text": "<c>"},
    ])  # fmt: skip
    return Schema.of(client.get("/metadata")["data"])


@pytest.fixture
def tried(client, tables):
    def tried(data, renames=None, **options):
        before = client.get("/item", sort="n")["data"]
        done = rehearse(client, Source(data, renames), tables.tables["item"], tables, **options)
        assert client.get("/item", sort="n")["data"] == before
        return done

    return tried


def test_rows_are_new_changed_or_neither(tried):
    data = [
        {"n": 1, "x": 1.5, "text": "a", "doc": {"a": 1}, "day": "2024-02-29",
         "by.email": "ann@x.org"},
        {"n": 2, "x": 2.5, "text": "b", "doc": None, "day": None, "by.email": "ann@x.org"},
        {"n": 4, "x": None, "text": "d", "doc": None, "day": None, "by.email": None},
        {"n": 3, "x": None, "text": "x", "doc": None, "day": None, "by.email": None},
        {"n": 3, "x": None, "text": None, "doc": None, "day": None, "by.email": None},
    ]  # fmt: skip
    done = tried(data, mode="upsert", key=["n"])
    assert (done.rows, done.new, done.changed, done.unchanged) == (5, 1, 2, 1)
    assert (done.replaced, list(done.refused), list(done.blind)) == (1, [], [])
    assert list(done.cells) == [
        Cell("2", "x", None, 2.5),
        Cell("2", "by.email", "bob@x.org", "ann@x.org"),
        Cell("3", "text", "<c>", None),
    ]
    assert "5 rows into item (upsert): 1 new, 2 changed, 1 unchanged, 1 replaced" in repr(done)
    assert "&lt;c&gt;" in done._repr_html_()
    assert "<c>" not in done._repr_html_()


def test_rows_that_are_refused_are_told_each(tried):
    frame = pd.DataFrame({"n": [10, 1, 12, 2], "text": ["a", "b", "c", "d"]})
    done = tried(frame, mode="append")
    assert done.new == 4
    assert len(done.refused) >= 1
    frame = pd.DataFrame({"n": [1, 2, 3], "by.email": ["ann@x.org", "nobody@x.org", "ann@x.org"]})
    done = tried(frame, mode="upsert", key=["n"])
    assert "nobody@x.org" in done.refused[0]
    done = tried(pa.table({"n": [1, 2, 3], "day": ["2024-13-01", "2024-02-01", "x"]}),
                 mode="upsert", key=["n"])  # fmt: skip
    assert ["row 0" in done.refused[0], "row 2" in done.refused[1]] == [True, True], done.refused


def test_what_the_table_lacks_is_told(tried):
    frame = pd.DataFrame(
        {"n": [1, 2**40], "text": ["a" * 40, "b"], "colour": ["red", None], "size": [1, 2]}
    )
    done = tried(frame, mode="upsert", key=["n"])
    assert list(done.columns) == [
        "~ n: int becomes bigint",
        "~ text: varchar(10) becomes varchar(64) (40 characters)",
        "+ colour: varchar(8)",
        "+ size: int!",
    ]
    assert done.refused


def test_replacing_tells_how_many_go(tried):
    done = tried(pd.DataFrame({"n": [7]}), mode="replace")
    assert (done.new, done.gone) == (1, 3)
    assert "3 that are there would be deleted" in repr(done)


def test_an_empty_frame_does_nothing(tried):
    done = tried(pd.DataFrame({"n": pd.Series([], dtype="int64")}), mode="upsert", key=["n"])
    assert (done.rows, done.new, done.changed) == (0, 0, 0)
