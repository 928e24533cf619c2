"""Lists in every format: complete, exact, and good to be loaded again."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from decimal import Decimal
from typing import Any

# Pyarrow imports it at the first value that becomes Python's, which would be on the event loop.
import pandas  # noqa: F401
import pyarrow as pa
import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request, Response
from enfyra_kernel.records.streams.formats import FORMATS, accepted
from pyarrow import parquet

from tests.api import Api
from tests.arrow import load, stream_of
from tests.databases import SQL_ENGINES, Databases
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio

OTHERS = [name for name in FORMATS if name != "json"]
COLUMNS: tuple[Any, ...] = (
    "whole int", "large bigint", "real float", "yes boolean", "day date", "at datetime",
    "short varchar", "long text", "facts simple-json", "uid uuid",
    {"name": "amount", "type": "decimal", "options": {"precision": 15, "scale": 8}},
    {"name": "kind", "type": "enum", "options": ["red", "green"]},
    {"name": "tags", "type": "array-select"},
)  # fmt: skip
FULL = {
    "whole": -(2**31),
    "large": 2**63 - 1,
    "real": 0.1 + 0.2,
    "yes": False,
    "day": "1900-02-28",
    "at": "1969-07-20T22:17:40.000001+02:00",
    "short": 'a,"b"\r\n\\N;\t\u2028 \U0001f600 e\u0301',
    "long": "",
    "facts": {"a": [1, None, "\U0001f600"], "b": {}},
    "uid": "0189d0e4-7f43-7b3a-9c52-0242ac120002",
    "amount": "0.00000001",
    "kind": "red",
    "tags": ["", 'x,"y"', "\u00fe"],
}
# What is easily taken for something else.
ODD = {
    "whole": 0,
    "large": -(2**63),
    "real": 1e300,
    "yes": True,
    "day": "9999-12-31",
    "at": "2026-11-20T13:00:00Z",
    "short": "null",
    "long": " =1+1 ",
    "facts": "text",
    "uid": "00000000-0000-0000-0000-000000000000",
    "amount": "-1234567.00000000",
    "kind": "green",
    "tags": [],
}
AUTHOR = {"type": "many-to-one", "propertyName": "author", "targetTable": "author",
          "inversePropertyName": "things"}  # fmt: skip


async def define_things(api: Api) -> list[Any]:
    """Two tables alike, the first with one record of everything, one that is odd, one empty."""
    await api.define("author", "name varchar!", "born date")
    await api.create("/author", [{"name": "Ann", "born": "1950-01-31"}, {"name": "Bob"}])
    for name in ("thing", "copy"):
        relation = AUTHOR if name == "thing" else AUTHOR | {"inversePropertyName": "copies"}
        await api.define(name, *COLUMNS, relations=[relation])
    await api.create("/thing", [{**FULL, "author": 2}, ODD, {}])
    return await api.rows("/thing", sort="id")


def without_times(rows: list[Any]) -> list[Any]:
    return [{name: row[name] for name in row if not name.endswith("dAt")} for row in rows]


async def get(api: Api, path: str, kind: str, **query: Any) -> Any:
    answer = await api.get(path, format=kind, **query)
    assert answer.status == 200, answer.body
    return answer.body


def lines_of(content: bytes) -> list[Any]:
    return [json.loads(line) for line in content.splitlines()]


def cells_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def parquet_of(content: bytes) -> pa.Table:
    return parquet.read_table(io.BytesIO(content))


# -- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", ["*", "*,author.*"])
async def test_what_was_answered_can_be_loaded_and_is_the_same(api: Api, fields: str) -> None:
    rows = without_times(await define_things(api))
    for kind in OTHERS:
        content = await get(api, "/thing", kind, fields=fields)
        headers = {"Content-Type": FORMATS[kind].media_type}
        answer = await api.send("POST", "/copy", raw=content, headers=headers, mode="replace")
        assert answer.status == 201, (kind, answer.body)
        assert answer.data["rows"] == 3
        assert without_times(await api.rows("/copy", sort="id")) == rows, kind


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("kind", OTHERS)
async def test_a_body_may_be_compressed(sqlite_api: Api, kind: str, coding: str) -> None:
    rows = await define_things(sqlite_api)
    content = await get(sqlite_api, "/thing", kind)
    packed = gzip.compress(content) if coding == "gzip" else bytes(pa.compress(content, "zstd"))
    headers = {"Content-Encoding": coding}
    answer = await sqlite_api.send("POST", "/copy", raw=packed, headers=headers, format=kind)
    assert answer.status == 201, answer.body
    assert without_times(await sqlite_api.rows("/copy", sort="id")) == without_times(rows)
    spoilt = await sqlite_api.send(
        "POST", "/copy", raw=packed[:-9], headers=headers, format=kind, mode="replace"
    )
    assert (spoilt.status, spoilt.code) == (400, "BAD_REQUEST")
    assert len(await sqlite_api.rows("/copy")) == 3


# -- each format ----------------------------------------------------------------------------------


async def test_lines_are_the_records_of_a_json_answer(api: Api) -> None:
    rows = await define_things(api)
    content = await get(api, "/thing", "ndjson", sort="id")
    assert content.endswith(b"\n")
    assert lines_of(content) == rows
    some = await get(api, "/thing", "ndjson", fields="author.name", filter={"yes": False})
    assert lines_of(some) == [{"id": 1, "author": {"id": 2, "name": "Bob"}}]


@pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True)
async def test_a_document_over_several_lines_is_one_line(
    api: Api, databases: Databases, database_uri: str, engine: str
) -> None:
    """PostgreSQL keeps what another program wrote into a column of the type json."""
    if engine == "mysql":
        pytest.skip("JSON is a text there")
    text = '{"a":\n [1,\n\n 2]}'
    await asyncio.to_thread(
        databases.execute,
        database_uri,
        f"CREATE TABLE old (id INTEGER PRIMARY KEY, facts JSON); "
        f"INSERT INTO old VALUES (1, '{text}'), (2, NULL), (3, '{text}');",
    )
    answer = await api.post("/table_definition", {"name": "old", "adopt": True})
    assert answer.status == 201, answer.body
    content = await get(api, "/old", "ndjson", sort="id", fields="facts")
    facts = {"a": [1, 2]}
    assert lines_of(content) == [
        {"id": 1, "facts": facts}, {"id": 2, "facts": None}, {"id": 3, "facts": facts},
    ]  # fmt: skip


async def test_csv_has_a_header_and_the_texts_of_a_json_answer(api: Api) -> None:
    rows = await define_things(api)
    full, odd, empty = cells_of(await get(api, "/thing", "csv", sort="id", fields="*,author.name"))
    assert list(full)[:3] == ["id", "whole", "large"]
    assert {"author.id", "author.name"} <= set(full)
    for name in ("large", "day", "at", "short", "uid", "amount", "kind", "createdAt"):
        assert full[name] == str(rows[0][name]), name
        assert odd[name] == str(rows[1][name]), name
    assert (full["yes"], odd["yes"], full["author.name"]) == ("false", "true", "Bob")
    assert float(full["real"]) == FULL["real"]
    assert json.loads(full["facts"]) == FULL["facts"]
    assert json.loads(full["tags"]) == FULL["tags"]
    assert set(empty.values()) == {"", "3", rows[2]["createdAt"], rows[2]["updatedAt"]}


async def test_csv_tells_null_from_an_empty_text(api: Api) -> None:
    await api.define("note", "text text")
    await api.create("/note", [{"text": ""}, {"text": None}])
    content = await get(api, "/note", "csv", fields="text", sort="id")
    assert content == b'"id","text"\n1,""\n2,\n'


async def test_csv_makes_formulas_harmless_if_asked(sqlite_api: Api) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "a=1", "", None]
    await sqlite_api.define("note", "text text", "n int")
    await sqlite_api.create("/note", [{"text": text, "n": -1} for text in texts])
    plain = cells_of(await get(sqlite_api, "/note", "csv", sort="id"))
    assert [row["text"] for row in plain] == [text or "" for text in texts]
    safe = cells_of(await get(sqlite_api, "/note", "csv", sort="id", safe="true"))
    wanted = [f"'{text}" for text in texts[:6] if text] + ["a=1", "", ""]
    assert [row["text"] for row in safe] == wanted
    # A number is none.
    assert {row["n"] for row in safe} == {"-1"}
    refused = await sqlite_api.get("/note", format="ndjson", safe="true")
    assert (refused.status, refused.code) == (400, "INVALID_QUERY")


async def test_parquet_keeps_types(api: Api) -> None:
    await define_things(api)
    content = await get(api, "/thing", "parquet", sort="id")
    table = await asyncio.to_thread(parquet_of, content)
    schema = table.schema
    assert schema.field("at").type == pa.timestamp("us", "UTC")
    assert schema.field("day").type == pa.date32()
    assert schema.field("amount").type == pa.decimal128(15, 8)
    assert schema.field("tags").type == pa.list_(pa.string())
    assert schema.field("facts").metadata[b"enfyra:type"] == b"simple-json"
    assert schema.field("author").type == pa.struct([("id", pa.int32())])
    assert table["amount"].to_pylist()[0] == Decimal(FULL["amount"])


async def test_decimals_longer_than_38_digits(api: Api) -> None:
    if api.kernel.database.engine in {"sqlite", "mongodb"}:
        pytest.skip("SQLite keeps 15 digits, MongoDB 34")
    column = {"name": "amount", "type": "decimal", "options": {"precision": 50, "scale": 10}}
    for name in ("thing", "copy"):
        await api.define(name, column)
    await api.create("/thing", [{"amount": "1234567890123456789012345678901234567890.0123456789"}])
    rows = await api.rows("/thing", fields="id,amount")
    for kind in OTHERS:
        content = await get(api, "/thing", kind)
        answer = await api.send("POST", "/copy", raw=content, format=kind, mode="replace")
        assert answer.status == 201, (kind, answer.body)
        assert await api.rows("/copy", fields="id,amount") == rows, kind


# -- relations to many, groups --------------------------------------------------------------------


async def test_relations_to_many_are_lists(api: Api) -> None:
    await define_things(api)
    query = {"fields": "name,things.amount,things.at,things.facts", "sort": "id"}
    rows = await api.rows("/author", **query)
    assert lines_of(await get(api, "/author", "ndjson", **query)) == rows
    ann, bob = cells_of(await get(api, "/author", "csv", **query))
    assert (json.loads(ann["things"]), json.loads(bob["things"])) == ([], rows[1]["things"])
    table = await asyncio.to_thread(parquet_of, await get(api, "/author", "parquet", **query))
    assert pa.types.is_list(table.schema.field("things").type)
    (thing,) = table["things"].to_pylist()[1]
    assert thing["amount"] == Decimal(FULL["amount"])
    assert json.loads(thing["facts"]) == FULL["facts"]
    # A load does not set them, and says so.
    answer = await api.send("POST", "/author", raw=await get(api, "/author", "csv"), format="csv")
    assert (answer.status, answer.code) == (400, "INVALID_BODY")
    assert "things" in answer.message


async def test_groups_are_rows_like_others(api: Api) -> None:
    await api.define(
        "sale",
        "item varchar",
        "n int",
        {"name": "price", "type": "decimal", "options": {"precision": 4, "scale": 2}},
    )
    await api.create("/sale", [{"item": "ab"[n % 2], "n": n, "price": "99.99"} for n in range(8)])
    query = {"dimensions": "item", "measures": "count,sum(n),sum(price)", "sort": "item"}
    rows = await api.rows("/sale", **query)
    assert lines_of(await get(api, "/sale", "ndjson", **query)) == rows
    table = await asyncio.to_thread(parquet_of, await get(api, "/sale", "parquet", **query))
    assert table["sum_price"].to_pylist() == [Decimal("399.96")] * 2
    assert table["sum_n"].to_pylist() == [12, 16]


# -- asking ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        ("application/json, text/plain, */*", "json"),
        ("image/png", "json"),
        ("text/csv", "csv"),
        ("text/*", "csv"),
        ("application/*", "json"),
        ("application/x-ndjson, application/json;q=0.9", "ndjson"),
        ("application/json;q=0.9, application/vnd.apache.parquet", "parquet"),
        ("application/vnd.apache.arrow.stream, */*", "arrow"),
        ("*/*, application/vnd.apache.arrow.stream;q=0", "json"),
        ("application/json;q=0, text/csv;q=0.1", "csv"),
        ("APPLICATION/JSONL ; q=0.5", "ndjson"),
        ("text/csv;q=x, ;;,", "json"),
    ],
)
async def test_the_accept_header_chooses(header: str, name: str) -> None:
    assert accepted(header).name == name


async def test_format_wins_over_the_header(sqlite_api: Api) -> None:
    await sqlite_api.define("note", "text text")
    headers = {"Accept": "text/csv"}
    answer = await sqlite_api.send("GET", "/note", headers=headers, format="ndjson")
    assert answer.body == b""
    answer = await sqlite_api.send("GET", "/note", headers=headers, format="json", limit=3)
    assert answer.data == []
    for query in ({"format": "cvs"}, {"format": ""}):
        wrong = await sqlite_api.send("GET", "/note", headers=headers, **query)
        assert (wrong.status, wrong.code) == (400, "INVALID_QUERY"), wrong.body


QUERIES: tuple[dict[str, Any], ...] = (
    {"page": 2}, {"meta": "filterCount"}, {"fields": "titel"}, {"limit": "x"}, {"nothing": 1},
    {"aggregate": {"id": {"count": True}}}, {"cursor": ""}, {"explain": "true"},
)  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
async def test_faults_are_answered_as_json(sqlite_api: Api, kind: str) -> None:
    await sqlite_api.define("post", "title varchar")
    for query in QUERIES:
        answer = await sqlite_api.get("/post", format=kind, **query)
        assert answer.status == 400, query
        assert answer.body["success"] is False


async def response(kernel: Kernel, api: Api, method: str, query: str) -> Response:
    headers = {"authorization": f"Bearer {api.token}"}
    return await kernel.handle(Request(method, "/thing", query, headers))


@pytest.mark.parametrize("kind", OTHERS)
async def test_files_have_a_name_and_head_asks_for_no_rows(
    sqlite_kernel: Kernel, sqlite_api: Api, kind: str
) -> None:
    await define_things(sqlite_api)
    for method in ("GET", "HEAD"):
        answer = await response(sqlite_kernel, sqlite_api, method, f"format={kind}&limit=1")
        assert answer.status == 200
        assert answer.content_type.startswith(FORMATS[kind].media_type)
        name = f"thing.{FORMATS[kind].extension}"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer.stream is not None
        if method == "GET":
            assert [piece async for piece in answer.stream]


# -- memory ---------------------------------------------------------------------------------------

ROWS = 40_000
TEXT = "x" * 400


@pytest.fixture(scope="module")
def many() -> bytes:
    """A stream that is made before there is an event loop to hold up."""
    return stream_of({"title": [f"{number} {TEXT}" for number in range(ROWS)]}, 5_000)


@pytest.mark.parametrize("kind", ["parquet", "csv", "ndjson"])
async def test_a_long_answer_is_never_in_memory_as_a_whole(
    api: Api, kernel: Kernel, many: bytes, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enfyra_kernel.records.streams.parquet.GROUP_ROWS", 10_000)
    await api.define("thing", "title text")
    assert (await load(api, "/thing", many)).status == 201
    answer = await response(kernel, api, "GET", f"fields=title&format={kind}")
    assert answer.stream is not None
    before = pa.total_allocated_bytes()
    pieces = largest = held = 0
    async for piece in answer.stream:
        pieces += bool(piece)
        largest = max(largest, len(piece))
        held = max(held, pa.total_allocated_bytes() - before)
    assert pieces > 3
    assert largest < ROWS * len(TEXT) / 2
    assert held < ROWS * len(TEXT)
