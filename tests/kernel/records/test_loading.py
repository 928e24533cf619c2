"""Arrow streams loaded into tables: all of a stream or nothing of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import ARROW, Request

from tests.api import Answer, Api
from tests.arrow import load, stream_of
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio

CITY = {"type": "many-to-one", "propertyName": "city", "targetTable": "city"}


async def define_shop(api: Api) -> None:
    """A product must have a code of its own and a price; a city is known by its name."""
    await api.define("city", "name varchar!", "country varchar", uniques=[["name"]])
    await api.define(
        "product",
        "code varchar!",
        "price int!",
        {"name": "stock", "type": "int", "isNullable": False, "defaultValue": 5},
        "note text",
        relations=[CITY],
        uniques=[["code"]],
    )


async def products(api: Api, fields: str = "code,price") -> list[Any]:
    rows = await api.rows("/product", fields=fields, sort="code")
    return [tuple(row[name] for name in fields.split(",")) for row in rows]


def problem(answer: Answer, code: str = "INVALID_BODY") -> str:
    assert answer.code == code, answer.body
    return answer.message


# -- modes ----------------------------------------------------------------------------------------


async def test_records_are_added_and_the_server_fills_in_what_is_missing(api: Api) -> None:
    await define_shop(api)
    answer = await load(api, "/product", {"code": ["a", "b"], "price": [1, 2]})
    assert answer.status == 201, answer.body
    assert answer.data == {"rows": 2, "mode": "append", "dryRun": False, "unmatched": 0}
    rows = await api.rows("/product", sort="code")
    assert [(row["code"], row["price"], row["stock"], row["note"]) for row in rows] == [
        ("a", 1, 5, None),
        ("b", 2, 5, None),
    ]
    assert all(row["createdAt"] == row["updatedAt"] for row in rows)


async def test_upsert_changes_records_with_the_same_key_and_adds_the_others(api: Api) -> None:
    await define_shop(api)
    before = await api.create("/product", {"code": "a", "price": 1, "stock": 9, "note": "kept"})
    answer = await load(
        api, "/product", {"code": ["b", "a"], "price": [2, 3]}, mode="upsert", key="code"
    )
    assert (answer.status, answer.data["rows"]) == (201, 2), answer.body
    assert await products(api, "code,price,stock,note") == [("a", 3, 9, "kept"), ("b", 2, 5, None)]
    (after,) = await api.rows("/product", filter={"code": "a"})
    assert (after["id"], after["createdAt"]) == (before["id"], before["createdAt"])
    assert after["updatedAt"] >= before["updatedAt"]


async def test_of_several_rows_with_one_key_the_last_one_counts(api: Api) -> None:
    await define_shop(api)
    content = {"code": ["a", "b", "a"], "price": [1, 2, 3]}
    answer = await load(api, "/product", content, mode="upsert", key="code")
    assert answer.status == 201, answer.body
    assert await products(api) == [("a", 3), ("b", 2)]


async def test_upsert_by_several_fields_with_a_relation_among_them(api: Api) -> None:
    await api.define("city", "name varchar!", uniques=[["name"]])
    await api.create("/city", [{"name": "Oslo"}, {"name": "Rome"}])
    await api.define("weather", "day date!", "degrees int", relations=[CITY],
                     uniques=[["city", "day"]])  # fmt: skip
    days = [date(2026, 1, 1)] * 2
    for degrees in ([1, 2], [3, 4]):
        content = {"city.name": ["Oslo", "Rome"], "day": days, "degrees": degrees}
        answer = await load(api, "/weather", content, mode="upsert", key="day,city")
        assert answer.status == 201, answer.body
    rows = await api.rows("/weather", fields="city.name,degrees", sort="degrees")
    assert [(row["city"]["name"], row["degrees"]) for row in rows] == [("Oslo", 3), ("Rome", 4)]


async def test_rows_whose_value_is_there_already_are_named(api: Api) -> None:
    await define_shop(api)
    await api.create("/product", {"code": "a", "price": 1})
    twice = await load(api, "/product", {"code": ["b", "c", "b"], "price": [1, 2, 3]})
    said = "rows 0 and 2: code must be unique, and both have code 'b'"
    assert problem(twice, "DUPLICATE_RESOURCE") == said
    met = problem(
        await load(api, "/product", {"code": ["b", "a"], "price": [1, 2]}), "DUPLICATE_RESOURCE"
    )
    if api.kernel.database.engine != "sqlite":
        # It does not say which value it is.
        assert met == "row 1: code must be unique: a 'product' with code 'a' exists already"
    assert "code must be unique: a 'product'" in met
    lost = await load(api, "/product", {"code": ["b", "c"], "price": [1, 2], "city": [None, 9]})
    assert "city refers to a record that does not exist" in problem(lost, "RELATION_NOT_FOUND")
    if api.kernel.database.engine == "postgresql":
        assert lost.message.startswith("row 1: ")
    assert await products(api) == [("a", 1)]


async def test_upsert_touches_no_record_that_only_shares_another_unique_field(api: Api) -> None:
    await define_shop(api)
    first = await api.create("/product", {"code": "a", "price": 1})
    content = {"id": [first["id"]], "code": ["b"], "price": [7]}
    answer = await load(api, "/product", content, mode="upsert", key="code")
    assert (answer.status, answer.code) == (409, "DUPLICATE_RESOURCE")
    assert await products(api) == [("a", 1)]


async def test_replace_puts_the_stream_in_the_place_of_all_records(api: Api) -> None:
    await define_shop(api)
    await load(api, "/product", {"code": ["a", "b"], "price": [1, 2]})
    answer = await load(api, "/product", {"code": ["b", "c"], "price": [3, 4]}, mode="replace")
    assert answer.status == 201, answer.body
    assert await products(api) == [("b", 3), ("c", 4)]


async def test_what_others_refer_to_is_not_replaced(api: Api) -> None:
    await api.define("city", "name varchar!")
    must = {**CITY, "onDelete": "RESTRICT"}
    await api.define("product", "code varchar", relations=[must])
    city = await api.create("/city", {"name": "Oslo"})
    await api.create("/product", {"code": "a", "city": city["id"]})
    answer = await load(api, "/city", {"name": ["Rome"]}, mode="replace")
    assert (answer.status, answer.code) == (409, "RELATION_IN_USE")
    assert [row["name"] for row in await api.rows("/city")] == ["Oslo"]


@pytest.mark.parametrize("mode", ["append", "upsert", "replace"])
async def test_a_dry_run_finds_the_same_faults_and_changes_nothing(api: Api, mode: str) -> None:
    await define_shop(api)
    await load(api, "/product", {"code": ["a"], "price": [1]})
    options = {"mode": mode, "key": "code", "dryRun": "true"}
    answer = await load(api, "/product", {"code": ["b", "c"], "price": [2, 3]}, **options)
    assert answer.status == 200, answer.body
    assert (answer.data["rows"], answer.data["dryRun"]) == (2, True)
    bad = await load(api, "/product", {"code": ["b", "c"], "price": [2, 1 << 40]}, **options)
    assert "row 1: price must be between" in problem(bad)
    assert await products(api) == [("a", 1)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"mode": "merge"}, "mode must be one of append, upsert, replace"),
        ({"mode": "upsert"}, "upsert needs a key"),
        ({"mode": "upsert", "key": "price"}, "key must be a unique group of 'product': id; code"),
        ({"mode": "upsert", "key": "code,price"}, "key must be a unique group"),
        ({"missing": "ignore"}, "missing must be error or null"),
        ({"mod": "upsert"}, "no parameter 'mod' for loading. Did you mean 'mode'?"),
        ({"dryRun": "perhaps"}, "dryRun must be true or false"),
    ],
)
async def test_options_that_make_no_sense_are_refused(
    sqlite_api: Api, query: dict[str, str], said: str
) -> None:
    await define_shop(sqlite_api)
    answer = await load(sqlite_api, "/product", {"code": ["a"], "price": [1]}, **query)
    assert answer.status == 400
    assert said in problem(answer, "INVALID_QUERY")


async def test_the_key_of_an_upsert_must_be_in_the_stream(sqlite_api: Api) -> None:
    await define_shop(sqlite_api)
    answer = await load(
        sqlite_api, "/product", {"code": ["a"], "price": [1]}, mode="upsert", key="id"
    )
    assert problem(answer) == "id is the key and is required"


# -- related records ------------------------------------------------------------------------------


async def test_related_records_are_named_by_their_key_or_another_field(api: Api) -> None:
    await define_shop(api)
    await api.create("/city", [{"name": "Oslo"}, {"name": "Rome"}])
    content = {"code": ["a", "b", "c"], "price": [1, 2, 3]}
    by_name = content | {"city.name": ["Rome", None, "Oslo"]}
    assert (await load(api, "/product", by_name)).status == 201
    names = [row["city"] and row["city"]["name"]
             for row in await api.rows("/product", fields="city.name", sort="code")]  # fmt: skip
    assert names == ["Rome", None, "Oslo"]
    for column in ("city", "city.id"):
        content = {"code": [column], "price": [1], column: [2]}
        assert (await load(api, "/product", content)).status == 201
    assert len(await api.rows("/product", filter={"city": {"name": "Rome"}})) == 3


async def test_a_related_record_that_is_not_there_is_named_with_its_row(api: Api) -> None:
    await define_shop(api)
    await api.create("/city", {"name": "Oslo"})
    content = {"code": ["a", "b"], "price": [1, 2], "city.name": ["Oslo", "Olso"]}
    answer = await load(api, "/product", content)
    assert answer.status == 409
    assert "city.name: there is no 'city' with name 'Olso' (row 1)" in problem(
        answer, "RELATION_NOT_FOUND"
    )
    assert await products(api) == []
    answer = await load(api, "/product", content, missing="null")
    assert (answer.status, answer.data["unmatched"]) == (201, 1)
    assert len(await api.rows("/product", filter={"city": {"_is_null": True}})) == 1


async def test_a_key_of_a_related_record_that_is_not_there_names_the_relation(api: Api) -> None:
    await define_shop(api)
    answer = await load(api, "/product", {"code": ["a"], "price": [1], "city": [77]})
    assert (answer.status, answer.code) == (409, "RELATION_NOT_FOUND"), answer.body
    assert answer.body["error"]["details"]["fields"] == ["city"]
    assert await products(api) == []


async def test_a_name_that_several_related_records_have_is_refused(sqlite_api: Api) -> None:
    await define_shop(sqlite_api)
    await sqlite_api.create(
        "/city", [{"name": name, "country": "Norway"} for name in ("Oslo", "Bergen")]
    )
    content = {"code": ["a"], "price": [1], "city.country": ["Norway"]}
    answer = await load(sqlite_api, "/product", content)
    assert "several 'city' have country 'Norway'" in problem(answer)


async def test_documents_and_lists_do_not_tell_related_records_apart(sqlite_api: Api) -> None:
    await sqlite_api.define("city", "facts simple-json")
    await sqlite_api.define("product", "code varchar", relations=[CITY])
    answer = await load(sqlite_api, "/product", {"city.facts": ['{"a": 1}']})
    assert "city.facts" in problem(answer)


# -- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["code", "price", "prise"], "prise is no field of 'product'. Did you mean 'price'?"),
        (["code"], "price is required"),
        (["price"], "code is required"),
        (["note"], "code is required; price is required"),
        (["code", "price", "cityId"], "cityId is not allowed. Use the relation 'city'"),
        (["code", "price", "city.nam"], "city.nam: 'city' has no 'nam'. Did you mean 'name'?"),
        (["code", "price", "town.name"], "town.name is no field of 'product'"),
        (["code", "price", "code"], "code is given twice"),
        (["code", "price", "city", "city.id"], "city.id is given twice"),
    ],
)
async def test_columns_must_be_fields(sqlite_api: Api, columns: list[str], said: str) -> None:
    await define_shop(sqlite_api)
    arrays = [pa.array([], pa.int32())] * len(columns)
    answer = await load(sqlite_api, "/product", pa.table(arrays, names=columns))
    assert answer.status == 400
    assert said in problem(answer)


async def test_the_timestamps_of_a_stream_are_not_taken_over(sqlite_api: Api) -> None:
    await define_shop(sqlite_api)
    old = datetime(2001, 1, 1, tzinfo=UTC)
    await load(sqlite_api, "/product", {"code": ["a"], "price": [1], "createdAt": [old]})
    (row,) = await sqlite_api.rows("/product")
    assert row["createdAt"] > "2025"


async def test_a_stream_without_rows_is_fine(sqlite_api: Api) -> None:
    await define_shop(sqlite_api)
    empty = pa.table({"code": pa.array([], pa.string()), "price": pa.array([], pa.int32())})
    answer = await load(sqlite_api, "/product", empty)
    assert (answer.status, answer.data["rows"]) == (201, 0)


async def test_a_stream_without_columns_is_refused(sqlite_api: Api) -> None:
    await sqlite_api.define("note", "text text")
    answer = await load(sqlite_api, "/note", pa.table({"createdAt": pa.array([1, 2])}))
    assert "holds no field of 'note'" in problem(answer)


# -- values ---------------------------------------------------------------------------------------

COLUMNS: tuple[Any, ...] = (
    "whole int", "large bigint", "real float", "yes boolean", "day date", "at datetime",
    "short varchar", "long text", "facts simple-json", "uid uuid",
    {"name": "amount", "type": "decimal", "options": {"precision": 10, "scale": 2}},
    {"name": "kind", "type": "enum", "options": ["red", "green"]},
    {"name": "tags", "type": "array-select", "options": ["x", "y"]},
)  # fmt: skip
UUID = "0189d0e4-7f43-7b3a-9c52-0242ac120002"


async def test_every_type_is_stored_exactly(api: Api) -> None:
    await api.define("thing", *COLUMNS)
    await load(
        api,
        "/thing",
        {
            "whole": pa.array([-(2**31), None], pa.int64()),
            "large": pa.array([2**63 - 1, None], pa.int64()),
            "real": pa.array([0.1, None]),
            "yes": pa.array([False, None]),
            "day": pa.array([date(1969, 7, 20), None]),
            "at": pa.array([datetime(1901, 12, 13, 20, 45, 52, 123456), None]),
            "short": pa.array(["Þórshöfn \U0001f600", None]).dictionary_encode(),
            "long": pa.array(["", None], pa.large_string()),
            "facts": pa.array(['{"a": [1, null]}', None], pa.large_string()),
            "uid": pa.array([UUID.upper(), None]),
            "amount": pa.array([Decimal("12345678.90"), None]),
            "kind": pa.array(["green", None]),
            "tags": pa.array([["y", "x"], None]),
        },
    )
    full, empty = await api.rows("/thing", sort="id")
    assert {name: full[name] for name in full if not name.endswith("At")} == {
        "id": 1,
        "whole": -(2**31),
        "large": 2**63 - 1,
        "real": 0.1,
        "yes": False,
        "day": "1969-07-20",
        "at": "1901-12-13T20:45:52.123456+00:00",
        "short": "Þórshöfn \U0001f600",
        "long": "",
        "facts": {"a": [1, None]},
        "uid": UUID,
        "amount": "12345678.90",
        "kind": "green",
        "tags": ["y", "x"],
    }
    assert all(empty[name] is None for name in empty if name != "id" and name[-2:] != "At")


@pytest.mark.parametrize(
    ("array", "stored"),
    [
        (pa.array([0], pa.timestamp("ns")), "1970-01-01T00:00:00+00:00"),
        (pa.array([1_500], pa.timestamp("ns")), "1970-01-01T00:00:00.000001+00:00"),
        (pa.array([-1], pa.timestamp("s")), "1969-12-31T23:59:59+00:00"),
        (pa.array([0], pa.timestamp("ms", "Asia/Kolkata")), "1970-01-01T00:00:00+00:00"),
        (pa.array([0], pa.date32()), "1970-01-01T00:00:00+00:00"),
        (pa.array(["2026-01-01T05:30:00+05:30"]), "2026-01-01T00:00:00+00:00"),
        (pa.array(["2026-01-01 00:00"], pa.large_string()), "2026-01-01T00:00:00+00:00"),
    ],
    ids=lambda one: str(one.type) if isinstance(one, pa.Array) else None,
)
async def test_instants_of_any_unit_and_zone_are_one_instant(
    sqlite_api: Api, array: Any, stored: str
) -> None:
    await sqlite_api.define("thing", "at datetime")
    answer = await load(sqlite_api, "/thing", {"at": array})
    assert answer.status == 201, answer.body
    assert [row["at"] for row in await sqlite_api.rows("/thing")] == [stored]


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("whole", pa.array([0, 1 << 31]), "must be between -2147483648 and 2147483647"),
        ("whole", pa.array([0, 1.5]), "must be an integer"),
        ("whole", pa.array([0, float("nan")]), "must be an integer"),
        ("whole", pa.array(["0", "x"]), "must be an integer"),
        ("whole", pa.array([None, True]), "must be an integer"),
        ("large", pa.array([0, 1 << 63], pa.uint64()), "must be between"),
        ("real", pa.array([0, float("nan")]), "must be a finite number"),
        ("real", pa.array([0, float("-inf")]), "must be a finite number"),
        ("real", pa.array([None, "1"]), "must be a number"),
        ("yes", pa.array([None, 1]), "must be true or false"),
        ("day", pa.array(["2026-02-28", "2026-02-30"]), "must be a date of the calendar"),
        ("day", pa.array([0, 2**31 - 1], pa.date32()), "must lie between the years 1 and 9999"),
        ("at", pa.array([0, 2**62], pa.timestamp("us")), "must lie between the years 1 and 9999"),
        ("at", pa.array([0, -(2**62)], pa.timestamp("s")), "must lie between the years 1 and 9999"),
        ("at", pa.array([None, 1]), "must be a date and time"),
        ("short", pa.array(["", "x" * 256]), "must be at most 255 characters long, not 256"),
        ("short", pa.array(["", "a\0b"]), "must not contain the character NUL"),
        ("short", pa.array([None, 1]), "must be a string"),
        ("uid", pa.array([UUID, "no"]), "must be a UUID"),
        ("amount", pa.array([0, Decimal("0.001")]), "must have at most 2 digits after the point"),
        ("amount", pa.array([0, 10**9]), "must have at most 8 digits before the point"),
        ("kind", pa.array(["red", "blue"]), "must be one of: red, green"),
        ("tags", pa.array([["x"], ["z"]]), "must hold only: x, y (not 'z')"),
        ("facts", pa.array(["{}", '"\\u0000"']), "must not contain the character NUL"),
    ],
)
async def test_a_value_that_does_not_fit_is_named_with_its_row(
    sqlite_api: Api, name: str, array: Any, said: str
) -> None:
    await sqlite_api.define("thing", *COLUMNS)
    answer = await load(sqlite_api, "/thing", {name: array})
    assert answer.status == 400, answer.body
    assert problem(answer).startswith(f"row 1: {name} "), answer.message
    assert said in answer.message
    assert answer.body["error"]["details"] == {"row": 1, "field": name}
    assert await sqlite_api.rows("/thing") == []


async def test_a_null_in_a_required_column_is_named_with_its_row(api: Api) -> None:
    await define_shop(api)
    answer = await load(api, "/product", {"code": ["a", "b", None], "price": [1, 2, 3]})
    assert problem(answer) == "row 2: code must not be null"
    assert await products(api) == []


# -- bad streams ----------------------------------------------------------------------------------


def cut_off(content: bytes) -> bytes:
    return content[: len(content) // 2]


def bytes_that_are_no_text(content: bytes) -> bytes:
    assert b"abcdefgh" in content
    return content.replace(b"abcdefgh", b"\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc")


def twice(content: bytes) -> bytes:
    return content + content


@pytest.mark.parametrize("spoil", [cut_off, bytes_that_are_no_text, twice])
async def test_a_spoilt_stream_leaves_nothing_behind(api: Api, spoil: Any) -> None:
    await define_shop(api)
    content = stream_of({"code": ["abcdefgh", *map(str, range(500))], "price": range(501)}, 100)
    answer = await load(api, "/product", spoil(content))
    assert answer.status == 400
    assert "is not one whole Arrow IPC stream" in problem(answer, "BAD_REQUEST")
    assert await products(api) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\0" * 64, b"ARROW1\0\0" + b"\xff" * 64],
    ids=["nothing", "JSON", "zeros", "file"],
)
async def test_what_is_no_stream_is_refused(sqlite_api: Api, content: bytes) -> None:
    await define_shop(sqlite_api)
    answer = await load(sqlite_api, "/product", content)
    assert answer.status == 400
    assert "is not one whole Arrow IPC stream" in problem(answer, "BAD_REQUEST")


async def test_a_client_that_goes_away_leaves_nothing_behind(api: Api, kernel: Kernel) -> None:
    await define_shop(api)
    content = stream_of({"code": [str(n) for n in range(500)], "price": range(500)}, 100)
    waiting = asyncio.Event()

    async def stalled() -> Any:
        yield content[: len(content) // 2]
        waiting.set()
        await asyncio.Event().wait()

    headers = {"content-type": ARROW, "authorization": f"Bearer {api.token}"}
    request = Request("POST", "/product", "", headers, b"", stream=stalled())
    loading = asyncio.create_task(kernel.handle(request))
    await waiting.wait()
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)
    assert loading.cancelled()
    assert await products(api) == []
    assert (await load(api, "/product", content)).status == 201


async def test_a_slow_client_keeps_nobody_from_writing(api: Api, kernel: Kernel) -> None:
    await define_shop(api)
    content = stream_of({"code": [str(n) for n in range(500)], "price": range(500)}, 100)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Any:
        yield content[: len(content) // 2]
        begun.set()
        await go_on.wait()
        yield content[len(content) // 2 :]

    headers = {"content-type": ARROW, "authorization": f"Bearer {api.token}"}
    request = Request("POST", "/product", "", headers, b"", stream=slow())
    loading = asyncio.create_task(kernel.handle(request))
    await begun.wait()
    async with asyncio.timeout(60):
        await api.create("/product", {"code": "other", "price": 1})
    go_on.set()
    assert (await loading).status == 201
    answer = await api.get("/product", meta="totalCount", limit=1)
    assert answer.body["meta"]["totalCount"] == 501


async def test_pieces_of_any_size_make_one_stream(sqlite_api: Api, sqlite_kernel: Kernel) -> None:
    await define_shop(sqlite_api)
    content = stream_of({"code": ["a", "b"], "price": [1, 2]})

    async def pieces() -> Any:
        for start in range(0, len(content), 7):
            yield content[start : start + 7]
            yield b""

    headers = {"content-type": ARROW, "authorization": f"Bearer {sqlite_api.token}"}
    request = Request("POST", "/product", "", headers, b"", stream=pieces())
    assert (await sqlite_kernel.handle(request)).status == 201
    assert await products(sqlite_api) == [("a", 1), ("b", 2)]


# -- much -----------------------------------------------------------------------------------------

MANY = 100_000


@pytest.fixture(scope="module")
def readings() -> bytes:
    """A stream that is made before there is an event loop to hold up."""
    return stream_of(
        {
            "sensor": range(MANY),
            "value": [number / 7 for number in range(MANY)],
            "label": [f"sensor {number}" for number in range(MANY)],
        }
    )


async def test_a_hundred_thousand_rows(api: Api, readings: bytes) -> None:
    await api.define("reading", "sensor int!", "value float", "label varchar", uniques=[["sensor"]])
    answer = await load(api, "/reading", readings)
    assert (answer.status, answer.data["rows"]) == (201, MANY)
    last = await api.get("/reading", filter={"sensor": MANY - 1}, meta="totalCount")
    assert last.body["meta"]["totalCount"] == MANY
    assert (last.row["value"], last.row["label"]) == ((MANY - 1) / 7, f"sensor {MANY - 1}")


async def test_a_fault_in_the_last_row_takes_back_all_the_others(api: Api) -> None:
    await define_shop(api)
    await load(api, "/product", {"code": ["old"], "price": [0]})
    codes = [str(number) for number in range(20_000)]
    content = {"code": [*codes, "0"], "price": pa.array([1] * 20_001)}
    for mode in ("append", "replace"):
        answer = await load(api, "/product", content, mode=mode)
        assert (answer.status, answer.code) == (409, "DUPLICATE_RESOURCE"), answer.body
        assert answer.body["error"]["details"]["fields"] == ["code"]
        assert await products(api) == [("old", 0)]
