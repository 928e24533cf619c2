"""Records read as Arrow streams: types and values exact, memory constant."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import ARROW, Request

from tests.api import Api
from tests.arrow import load, read, stream_of, values

pytestmark = pytest.mark.asyncio

COLUMNS: tuple[Any, ...] = (
    "whole int", "large bigint", "real float", "yes boolean", "day date", "at datetime",
    "short varchar", "long text", "facts simple-json", "uid uuid",
    {"name": "amount", "type": "decimal", "options": {"precision": 15, "scale": 4}},
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
    "short": 'a,"b"\n\\N;\t\u2028 \U0001f600 e\u0301',
    "long": "",
    "facts": {"a": [1, None, "\U0001f600"], "b": {}},
    "uid": "0189d0e4-7f43-7b3a-9c52-0242ac120002",
    "amount": "-12345678901.2345",
    "kind": "red",
    "tags": ["", 'x,"y"', "\u00fe"],
}
NAMES = tuple(FULL)


async def test_types_and_values_are_exact(api: Api) -> None:
    await api.define("thing", *COLUMNS)
    await api.create("/thing", FULL)
    table = await read(api, "/thing")
    assert {field.name: field.type for field in table.schema} == {
        "id": pa.int32(),
        "whole": pa.int32(),
        "large": pa.int64(),
        "real": pa.float64(),
        "yes": pa.bool_(),
        "day": pa.date32(),
        "at": pa.timestamp("us", "UTC"),
        "short": pa.string(),
        "long": pa.string(),
        "facts": pa.string(),
        "uid": pa.string(),
        "amount": pa.decimal128(15, 4),
        "kind": pa.string(),
        "tags": pa.list_(pa.string()),
        "createdAt": pa.timestamp("us", "UTC"),
        "updatedAt": pa.timestamp("us", "UTC"),
    }
    assert table.schema.field("facts").metadata == {b"enfyra:type": b"simple-json"}
    (row,) = values(table, *(name for name in NAMES if name != "facts"))
    assert row == {
        **{name: FULL[name] for name in NAMES if name != "facts"},
        "day": date(1900, 2, 28),
        "at": datetime(1969, 7, 20, 20, 17, 40, 1, tzinfo=UTC),
        "amount": Decimal("-12345678901.2345"),
    }


async def test_an_answer_can_be_loaded_again_as_it_is(api: Api) -> None:
    await api.define("thing", *COLUMNS)
    await api.define("copy", *COLUMNS)
    await api.create("/thing", [FULL, {}])
    table = await read(api, "/thing", sort="id")
    answer = await load(api, "/copy", table)
    assert answer.status == 201, answer.body
    wanted = await api.rows("/thing", fields=",".join(NAMES), sort="id")
    assert await api.rows("/copy", fields=",".join(NAMES), sort="id") == wanted


async def test_nulls_are_null_in_every_type(api: Api) -> None:
    await api.define("thing", *COLUMNS)
    for body in ({}, FULL, {}):
        await api.create("/thing", body)
    table = await read(api, "/thing", sort="id")
    for name in NAMES:
        assert table[name].is_null().to_pylist() == [True, False, True], name


async def test_an_empty_result_still_says_what_its_columns_are(api: Api) -> None:
    await api.define("thing", *COLUMNS)
    table = await read(api, "/thing", fields="whole,amount")
    assert table.num_rows == 0
    types = {field.name: field.type for field in table.schema}
    assert (types["whole"], types["amount"]) == (pa.int32(), pa.decimal128(15, 4))


async def test_dates_far_from_now(api: Api) -> None:
    await api.define("thing", "day date", "at datetime")
    instants = [datetime(year, 10, 10, 12, 30, 15, 250_000, UTC) for year in (1, 1582, 1883, 9999)]
    await api.create(
        "/thing", [{"day": at.date().isoformat(), "at": at.isoformat()} for at in instants]
    )
    table = await read(api, "/thing", sort="id")
    assert values(table, "day", "at") == [{"day": at.date(), "at": at} for at in instants]


async def test_floats_keep_every_bit(api: Api) -> None:
    numbers = [0.0, 5e-324, 1.7976931348623157e308, 1e16, 123456789.123456789, 1 / 3, -1e-7]
    await api.define("thing", "real float")
    await load(api, "/thing", {"real": numbers})
    assert (await read(api, "/thing", sort="id"))["real"].to_pylist() == numbers


# -- what a query can ask for ---------------------------------------------------------------------


async def test_filters_order_and_limit_are_those_of_any_list(api: Api) -> None:
    await api.define("post", "title varchar", "views int")
    await api.create("/post", [{"title": f"t{n}", "views": n % 3} for n in range(30)])
    everything = await read(api, "/post")
    assert everything.num_rows == 30
    table = await read(api, "/post", filter={"views": 1}, sort="-id", limit=4, fields="id,title")
    assert table.column_names == ["id", "title"]
    assert table["title"].to_pylist() == ["t28", "t25", "t22", "t19"]


async def test_related_records_are_structs_and_null_where_there_is_none(api: Api) -> None:
    await api.define("person", "name varchar", "age int")
    relation = {"type": "many-to-one", "propertyName": "author", "targetTable": "person"}
    await api.define("post", "title varchar", relations=[relation])
    await api.create("/person", {"name": "Ann"})
    await api.create("/post", [{"title": "a", "author": 1}, {"title": "b"}])
    table = await read(api, "/post", fields="title,author.name,author.age", sort="id")
    assert values(table, "title", "author") == [
        {"title": "a", "author": {"id": 1, "name": "Ann", "age": None}},
        {"title": "b", "author": None},
    ]


async def test_faults_are_answered_as_json(sqlite_api: Api) -> None:
    await sqlite_api.define("post", "title varchar")
    headers = {"Accept": ARROW}
    unknown = await sqlite_api.send("GET", "/post", headers=headers, fields="titel")
    assert (unknown.status, unknown.code) == (400, "UNKNOWN_FIELD")
    paged = await sqlite_api.send("GET", "/post", headers=headers, page=2)
    assert (paged.status, paged.code) == (400, "INVALID_QUERY")
    stranger = await sqlite_api.anonymous.send("GET", "/post", headers=headers)
    assert stranger.status == 401


# -- memory ---------------------------------------------------------------------------------------

ROWS = 40_000
TEXT = "x" * 400


@pytest.fixture(scope="module")
def many() -> bytes:
    """A stream that is made before there is an event loop to hold up."""
    return stream_of({"title": [f"{number} {TEXT}" for number in range(ROWS)]}, 5_000)


async def test_a_long_answer_is_never_in_memory_as_a_whole(
    api: Api, kernel: Kernel, many: bytes
) -> None:
    """As the streams of any client: what was sent is gone before more is read."""
    await api.define("post", "title text")
    assert (await load(api, "/post", many)).status == 201
    headers = {"accept": ARROW, "authorization": f"Bearer {api.token}"}
    response = await kernel.handle(Request("GET", "/post", "fields=title", headers))
    assert response.stream is not None
    before = pa.total_allocated_bytes()
    total = largest = held = 0
    async for piece in response.stream:
        total += len(piece)
        largest = max(largest, len(piece))
        held = max(held, pa.total_allocated_bytes() - before)
    assert total > ROWS * len(TEXT)
    assert largest < total / 4
    assert held < total / 2


async def test_a_reader_that_goes_away_leaves_the_database_usable(
    api: Api, kernel: Kernel, many: bytes
) -> None:
    await api.define("post", "title text")
    await load(api, "/post", many)
    headers = {"accept": ARROW, "authorization": f"Bearer {api.token}"}
    for _ in range(12):  # more often than there are connections
        response = await kernel.handle(Request("GET", "/post", "", headers))
        assert response.stream is not None
        pieces = aiter(response.stream)
        await anext(pieces)
        await anext(pieces)
        await response.aclose()
    assert (await api.get("/post", limit=1, meta="totalCount")).body["meta"]["totalCount"] == ROWS
