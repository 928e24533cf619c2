"""Data on its way into a table."""

from __future__ import annotations

import datetime as dt
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from enfyra_jupyter.client import ApiError, Client
from enfyra_jupyter.frames import ResultFrame
from enfyra_jupyter.push import push
from enfyra_jupyter.schema import Schema
from enfyra_jupyter.sources import ROWS, DataError, Source


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
            {"name": "n", "type": "int"}, {"name": "x", "type": "float"},
            {"name": "text", "type": "varchar", "options": {"length": 10}},
            {"name": "at", "type": "datetime"}, {"name": "day", "type": "date"},
            {"name": "doc", "type": "simple-json"}, {"name": "flag", "type": "boolean"},
            {"name": "uid", "type": "uuid"},
        ],
        "relations": [{"propertyName": "by", "type": "many-to-one", "targetTable": "author"}],
        "uniques": [["n"]],
    })  # fmt: skip
    client.post("/author", [{"email": "ann@x.org"}, {"email": "bob@x.org"}])
    return Schema.of(client.get("/metadata")["data"])


@pytest.fixture
def send(client, tables):
    def send(data, renames=None, **options):
        source = Source(data, renames)
        return push(client, source, tables.tables["item"], tables, progress=False, **options)

    return send


@pytest.fixture
def rows(client):
    def rows(fields="*"):
        return ResultFrame(client, "/item", {"sort": "n", "fields": fields}).rows

    return rows


def test_every_kind_of_value(send, rows):
    uid = uuid.uuid4()
    frame = pd.DataFrame({
        "n": [1.0, np.nan], "x": [1, 2], "text": ["a", None],
        "at": [pd.Timestamp("1969-07-20T20:17:40.123456789Z"), pd.NaT],
        "day": [dt.date(1960, 2, 29), None], "doc": [{"a": [1]}, None], "flag": [True, None],
        "uid": [str(uid), None], "by.email": ["bob@x.org", None],
    })  # fmt: skip
    pushed = send(frame)
    assert (pushed.rows, pushed.unmatched) == (2, 0)
    empty, row = sorted(rows("*,by.email"), key=lambda one: one["id"], reverse=True)
    assert (row["n"], row["x"], row["text"], row["flag"]) == (1, 1.0, "a", True)
    assert row["at"].startswith("1969-07-20T20:17:40.123")
    assert (row["day"], row["doc"], row["uid"]) == ("1960-02-29", {"a": [1]}, str(uid))
    assert row["by"]["email"] == "bob@x.org"
    assert [empty[name] for name in ("n", "text", "at", "day", "doc", "flag", "by")] == [None] * 7


@pytest.mark.parametrize("kind", ["pandas", "pandas-arrow", "table", "batch", "list", "reader"])
def test_every_kind_of_source(kind, send, rows):
    table = pa.table({"n": [1, 2], "text": ["a", "b"]})
    data = {
        "pandas": table.to_pandas,
        "pandas-arrow": lambda: table.to_pandas(types_mapper=pd.ArrowDtype),
        "table": lambda: table,
        "batch": lambda: table.to_batches()[0],
        "list": table.to_pylist,
        "reader": lambda: _Stream(table),
    }[kind]()
    assert send(data).rows == 2
    assert [row["text"] for row in rows()] == ["a", "b"]


