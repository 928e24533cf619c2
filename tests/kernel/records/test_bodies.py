"""CSV, NDJSON and Parquet loaded into tables: what is wrong is named by row and field."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections.abc import AsyncIterator
from typing import Any

# Pyarrow imports it at the first value that becomes Python's, which would be on the event loop.
import pandas  # noqa: F401
import pyarrow as pa
import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request
from pyarrow import parquet

from tests.api import Answer, Api
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio

CITY = {"type": "many-to-one", "propertyName": "city", "targetTable": "city"}


async def define_shop(api: Api) -> None:
    await api.define("city", "name varchar!", uniques=[["name"]])
    await api.create("/city", [{"name": "Oslo"}, {"name": "Rome"}])
    await api.define(
        "product",
        "code varchar!",
        "price int!",
        {"name": "stock", "type": "int", "isNullable": False, "defaultValue": 5},
        "note text", "sold boolean", "weight float", "at datetime", "facts simple-json",
        relations=[CITY],
        uniques=[["code"]],
    )  # fmt: skip


async def post(api: Api, kind: str, content: bytes | str, **query: Any) -> Answer:
    raw = content.encode() if isinstance(content, str) else content
    return await api.send("POST", "/product", raw=raw, format=kind, **query)


async def products(api: Api, fields: str = "code,price") -> list[Any]:
    rows = await api.rows("/product", fields=fields, sort="code")
    return [tuple(row[name] for name in fields.split(",")) for row in rows]


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def parquet_of(content: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.table(content), sink, **options)
    return sink.getvalue()


def problem(answer: Answer, code: str = "INVALID_BODY") -> str:
    assert answer.code == code, answer.body
    return answer.message


# -- CSV ------------------------------------------------------------------------------------------


async def test_csv_is_read_by_the_tables_types(api: Api) -> None:
    await define_shop(api)
    content = (
        "\ufeffcode,price, note ,sold,weight,at,facts,city.name\r\n"
        '007,12,"a ""b""\nc",TRUE,1e3,2026-01-01T05:30:00+05:30,"{""a"": [1]}",Rome\r\n'
        '\r\n"",-1,"",0,0.1,2026-01-01,3,\r\n'
        "x,+3,,,,,,Oslo"
    )
    answer = await post(api, "csv", content)
    assert answer.status == 201, answer.body
    assert answer.data["rows"] == 3
    rows = await products(api, "code,price,stock,note,sold,weight,at,facts,city")
    assert rows == [
        ("", -1, 5, "", False, 0.1, "2026-01-01T00:00:00+00:00", 3, None),
        ("007", 12, 5, 'a "b"\nc', True, 1000, "2026-01-01T00:00:00+00:00", {"a": [1]}, {"id": 2}),
        ("x", 3, 5, None, None, None, None, None, {"id": 1}),
    ]


@pytest.mark.parametrize(
    ("cells", "field", "said"),
    [
        ("x,1.5,", "price", "must be an integer"),
        ("x,0x1F,", "price", "must be an integer"),
        ("x, 3,", "price", "must be an integer"),
        ("x,99999999999,", "price", "must be between"),
        ("x,,", "price", "must not be null"),
        (",1,", "code", "must not be null"),
        ("x,1,nan", "weight", "must be a number"),
        ("x,1,1e999", "weight", "must be a finite number"),
        ("x,1,,perhaps", "sold", "must be true or false"),
        ("x,1,,,yesterday", "at", "must be a date and time"),
        ('x,1,,,,"{""a"""', "facts", "must be JSON"),
        (f"{'x' * 256},1", "code", "must be at most 255 characters"),
    ],
)
async def test_a_cell_that_does_not_fit_is_named(
    sqlite_api: Api, cells: str, field: str, said: str
) -> None:
    await define_shop(sqlite_api)
    header = "code,price,weight,sold,at,facts"
    content = f"{header}\na,1,,,,\n{cells}{',' * (5 - cells.count(','))}\n"
    answer = await post(sqlite_api, "csv", content)
    assert answer.status == 400
    assert problem(answer).startswith(f"row 1: {field} {said}"), answer.message
    assert answer.body["error"]["details"] == {"row": 1, "field": field}
    assert await products(sqlite_api) == []


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"", "BAD_REQUEST", "no header"),
        (b"\n\n", "BAD_REQUEST", "no header"),
        (b"code,prise\n", "INVALID_BODY", "Did you mean 'price'?"),
        (b"code,code,price\n", "INVALID_BODY", "code is given twice"),
        (b"code,price\na,1\nb,2,3\n", "INVALID_BODY", "row 1: has 3 cells, the header 2"),
        (b"code,price\na,1\nb\n", "INVALID_BODY", "row 1: has 1 cells, the header 2"),
        (b'code,price\na,1\n"b,2\nc,3\n', "INVALID_BODY", "cells"),
        (b'code,price\na,1\nb,"2\n', "INVALID_BODY", "row 1: price"),
        (b"code,price\na,1\n\xff,2\n", "INVALID_BODY", "row 1: code must be UTF-8"),
        (b"c\xffde,price\na,1\n", "BAD_REQUEST", "its header is not UTF-8"),
    ],
)
async def test_csv_that_is_none_is_refused(
    sqlite_api: Api, content: bytes, code: str, said: str
) -> None:
    await define_shop(sqlite_api)
    answer = await post(sqlite_api, "csv", content)
    assert answer.status == 400
    assert said in problem(answer, code)
    assert await products(sqlite_api) == []


