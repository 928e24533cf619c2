"""Values at the edge go out as they came in, on every database."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import pytest_asyncio

from enfyra_server.app import Server

from .conftest import client_of

pytestmark = pytest.mark.asyncio

COLUMNS = [
    {"name": "name", "type": "varchar"},
    {"name": "body", "type": "text"},
    {"name": "n", "type": "int"},
    {"name": "big", "type": "bigint"},
    {"name": "share", "type": "float"},
    {"name": "price", "type": "decimal", "options": {"precision": 12, "scale": 4}},
    {"name": "day", "type": "date"},
    {"name": "at", "type": "datetime"},
    {"name": "extra", "type": "simple-json"},
]
# What is sent, and what comes back.
VALUES: list[tuple[str, Any, Any]] = [
    *(
        (field, text, text)
        for field in ("name", "body")
        for text in (
            "", " ", "😀👩‍👩‍👧‍👦🇨🇭", "\ufeff文字", "e\u0301", "\u2028\u2029", "\x01\x7f", "\\",
            "%_",
            "'; DROP TABLE thing; --", '"`$1 :a ?', "\U0010ffff", "\u202eabc",
        )
    ),
    ("body", "🦊" * 20_000, "🦊" * 20_000),
    ("n", -(2**31), -(2**31)),
    ("n", 2**31 - 1, 2**31 - 1),
    ("big", -(2**63), -(2**63)),
    ("big", 2**63 - 1, 2**63 - 1),
    ("big", 2**53 + 1, 2**53 + 1),
    ("share", 0.1, 0.1),
    ("share", 1.7976931348623157e308, 1.7976931348623157e308),
    ("share", -2.2250738585072014e-308, -2.2250738585072014e-308),
    ("share", 5e-324, 5e-324),
    ("share", 0.0, 0.0),
    ("share", 0.30000000000000004, 0.30000000000000004),
    ("share", 123456789.123456789, 123456789.12345679),
    ("price", "-12345678.7891", "-12345678.7891"),
    ("day", "1815-06-18", "1815-06-18"),
    ("day", "0001-01-01", "0001-01-01"),
    ("day", "9999-12-31", "9999-12-31"),
    ("day", "1969-12-31", "1969-12-31"),
    ("at", "1815-06-18T11:30:00Z", "1815-06-18T11:30:00+00:00"),
    ("at", "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00"),
    ("at", "1900-01-01T00:00:00+05:53", "1899-12-31T18:07:00+00:00"),
    ("at", "2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00+00:00"),
    ("at", "2026-11-20T13:05:09.5-08:00", "2026-11-20T21:05:09.5+00:00"),
    ("at", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
    ("at", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
    ("extra", {"": [None, True, 1.5, "😀", {"a": {}}]}, {"": [None, True, 1.5, "😀", {"a": {}}]}),
    ("extra", [], []),
    ("extra", "text", "text"),
    ("extra", {"n": 2**53 + 1}, {"n": 2**53 + 1}),
]  # fmt: skip
REFUSED: list[tuple[str, Any]] = [
    ("name", "a\0b"),
    ("name", "x" * 256),
    ("body", "\0"),
    ("extra", {"deep": ["\0"]}),
    ("n", 2**31),
    ("big", 2**63),
    ("big", -(2**63) - 1),
    ("big", 10**30),
    ("share", 10**400),
    ("price", "123456789.1"),
    ("price", "NaN"),
    ("day", "0000-01-01"),
    ("day", "2026-02-29"),
    ("at", "0001-01-01T00:00:00+01:00"),
    ("at", "9999-12-31T23:59:59-01:00"),
    ("at", "2026-11-20T25:00:00Z"),
]


@pytest_asyncio.fixture
async def things(server: Server) -> Any:
    client = await client_of(server)
    answer = await client.post("/table_definition", json={"name": "thing", "columns": COLUMNS})
    assert answer.status_code == 201, answer.text
    yield client
    await client.aclose()


async def test_every_value_comes_back_as_it_was_sent(things: httpx.AsyncClient) -> None:
    wrong: list[Any] = []
    for field, sent, expected in VALUES:
        created = await things.post("/thing", json={field: sent})
        assert created.status_code == 201, (field, sent, created.text)
        row = created.json()["data"][0]
        read = await things.get("/thing", params={"filter": json.dumps({"id": row["id"]})})
        for place, seen in (("created", row[field]), ("read", read.json()["data"][0][field])):
            if seen != expected or isinstance(seen, str) != isinstance(expected, str):
                wrong.append((place, field, sent, seen))
    assert wrong == []


async def test_every_value_is_found_by_itself(things: httpx.AsyncClient) -> None:
    wrong: list[Any] = []
    for field, sent, expected in VALUES:
        if field in {"body", "extra"} or sent == "e\u0301":
            continue
        created = await things.post("/thing", json={field: sent})
        wanted = {field: sent, "id": created.json()["data"][0]["id"]}
        found = await things.get("/thing", params={"filter": json.dumps(wanted)})
        if [row[field] for row in found.json().get("data", ())] != [expected]:
            wrong.append((field, sent, found.text))
    assert wrong == []


async def test_what_does_not_fit_names_its_field_and_leaves_nothing(
    things: httpx.AsyncClient,
) -> None:
    for field, sent in REFUSED:
        answer = await things.post("/thing", json={field: sent})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_BODY"), (
            field,
            sent,
            answer.text,
        )
        assert answer.json()["message"][0].startswith(f"{field} must")
    bodies = [{"name": "fine"}, *({field: sent} for field, sent in REFUSED)]
    answer = await things.post("/thing", json=bodies)
    assert answer.status_code == 400
    assert len(answer.json()["message"]) == len(REFUSED)
    assert (await things.get("/thing")).json()["data"] == []