class _Stream:
    """Anything that speaks Arrow."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, schema=None):
        return self.table.__arrow_c_stream__(schema)


def test_more_rows_than_one_batch_holds(send, client):
    count = 2 * ROWS + 1
    texts = pd.Series([str(number) for number in range(count)]).astype("string[pyarrow]")
    # Two pieces, as after reading a large file: slices go across where they meet.
    frame = pd.concat(
        [pd.DataFrame({"text": texts[: ROWS + 7]}), pd.DataFrame({"text": texts[ROWS + 7 :]})]
    )
    frame["n"] = range(count)
    assert send(frame).rows == count
    assert client.get("/item", limit=1, meta="totalCount")["meta"]["totalCount"] == count


def test_each_row_of_a_list_may_have_fields_of_its_own(send, rows):
    send([{"n": 1}, {"text": "b", "n": 2}, {}])
    assert [(row["n"], row["text"]) for row in rows()] == [(None, None), (1, None), (2, "b")]


def test_an_index_with_a_name_is_a_column(send, rows):
    frame = pd.DataFrame({"text": ["a"]}, index=pd.Index([7], name="n"))
    send(frame)
    assert [(row["n"], row["text"]) for row in rows()] == [(7, "a")]


def test_labels_are_not_lost(send, rows):
    frame = pd.DataFrame({"n": [1, 2]}, index=pd.date_range("2024-01-01", periods=2))
    with pytest.raises(DataError, match="the index has labels and no name"):
        send(frame)
    assert send(frame.rename_axis("day")).rows == 2
    assert [row["day"] for row in rows()] == ["2024-01-01", "2024-01-02"]
    assert send(pd.DataFrame({"n": [3, 4]}).iloc[[1]]).rows == 1


def test_upsert_and_replace(send, rows):
    send(pd.DataFrame({"n": [1, 2], "text": ["a", "b"]}))
    pushed = send(pd.DataFrame({"n": [2, 3], "text": ["B", "c"]}), mode="upsert", key=["n"])
    assert repr(pushed).startswith("Upserted 2 rows into item in ")
    assert [row["text"] for row in rows()] == ["a", "B", "c"]
    assert "Replaced all rows of item by 1" in repr(send(pd.DataFrame({"n": [9]}), mode="replace"))
    assert [row["n"] for row in rows()] == [9]


def test_dry_run_leaves_nothing(send, rows):
    pushed = send(pd.DataFrame({"n": [1]}), dry_run=True)
    assert repr(pushed) == "Dry run: appended 1 rows to item, and took it back"
    assert rows() == []


def test_references_to_nothing(send, rows):
    frame = pd.DataFrame({"n": [1, 2], "who": ["ann@x.org", "eve@x.org"]})
    renames = {"who": "by.email"}
    with pytest.raises(ApiError) as caught:
        send(frame, renames)
    assert caught.value.code == "RELATION_NOT_FOUND"
    assert "eve@x.org" in str(caught.value)
    assert rows() == []
    pushed = send(frame, renames, missing="null")
    assert pushed.unmatched == 1
    assert "1 references without a match became null" in repr(pushed)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"n": [1.0, 2.5]}, "row 1: n is 2.5, which is no int"),
        ({"n": [1, 2**40]}, f"row 1: n is {2**40}, which is no int"),
        ({"n": [1, "x"]}, "the column 'n' has values of mixed types"),
        ([{"n": 1}, {"n": "x"}], "the column 'n' has values of mixed types"),
        ([{"n": 2**70}], "the column 'n' has whole numbers of more than 64 bits"),
        (pa.table([[1], [2]], names=["n", "n"]), "The column 'n' is there twice"),
    ],
)
def test_what_does_not_fit_is_named(values, said, send, rows):
    with pytest.raises(DataError) as caught:
        send(pd.DataFrame(values) if isinstance(values, dict) else values)
    assert said in str(caught.value)
    assert rows() == []


def test_a_bad_value_far_down_takes_everything_back(send, rows):
    values = [float(number) for number in range(ROWS + 10)]
    values[ROWS + 3] = 0.5
    with pytest.raises(DataError, match=f"row {ROWS + 3}: n is 0.5"):
        send(pd.DataFrame({"n": values}))
    assert rows() == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nn": [1]}, "Did you mean 'n'?"),
        ({"text": ["x" * 11]}, "row 0: text"),
        ({"day": ["yesterday"]}, "row 0: day"),
        ({"by.emial": ["a"]}, "Did you mean 'email'?"),
        ({"n": [1, 1]}, "DUPLICATE_RESOURCE"),
        ({"x": [float("inf")]}, "row 0: x"),
    ],
)
def test_what_the_server_refuses_is_told(values, said, send, rows):
    with pytest.raises(ApiError) as caught:
        send(pd.DataFrame(values))
    assert said in str(caught.value)
    assert rows() == []


def test_a_result_with_related_records_can_be_sent_on(send, client, rows):
    send(pd.DataFrame({"n": [1, 2], "by.email": ["bob@x.org", None]}))
    frame = ResultFrame(client, "/item", {"sort": "n", "fields": "n,by.email"})
    assert send(frame, mode="upsert", key=["n"]).rows == 2
    assert [row["by"] and row["by"]["email"] for row in rows("by.email")] == ["bob@x.org", None]


def test_a_bar_tells_how_far_it_is(client, tables, capsys):
    source = Source(pd.DataFrame({"n": range(3)}))
    push(client, source, tables.tables["item"], tables)
    shown = capsys.readouterr().err
    assert "item: 100%" in shown
    assert "3.00/3.00" in shown


def test_no_rows(send):
    assert send(pd.DataFrame({"n": pd.Series([], dtype="int64")})).rows == 0
    assert send(pa.table({"n": pa.array([], pa.int64())})).rows == 0


def test_sources_say_what_they_cannot_be():
    with pytest.raises(DataError, match="A int holds no rows"):
        Source(5)
    with pytest.raises(DataError, match="There is no column 'tex'\\."):
        Source(pd.DataFrame({"text": [1]}), {"tex": "n"})
    with pytest.raises(DataError, match="'a' is there twice"):
        Source(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match="'b' is there twice"):
        Source(pa.table({"a": [1], "b": [2]}), {"a": "b"})