async def test_a_quote_without_an_end_swallows_nothing(sqlite_api: Api) -> None:
    await sqlite_api.define("note", "text text")
    raw = b'text\na\n"b\nc\n'
    answer = await sqlite_api.send("POST", "/note", raw=raw, format="csv")
    assert "a quoted cell has no end" in problem(answer, "BAD_REQUEST")
    assert await sqlite_api.rows("/note") == []


async def test_a_single_column_may_have_nulls(sqlite_api: Api) -> None:
    await sqlite_api.define("note", "text text")
    answer = await sqlite_api.send("POST", "/note", raw=b'text\na\n\n""\n', format="csv")
    assert answer.data["rows"] == 3
    assert [row["text"] for row in await sqlite_api.rows("/note")] == ["a", None, ""]


# -- lines of JSON --------------------------------------------------------------------------------


async def test_lines_are_bodies_of_single_records(api: Api) -> None:
    await define_shop(api)
    content = lines(
        {"code": "a", "price": 1, "city": {"id": 2, "name": "passed over"}, "facts": "text"},
        {"price": 2, "code": "b", "stock": 9},
        {"code": "c", "price": "3", "city": 1, "facts": None},
        {"code": "d", "price": 4, "city.name": "Rome"},
    )
    answer = await post(api, "ndjson", content.replace("\n", "\r\n\n"))
    assert answer.status == 201, answer.body
    assert answer.data["rows"] == 4
    assert await products(api, "code,price,stock,facts,city") == [
        ("a", 1, 5, "text", {"id": 2}),
        ("b", 2, 9, None, None),
        ("c", 3, 5, None, {"id": 1}),
        ("d", 4, 5, None, {"id": 2}),
    ]


async def test_an_upsert_changes_what_a_line_names_in_the_order_of_lines(api: Api) -> None:
    await define_shop(api)
    await post(api, "ndjson", lines({"code": "a", "price": 1, "note": "kept"}))
    content = lines(
        {"code": "a", "price": 2, "stock": 1},
        {"code": "a", "price": 3},
        {"code": "a", "price": 4, "stock": 2},
        {"code": "a", "price": 5},
    )
    answer = await post(api, "ndjson", content, mode="upsert", key="code")
    assert (answer.status, answer.data["rows"]) == (201, 4), answer.body
    assert await products(api, "code,price,stock,note") == [("a", 5, 2, "kept")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"code": "b", "price": 1.5}', "row 1: price must be an integer"),
        ('{"code": "b", "price": null}', "row 1: price must not be null"),
        ('{"code": "b"}', "row 1: price is required"),
        ('{"code": "b", "price": 1, "nota": 1}', "row 1: nota is no field of 'product'."),
        ('{"code": "b", "price": 1, "sold": "true"}', "row 1: sold must be true or false"),
        ('{"code": "b", "price": 1, "city": {"name": "Rome"}}', "row 1: city must be an integer"),
        ('["b", 1]', "row 1: must be a JSON object"),
        ('{"code": "b",', "row 1: The JSON is malformed"),
        ('{"code": "\ud800"}'.encode("utf-8", "surrogatepass"), "row 1: The JSON is not valid"),
    ],
)
async def test_a_line_that_does_not_fit_is_named(
    sqlite_api: Api, line: str | bytes, said: str
) -> None:
    await define_shop(sqlite_api)
    line = line.encode() if isinstance(line, str) else line
    answer = await post(sqlite_api, "ndjson", b'{"code": "a", "price": 1}\n' + line + b"\n")
    assert answer.status == 400
    assert said in problem(answer)
    assert answer.body["error"]["details"]["row"] == 1
    assert await products(sqlite_api) == []


