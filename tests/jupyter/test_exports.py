"""A result in other libraries and in files."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from enfyra_jupyter.client import ApiError, Client
from enfyra_jupyter.credentials import Token
from enfyra_jupyter.exports import write_csv
from enfyra_jupyter.frames import ResultFrame
from tests.jupyter.conftest import Server, drop_tables

TEXTS = ["=HYPERLINK(1)", "+1", "-1", "@a", "\tx", "\rx", "plain", "", None, 'a "quoted", one']


@pytest.fixture(scope="module")
def sales(server: Server) -> Iterator[ResultFrame]:
    with Client(server.api, Token(server.token, "token")) as client:
        client.post("/table_definition", {"name": "shop", "columns": [
            {"name": "name", "type": "varchar"}]})  # fmt: skip
        client.post("/table_definition", {
            "name": "sale",
            "columns": [
                {"name": "note", "type": "varchar"},
                {"name": "price", "type": "decimal", "options": {"precision": 8, "scale": 2}},
                {"name": "gain", "type": "int"},
                {"name": "day", "type": "date"},
                {"name": "facts", "type": "simple-json"},
            ],
            "relations": [
                {"propertyName": "shop", "type": "many-to-one", "targetTable": "shop",
                 "inversePropertyName": "sales"},
            ],
        })  # fmt: skip
        client.post("/shop", [{"name": "=Corner"}, {"name": "Mall"}])
        client.post("/sale", [
            {"note": note, "price": f"{number}.10", "gain": -number, "day": "2024-02-29",
             "facts": {"n": number}, "shop": 1 + number % 2}
            for number, note in enumerate(TEXTS)
        ])  # fmt: skip
        query = {"fields": "note,price,gain,day,facts,shop.name", "sort": "id"}
        yield ResultFrame(client, "/sale", query)
        drop_tables(client)


def test_polars_reads_it(sales):
    frame = sales.polars()
    assert frame.schema["price"] == pl.Decimal(8, 2)
    assert frame["note"].to_list() == TEXTS
    assert frame["day"][0] == dt.date(2024, 2, 29)
    assert frame.select(pl.col("shop").struct.field("name"))["name"][1] == "Mall"
    assert pl.DataFrame(sales).equals(frame)
    assert json.loads(frame["facts"][3]) == {"n": 3}


def test_duckdb_reads_it(sales):
    # It finds the variable by its name.
    found = duckdb.sql("SELECT shop.name, sum(price), min(gain) FROM sales GROUP BY 1 ORDER BY 1")
    assert found.fetchall() == [("=Corner", Decimal("20.50"), -8), ("Mall", Decimal("25.50"), -9)]


class Watched(ResultFrame):
    """Remembers the batches that come in."""

    @contextmanager
    def reader(self) -> Iterator[pa.RecordBatchReader]:
        def seen() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                self.came = batch
                yield batch

        with super().reader() as reader:
            yield pa.RecordBatchReader.from_batches(reader.schema, seen())


def test_nothing_is_copied_on_the_way(sales):
    watched = Watched(sales.client, "/sale", {"fields": "gain"})
    (there,) = pl.DataFrame(watched).to_arrow().column("gain").chunks
    here = watched.came.column("gain")
    assert there.buffers()[1].address == here.buffers()[1].address


def test_a_spreadsheet_finds_no_formula(sales, tmp_path):
    path = sales.to_csv(tmp_path / "sales.csv")
    read = pd.read_csv(path, keep_default_na=False, dtype=str)
    assert list(read.columns) == [
        "id",
        "note",
        "price",
        "gain",
        "day",
        "facts",
        "shop.id",
        "shop.name",
    ]
    assert read["note"].tolist() == [
        "'=HYPERLINK(1)", "'+1", "'-1", "'@a", "'\tx", "'\rx", "plain", "", "", TEXTS[-1],
    ]  # fmt: skip
    assert read["shop.name"][0] == "'=Corner"
    # Numbers stay numbers.
    assert read["gain"][3] == "-3"
    assert read["price"][3] == "3.10"
    # An empty text is not the same as none.
    lines = path.read_text().splitlines()
    assert '8,"",' in "".join(lines)
    assert "9,,8.10" in "".join(lines)


def test_formulas_can_be_asked_for(sales, tmp_path):
    path = sales.to_csv(tmp_path / "sales.csv", formulas=True, include_header=False)
    assert path.read_text().startswith('1,"=HYPERLINK(1)",0.10')


def test_lists_are_json_and_no_rows_are_a_head(tmp_path):
    table = pa.table({"tags": [["a", "=b"], None], "=n": [1, 2]})
    write_csv(table.to_reader(), tmp_path / "a.csv")
    assert pd.read_csv(tmp_path / "a.csv")["tags"][0] == '["a", "=b"]'
    write_csv(table.slice(2).to_reader(), tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text() == '"tags","\'=n"\n'


def test_feather_is_read_by_others(sales, tmp_path):
    path = sales.to_feather(tmp_path / "sales.arrow", compression="zstd")
    assert pl.read_ipc(path)["note"].to_list() == TEXTS
    assert pd.read_feather(path)["gain"].tolist() == [-n for n in range(10)]


@pytest.mark.parametrize("method", ["to_csv", "to_feather", "to_parquet"])
def test_no_half_of_a_file_is_left(sales, tmp_path, method):
    broken = ResultFrame(sales.client, "/sale", {})
    broken.query["fields"] = "nonsense"
    target = tmp_path / "file"
    target.write_text("what was there before")
    with pytest.raises(ApiError):
        getattr(broken, method)(target)
    assert target.read_text() == "what was there before"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_it_says_how_it_is_answered(sales):
    told = sales.explain()
    assert told.plan["table"] == "sale"
    assert "SELECT" in repr(told)
    assert "SCAN" in repr(told)
    assert "<pre>SELECT" in told._repr_html_()
