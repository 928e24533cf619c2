"""Definitions that fit data."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from enfyra_jupyter.inference import InferenceError, infer_definition
from enfyra_jupyter.schema import EMPTY
from enfyra_jupyter.sources import DataError, Fitting, Source


def column(values: object, type_: pa.DataType | None = None, **options: bool) -> dict:
    table = pa.table({"x": pa.array(values, type_)})
    found = infer_definition(table, **options)["columns"][0]
    assert found.pop("name") == "x"
    return found


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, -5], "int"),
        ([2**31], "bigint"),
        ([-(2**40)], "bigint"),
        ([1.5], "float"),
        ([True], "boolean"),
        ([dt.date(1960, 1, 1)], "date"),
        ([dt.datetime(1960, 1, 1)], "datetime"),
        ([{"a": 1}], "simple-json"),
        ([[1, 2]], "simple-json"),
        (["x" * 513], "text"),
        ([None], "text"),
    ],
)
def test_types(values, type_):
    assert column(values)["type"] == type_


def test_lengths_leave_room():
    assert column(["é" * 9])["options"] == {"length": 16}
    assert column([""])["options"] == {"length": 8}


def test_decimals_and_uuids():
    assert column([Decimal("1.25")]) == {
        "type": "decimal", "isNullable": False, "options": {"precision": 3, "scale": 2},
    }  # fmt: skip
    assert column([uuid.uuid4().bytes], pa.uuid())["type"] == "uuid"


def test_lists_and_dictionaries_are_json_each_for_itself():
    frame = pd.DataFrame(
        {"x": [{"a": 1}, [2, np.nan], "3", None, {"b": np.int64(4)}, np.array([5])]}
    )
    source = Source(frame)
    assert infer_definition(source.whole())["columns"][0]["type"] == "simple-json"
    said = ['{"a": 1}', "[2, null]", '"3"', None, '{"b": 4}', "[5]"]
    assert source.whole()["x"].to_pylist() == said
    rows = Source(frame.to_dict("records"))
    assert rows.whole()["x"].to_pylist() == said
    with pytest.raises(DataError, match="row 1: x cannot become JSON"):
        Source(pd.DataFrame({"x": [{}, {(1, 2): 3}]})).whole()


def test_dictionaries_have_a_column_for_each_key_of_any():
    rows = [{"a": 1}, {"a": float("nan"), "b": "later"}]
    assert Source(rows).whole().to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": "later"}]
    assert Source([{"by": {"id": 1}}], related={"by"}).whole().to_pylist() == [{"by": {"id": 1}}]
    for data in ([{"a": 2**70}], pd.DataFrame({"a": pd.Series([2**70], dtype=object)})):
        with pytest.raises(DataError, match="the column 'a' has whole numbers of more than 64"):
            Source(data).whole()
    with pytest.raises(DataError, match="the column 'a' has values of mixed types"):
        Source([{"a": 1}, {"a": "x"}])


def test_frames_of_other_shapes_are_made_plain():
    for series in (pd.Series([1, 2], name="n"), pl.Series("n", [1, 2])):
        assert Source(series).whole().to_pydict() == {"n": [1, 2]}
    sparse = pd.DataFrame({"n": pd.arrays.SparseArray([0, 1])})
    assert Source(sparse).whole().to_pydict() == {"n": [0, 1]}
    sums = pd.DataFrame({"g": ["a", "a"], "n": [1, 2]}).groupby("g").agg({"n": ["min", "max"]})
    assert Source(sums).whole().to_pylist() == [{"g": "a", "n_min": 1, "n_max": 2}]


def test_categories_are_their_texts():
    texts = pl.Series(["a", None, "b"])
    for data in (
        pd.DataFrame({"x": pd.Categorical(["a", None, "b"])}),
        pl.DataFrame({"x": texts.cast(pl.Categorical)}),
        pl.DataFrame({"x": texts.cast(pl.Enum(["a", "b"]))}),
    ):
        source = Source(data)
        assert infer_definition(source.whole())["columns"][0]["type"] == "varchar"
        fitting = Fitting(source.schema(), None, EMPTY)
        (batch,) = source.batches()
        assert fitting.fit(batch, 0).to_pydict() == {"x": ["a", None, "b"]}


def test_what_the_server_keeps_is_in_each_table_anyway():
    table = pa.table({"n": [1], "createdAt": [dt.datetime(2001, 1, 1)]})
    assert [one["name"] for one in infer_definition(table)["columns"]] == ["n"]


def test_gaps_make_floats_of_pandas_integers():
    values = [1.0, None, 3.0]
    assert column(values)["type"] == "float"
    assert column(values, whole_floats=True)["type"] == "int"
    assert column([1.0, 2.0], whole_floats=True)["type"] == "float"
    assert column([1.5, None], whole_floats=True)["type"] == "float"
    assert column([float("inf"), None], whole_floats=True)["type"] == "float"


def test_gaps_are_allowed_where_there_are_any():
    assert column([1, None])["isNullable"] is True
    assert column([1])["isNullable"] is False


def test_key_becomes_a_unique_group():
    table = pa.table({"a": [1, None], "b": [2, 3]})
    definition = infer_definition(table, ["a", "b"])
    assert definition["uniques"] == [["a", "b"]]
    assert definition["columns"][0]["isNullable"] is False
    with_id = infer_definition(pa.table({"id": [1]}), ["id"])
    assert with_id == {
        "columns": [{"name": "id", "type": "int", "isPrimary": True}], "uniques": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"Dep Time": [1]}, "--rename 'Dep Time=Dep_Time'"),
        ({"1st": [1]}, "--rename '1st=column_1st'"),
        ({"a.b": [1]}, "'a.b' names a relation: define the table first"),
        ({"x": [dt.time(1)]}, "'x' is of the type time64[us], which no column can hold"),
        ({"x": [b"1"]}, "'x' is of the type binary"),
    ],
)
def test_what_no_table_can_hold_is_named(names, said):
    with pytest.raises(InferenceError) as caught:
        infer_definition(pa.table(names))
    assert said in str(caught.value)


def test_an_unknown_key_is_named():
    with pytest.raises(InferenceError, match="'carier' is no column\\. Did you mean 'carrier'"):
        infer_definition(pa.table({"carrier": [1]}), ["carier"])