async def test_no_lines_are_no_records(sqlite_api: Api) -> None:
    await define_shop(sqlite_api)
    await post(sqlite_api, "ndjson", lines({"code": "a", "price": 1}))
    answer = await post(sqlite_api, "ndjson", b"\n")
    assert (answer.status, answer.data["rows"]) == (201, 0)
    assert (await post(sqlite_api, "ndjson", b"", mode="replace")).status == 201
    assert await products(sqlite_api) == []


# -- Parquet --------------------------------------------------------------------------------------


async def test_parquet_goes_through_a_file_that_is_gone_afterwards(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("enfyra_kernel.records.loading.bodies.parquet.SMALL", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    await define_shop(api)
    content = await asyncio.to_thread(
        parquet_of,
        {"code": [str(n) for n in range(12_000)], "price": range(12_000)},
        row_group_size=7_000,
    )
    assert (await post(api, "parquet", content)).data["rows"] == 12_000
    assert list(tmp_path.iterdir()) == []
    answer = await post(api, "parquet", content)
    assert answer.code == "DUPLICATE_RESOURCE"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-10], lambda raw: raw[:4], lambda _: b"no"])
async def test_parquet_that_is_none_is_refused(sqlite_api: Api, spoil: Any) -> None:
    await define_shop(sqlite_api)
    content = await asyncio.to_thread(parquet_of, {"code": ["a"], "price": [1]})
    answer = await post(sqlite_api, "parquet", spoil(content))
    assert answer.status == 400
    assert "is not one whole Parquet file" in problem(answer, "BAD_REQUEST")


async def test_values_of_parquet_are_named_with_their_row(sqlite_api: Api) -> None:
    await define_shop(sqlite_api)
    content = await asyncio.to_thread(parquet_of, {"code": ["a", "b"], "price": [1, 2**40]})
    answer = await post(sqlite_api, "parquet", content)
    assert problem(answer).startswith("row 1: price must be between")


# -- all of them ----------------------------------------------------------------------------------


async def contents() -> dict[str, bytes]:
    packed = await asyncio.to_thread(parquet_of, {"code": ["a", "b"], "price": [1, 2]})
    return {
        "csv": b"code,price\na,1\nb,2\n",
        "ndjson": lines({"code": "a", "price": 1}, {"code": "b", "price": 2}).encode(),
        "parquet": packed,
    }


async def test_the_options_are_those_of_any_load(sqlite_api: Api) -> None:
    await define_shop(sqlite_api)
    for kind, content in (await contents()).items():
        tried = await post(sqlite_api, kind, content, dryRun="true", mode="replace")
        assert (tried.status, tried.data["rows"]) == (200, 2), (kind, tried.body)
        assert await products(sqlite_api) == []
        for mode in ("replace", "upsert"):
            done = await post(sqlite_api, kind, content, mode=mode, key="code")
            assert done.status == 201, (kind, done.body)
            assert await products(sqlite_api) == [("a", 1), ("b", 2)]
        again = await post(sqlite_api, kind, content)
        assert again.code == "DUPLICATE_RESOURCE"
        assert (await post(sqlite_api, kind, content, safe="true")).code == "INVALID_QUERY"
        await post(sqlite_api, "csv", "code,price\n", mode="replace")


async def test_a_coding_that_is_not_known_is_refused(sqlite_api: Api) -> None:
    await define_shop(sqlite_api)
    for coding in ("br", "gzip, gzip"):
        answer = await sqlite_api.send(
            "POST", "/product", raw=b"x", format="csv", headers={"Content-Encoding": coding}
        )
        assert answer.status == 415
        assert "gzip, zstd" in problem(answer, "UNSUPPORTED_MEDIA_TYPE")


async def test_what_takes_json_only_says_so(sqlite_api: Api) -> None:
    for path in ("/table_definition", "/auth/login"):
        answer = await sqlite_api.send(
            "POST", path, raw=b"a\n1\n", headers={"Content-Type": "text/csv"}
        )
        assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE"), path


async def test_a_sender_who_breaks_off_leaves_nothing(
    kernel: Kernel, api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    await define_shop(api)
    headers = {"authorization": f"Bearer {api.token}"}
    for kind, content in (await contents()).items():

        async def broken(content: bytes = content) -> AsyncIterator[bytes]:
            yield content[:20]
            await asyncio.Event().wait()

        request = Request("POST", "/product", f"format={kind}", headers, stream=broken())
        task = asyncio.ensure_future(kernel.handle(request))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.wait([task])
        assert await products(api) == []
        assert (await post(api, kind, content, mode="replace")).status == 201
        await post(api, "csv", "code,price\n", mode="replace")
    assert list(tmp_path.iterdir()) == []
