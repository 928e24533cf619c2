"""A whole database that somebody else made: defined in one change, and used, as it is."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import ARROW

from tests.api import Api
from tests.arrow import load, read, values
from tests.databases import SQL_ENGINES, Databases, SqliteDatabases, settings

pytestmark = pytest.mark.asyncio
on_sql = pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True)

TABLES = {
    "actor": "actor", "category": "category", "country": "country", "film": "film",
    "film_list": "film_list", "film_list_2": "Film-List", "film_text": "film_text",
    "holiday": "holiday", "journal": "journal", "language": "language", "ledger": "ledger",
    "letter": "letter", "loan": "loan", "oddity": "oddity", "order": "ORDER",
    "post_definition_table": "Post_Definition", "staff": "staff", "stock": "stock",
    "stocktaking": "stocktaking", "store": "store", "t_metadata": "metadata", "totals": "totals",
    "ubersicht": "Übersicht",
}  # fmt: skip
OWN_TABLES = {
    "sqlite": {"dangling": "dangling", "int11": "int11"},
    "postgresql": {"film_2": "Film", "visit": "visit"},
    "mysql": {"film_2": "Film"},
}
# Which property of which table leads where, and how it is called there.
RELATIONS = {
    ("actor", "films"): ("many-to-many", "film", "actors", "film_actor"),
    ("category", "parent"): ("many-to-one", "category", "categories", "category.parent_id"),
    ("film", "language"): ("many-to-one", "language", "films", "film.language_id"),
    ("film", "original_language"): (
        "many-to-one", "language", "films_by_original_language", "film.original_language_id",
    ),
    ("film_text", "film"): ("one-to-one", "film", "film_text", "film_text.film_id"),
    ("letter", "to"): ("many-to-one", "staff", "letters", "letter.to_email"),
    ("loan", "film"): ("many-to-one", "film", "loans", "loan.film_id"),
    ("order", "film"): ("many-to-one", "film", "orders", "ORDER.film"),
    ("staff", "store"): ("many-to-one", "store", "staffs", "staff.store_id"),
    ("stock", "film"): ("many-to-one", "film", "stocks", "stock.film_id"),
    ("stock", "language"): ("many-to-one", "language", "stocks", "stock.language_id"),
    ("stock", "store"): ("many-to-one", "store", "stocks", "stock.store_id"),
    ("store", "country"): ("many-to-one", "country", "stores", "store.country_code"),
    ("store", "manager_staff"): (
        "one-to-one", "staff", "store_by_manager_staff", "store.manager_staff_id",
    ),
}  # fmt: skip
NEW_NAMES = {
    ("Film-List", None): "film_list_2",
    ("ORDER", None): "order",
    ("Post_Definition", None): "post_definition_table",
    ("metadata", None): "t_metadata",
    ("Übersicht", None): "ubersicht",
    ("metadata", 'it\'s "100%" :x'): "it_s_100_x",
    ("staff", "2nd"): "c_2nd",
    ("staff", "First Name"): "First_Name",
    ("staff", "größe"): "grosse",
    ("staff", "名前"): "c_d54d12f9",
}
OWN_NAMES: dict[str, dict[Any, str]] = {
    "sqlite": {},
    "postgresql": {("Film", None): "film_2", ("Film", "name"): "name_2"},
    "mysql": {("Film", None): "film_2"},
}
NO_KEY = "it has no key that tells its records apart"
UNSAID = {
    ("film", "check"), ("ledger", "trigger"), ("staff", "column"), ("stocktaking", "foreign key"),
    ("film_actor", "column"), ("loan", "unique index"), ("oddity", "column"),
}  # fmt: skip
OWN_UNSAID = {
    "sqlite": {
        ("loan", "deferred key"),
        ("dangling", "foreign key"),
        ("totals", "column"),
    },
    "postgresql": {("loan", "deferred key"), ("visit", "foreign key")},
    "mysql": set[tuple[str, str]](),
}
ODD_COLUMNS = {
    "sqlite": {"anything", "rating", "doubled", "raw"},
    "postgresql": {
        "id", "special_features", "period", "span", "opens", "address", "flags", "price", "place",
        "words", "markup", "both", "exact", "doubled", "raw",
    },
    "mysql": {
        "special_features", "opens", "address", "flags", "huge", "place", "doubled", "raw",
    },
}  # fmt: skip
NOT_ADOPTED = {
    "sqlite": {"broken": "view", "raw_only": "table"},
    "postgresql": {"raw_only": "table"},
    "mysql": {"broken": "view", "raw_only": "table"},
}


@pytest.fixture
def rental_uri(databases: Databases, database_uri: str, engine: str, project: Path) -> str:
    """A database in which another program keeps the records of a shop that lends films."""
    for name in ("rental", f"rental-{engine}"):
        databases.execute(database_uri, (project / f"tests/data/{name}.sql").read_text())
    return database_uri


@pytest_asyncio.fixture
async def rental(rental_uri: str) -> AsyncIterator[Kernel]:
    async with Kernel(settings(rental_uri)) as kernel:
        yield kernel


@pytest_asyncio.fixture
async def clerk(rental: Kernel) -> Api:
    """The administrator, of a database of which nothing is defined yet."""
    return await Api(rental).login()


@pytest_asyncio.fixture
async def api(clerk: Api) -> Api:
    """The administrator, of a database of which everything is defined."""
    await adopt(clerk)
    return clerk


async def adopt(api: Api, **body: Any) -> Any:
    answer = await api.post("/admin/adopt", body)
    assert answer.status == (200 if body.get("dryRun") else 201), answer.body
    return answer.row


# -- the report -----------------------------------------------------------------------------------


@on_sql
async def test_everything_is_defined_or_listed_and_nothing_physical_changes(
    clerk: Api, rental: Kernel, databases: Databases, rental_uri: str, engine: str
) -> None:
    before = await asyncio.to_thread(databases.schema, rental_uri)
    assert "film_actor" in before
    version = rental.registry.current.version
    planned = await adopt(clerk, dryRun=True)
    assert rental.registry.current.version == version
    assert (await clerk.get("/film")).status == 404

    report = await adopt(clerk)
    assert await asyncio.to_thread(databases.schema, rental_uri) == before
    assert report == planned | {"dryRun": False}
    check_tables(report, engine)
    check_the_rest(report, engine)

    for table in report["tables"]:
        answer = await clerk.get(f"/{table['name']}")
        assert answer.status == 200, answer.body
    definitions = rental.registry.current.tables
    assert "createdAt" in definitions["staff"].columns
    assert not definitions["staff"].timestamps
    assert not {"createdAt", "updatedAt"} & {*definitions["film"].columns}
    again = await clerk.post("/admin/adopt")
    assert (again.status, again.body["message"]) == (200, "Nothing to adopt")
    assert set(again.row["alreadyDefined"]) == {t["physicalName"] for t in report["tables"]}
    assert rental.registry.current.version == version + 1


def check_tables(report: Any, engine: str) -> None:
    tables = {table["name"]: table for table in report["tables"]}
    wanted = TABLES | OWN_TABLES[engine]
    assert {name: table["physicalName"] for name, table in tables.items()} == wanted
    assert tables["film"] == {
        "name": "film", "physicalName": "film", "kind": "table", "key": "film_id",
        "keyFields": None, "methods": ["GET", "POST", "PUT", "PATCH", "DELETE"], "fields": 5,
        "readOnly": None,
    }  # fmt: skip
    assert tables["country"]["key"] == "code"
    view = "materialized view" if engine == "postgresql" else "view"
    for name, key, fields, methods, reason in (
        ("stock", "store_id", ["store_id", "film_id"], ["GET", "POST"], None),
        ("holiday", "day", ["day"], ["GET", "POST"], None),
        ("journal", "message", ["message", "at"], ["GET"], NO_KEY),
        ("film_list", "fid", ["fid", "title", "price"], ["GET"], "it is a view"),
        ("totals", "language_id", ["language_id", "films"], ["GET"], f"it is a {view}"),
    ):  # fmt: skip
        table = tables[name]
        assert (table["key"], table["keyFields"], table["methods"], table["readOnly"]) == (
            key, fields, methods, reason,
        )  # fmt: skip


def check_the_rest(report: Any, engine: str) -> None:
    relations = {
        (one["table"], one["name"]): (one["type"], one["target"], one["inverse"], one["through"])
        for one in report["relations"]
    }
    # Which side holds a junction depends on the order in which the database gives its keys.
    categories = relations.pop(("film", "categories"), None) or relations.pop(("category", "films"))
    assert (categories[0], categories[3]) == ("many-to-many", "film_category")
    assert relations == RELATIONS
    names = {(one["table"], one["column"]): one["name"] for one in report["names"]}
    assert names == NEW_NAMES | OWN_NAMES[engine]
    unsaid = {(one["table"], one["what"]) for one in report["unsaid"]}
    assert unsaid == UNSAID | OWN_UNSAID[engine]
    assert all(one["reason"] for one in report["unsaid"])
    odd = {one["name"] for one in report["unsaid"] if one["table"] == "oddity"}
    assert odd == ODD_COLUMNS[engine]
    refused = {one["table"]: one["kind"] for one in report["notAdopted"]}
    assert refused == NOT_ADOPTED[engine]


@on_sql
async def test_a_part_is_adopted_and_the_rest_joins_it_later(
    clerk: Api, rental: Kernel, engine: str
) -> None:
    first = await adopt(clerk, tables=["FILM*", "language"], exclude=["film_text", "Film-List"])
    tables = {"film", "film_list", "language", *(OWN_TABLES[engine].keys() & {"film_2"})}
    assert {one["name"] for one in first["tables"]} == tables
    assert {one["table"] for one in first["notAdopted"]} == {"film_actor", "film_category"}
    assert "only joins 'film' and 'actor'" in str(first) or "'actor' and 'film'" in str(first)
    second = await adopt(clerk, tables=["actor", "stock", "journal"], keys={"journal": "message"})
    assert {(one["table"], one["name"]) for one in second["relations"]} == {
        ("actor", "films"), ("stock", "film"), ("stock", "language"),
    }  # fmt: skip
    (journal,) = [one for one in second["tables"] if one["name"] == "journal"]
    assert (journal["keyFields"], journal["methods"]) == (None, ["GET"])
    listed = [one for one in second["unsaid"] if one["what"] == "foreign key"]
    assert [(one["table"], one["name"]) for one in listed] == [("stock", "store_id")]
    assert "'store' is not adopted" in listed[0]["reason"]
    (film,) = await clerk.rows("/film", filter={"film_id": 2}, fields="actors.last_name,stocks")
    assert [one["last_name"] for one in film["actors"]] == ["Guiness", "Wahlberg"]
    assert film["stocks"] == [{"store_id": 1, "film_id": 2}]

    # One that goes leaves its table, and comes back as it was.
    (stock,) = await clerk.rows("/table_definition", filter={"name": "stock"})
    assert (await clerk.delete(f"/table_definition/{stock['id']}")).status == 200
    assert "stocks" not in rental.registry.current.tables["film"].relations
    third = await adopt(clerk, tables=["st?ck", "film"])
    assert [one["name"] for one in third["tables"]] == ["stock"]
    assert third["alreadyDefined"] == ["film"]
    again = await clerk.post("/table_definition", {"name": "totals", "adopt": True})
    assert (again.status, again.row["readOnly"][:8]) == (201, "it is a ")


# -- reading --------------------------------------------------------------------------------------


FILTERS: tuple[tuple[str, Any, list[Any]], ...] = (
    ("/film", {"language": {"name": "Italiano"}}, [3]),
    ("/film", {"original_language": {"name": "Italiano"}}, [2]),
    ("/film", {"actors": {"first_name": {"_contains": "penelope"}}}, [1, 2]),
    ("/film", {"stocks": {"copies": {"_gte": 3}}}, [1]),
    ("/film", {"film_text": {"description": {"_contains": "DINO"}}}, [1]),
    ("/film", {"orders": {"_is_null": False}}, [3]),
    ("/film_text", {"film": {"title": "Academy Dinosaur"}}, [1]),
    ("/category", {"parent": {"name": "All"}}, [2, 3]),
    ("/category", {"categories": {"films": {"title": "Zoo"}}}, [1]),
    ("/staff", {"letters": {"letter_id": 3}}, [1]),
    ("/staff", {"grosse": {"_gt": 100}, "select": "yes"}, [1]),
    ("/letter", {"to": {"First_Name": "Mike"}}, [1, 3]),
    ("/store", {"manager_staff": {"store": {"country": "DE"}}}, [1]),
    ("/stock", {"film": {"title": "La vita"}}, [1]),
    ("/stock", {"language": {"_is_null": True}}, [1]),
    ("/film_list", {"price": {"_lt": "1"}}, [1, 3]),
    ("/totals", {"films": 2}, [1]),
    ("/order", {"film": 3}, [1]),
    ("/holiday", {"day": "2026-12-25"}, ["2026-12-25"]),
)


@on_sql
async def test_records_are_read_and_found(api: Api, engine: str) -> None:
    for path, where, wanted in FILTERS:
        rows = await api.rows(path, filter=where)
        assert sorted(next(iter(row.values())) for row in rows) == wanted, (path, where)
    (letter, *_) = await api.rows(
        "/letter", fields="to_email,to.store.country.name", sort="letter_id"
    )
    assert letter["to"]["store"]["country"]["name"] == "Germany"
    (store, _) = await api.rows("/store", fields="stocks.copies,stocks.film.title", sort="store_id")
    assert [(one["copies"], one["film"]["title"]) for one in store["stocks"]] == [
        (3, "Academy Dinosaur"), (1, "La vita"),
    ]  # fmt: skip
    # Pages are whole where no one column tells records apart.
    for path, names in (("/stock", ("store_id", "film_id")), ("/journal", ("message", "at"))):
        pages = [await api.rows(path, limit=1, page=number) for number in (1, 2, 3)]
        seen = [tuple(row[name] for name in names) for (row,) in pages]
        assert len(set(seen)) == 3, seen
        found, cursor = [], ""
        while cursor is not None:
            answer = await api.get(path, limit=1, cursor=cursor)
            assert answer.status == 200, answer.body
            found += [tuple(row[name] for name in names) for row in answer.data]
            cursor = answer.body["meta"]["cursor"]
        assert found == seen
    table = await read(api, "/stock", fields="store_id,film_id,copies")
    assert len(values(table, "copies")) == 3
    summed = await api.get("/stock", aggregate={"copies": {"sum": True}}, limit=1)
    assert summed.body["meta"]["aggregate"] == {"copies": {"sum": 6}}
    await check_oddities(api, engine)


ODD_VALUES: dict[str, dict[str, Any]] = {
    "sqlite": {
        "anything": 5, "rating": "PG", "big": 9007199254740993, "data": {"a": [1, 2]},
        "length": 1.5, "doubled": 3.0,
    },
    "postgresql": {
        "rating": "PG", "release_year": 2006, "special_features": ["Trailers", "Deleted Scenes"],
        "span": "1 day 02:00:00", "opens": "10:30:00", "address": "10.0.0.1/8", "flags": "101",
        "place": "(1,2)", "words": "'a':1 'cat':3 'fat':2", "markup": "<a>1</a>", "both": "(1,2)",
        "exact": 1.25, "doubled": 3, "data": {"a": [1, 2]}, "small": 7, "fixed": "ab",
    },
    "mysql": {
        "rating": "PG", "release_year": 2006, "special_features": "Trailers,Deleted Scenes",
        "opens": "10:30:00", "address": "::1", "flags": 5, "active": True, "tiny": 200,
        "huge": 18446744073709551615, "place": {"type": "Point", "coordinates": [1, 2]},
        "doubled": 3.0, "data": {"a": [1, 2]}, "german": "Größe", "long": "Straße",
    },
}  # fmt: skip
ODD_FILTERS: dict[str, tuple[tuple[Any, list[int]], ...]] = {
    "sqlite": (
        ({"anything": 5}, [1]), ({"anything": "five"}, [2]),
        ({"rating": {"_in": ["PG", "x"]}}, [1]),
        ({"doubled": {"_gte": 3}}, [1]), ({"big": {"_eq": 9007199254740993}}, [1]),
    ),
    "postgresql": (
        ({"rating": "PG-13"}, [2]), ({"rating": {"_in": ["PG"]}}, [1]),
        ({"rating": {"_contains": "13"}}, [2]), ({"address": "10.0.0.1/8"}, [1]),
        ({"span": {"_starts_with": "1 day"}}, [1]), ({"words": {"_contains": "cat"}}, [1]),
        ({"markup": {"_neq": "<b/>"}}, [1]), ({"release_year": {"_lt": 2010}}, [1]),
        ({"opens": {"_between": ["09:00:00", "10:00:00"]}}, [2]), ({"fixed": "ab"}, [1]),
        ({"both": "(1,2)"}, [1]), ({"special_features": {"_is_null": True}}, [2]),
    ),
    "mysql": (
        ({"rating": "PG-13"}, [2]), ({"rating": {"_in": ["PG"]}}, [1]), ({"flags": 5}, [1]),
        ({"active": True}, [1]), ({"address": "::1"}, [1]), ({"opens": {"_lt": "10:00:00"}}, [2]),
        ({"special_features": {"_contains": "scenes"}}, [1]),
        ({"german": {"_contains": "größe"}}, [1]),
        ({"place": {"_is_null": True}}, [2]), ({"release_year": 2006}, [1]),
    ),
}  # fmt: skip


async def check_oddities(api: Api, engine: str) -> None:
    first, second, *_ = await api.rows("/oddity", sort="id")
    assert {name: first[name] for name in ODD_VALUES[engine]} == ODD_VALUES[engine]
    assert "raw" not in first
    if engine == "sqlite":
        assert second["data"] == "no json"
    for where, wanted in ODD_FILTERS[engine]:
        rows = await api.rows("/oddity", filter=where)
        assert [row["id"] for row in rows] == wanted, where
    for name, value in first.items():
        for sort in (name, f"-{name}"):
            answer = await api.get("/oddity", sort=sort, limit=0)
            ordered = not isinstance(value, dict | list)
            assert (answer.status == 200) is ordered, (sort, answer.body)
    if engine == "mysql":
        whole = await api.send("GET", "/oddity", headers={"accept": ARROW})
        assert (whole.status, whole.body["error"]["hint"][-5:]) == (406, "-huge")
    table = await read(api, "/oddity", sort="id", fields="-huge" if engine == "mysql" else "*")
    assert table.num_rows >= 2


# -- writing --------------------------------------------------------------------------------------


@on_sql
async def test_records_are_written_where_that_is_right(api: Api, engine: str) -> None:
    film = await api.create(
        "/film", {"film_id": 9, "title": "Nine", "language": 2, "actors": [1, 2]}
    )
    assert (film["rental_rate"], film["rental_duration"]) == ("4.99", 3)
    assert film["last_update"]
    assert film["actors"] == [{"actor_id": 1}, {"actor_id": 2}]
    changed = await api.patch("/film/9", {"original_language": 1, "categories": [2]})
    assert changed.row["original_language"] == {"language_id": 1}
    replaced = await api.put("/film/9", {"title": "Neun", "language": 2, "rental_rate": "1.50"})
    assert (replaced.row["title"], replaced.row["original_language"]) == ("Neun", None)
    assert replaced.row["last_update"]
    assert replaced.row["rental_duration"] == 3
    text = await api.create("/film_text", {"film_id": 9, "description": "nine"})
    assert text["film"] == {"film_id": 9}
    staff = await api.patch("/staff/2", {"First_Name": "Jo", "grosse": 170, "c_2nd": 3})
    assert (staff.row["First_Name"], staff.row["grosse"], staff.row["createdAt"]) == (
        "Jo",
        170,
        None,
    )
    assert (await api.patch("/country/DE", {"name": "Deutschland"})).row["name"] == "Deutschland"
    assert (await api.patch("/letter/2", {"to_email": "mike@example.com"})).row["to"] == {
        "staff_id": 1
    }

    # Keys of several columns: new records, and no change of one of them.
    stock = await api.create("/stock", {"store_id": 2, "film_id": 9, "copies": 4, "language": 1})
    assert (stock["copies"], stock["film"], stock["language"]) == (
        4,
        {"film_id": 9},
        {"language_id": 1},
    )
    rows = [{"store_id": 1, "film_id": number, "copies": 0} for number in (9, 3)]
    assert [one["film_id"] for one in await api.create("/stock", rows)] == [9, 3]
    quoted = await api.patch("/t_metadata/1", {"it_s_100_x": "yours"})
    assert quoted.row == {"id": 1, "it_s_100_x": "yours"}
    assert await api.rows("/t_metadata", filter={"it_s_100_x": "yours"}, sort="it_s_100_x")
    loaded = await load(
        api,
        "/stock",
        {"store_id": [1, 2], "film_id": [3, 2], "copies": [8, 9]},
        mode="upsert",
        key="store_id,film_id",
    )
    assert loaded.status == 201, loaded.body
    found = await api.rows("/stock", filter={"copies": {"_gte": 8}}, fields="copies,film.title")
    assert [(one["copies"], one["film"]["title"]) for one in found] == [(8, "Zoo"), (9, "La vita")]
    await check_refusals(api)
    await check_odd_writes(api, engine)


REFUSED: tuple[tuple[str, str, Any, int, str, str], ...] = (
    ("PATCH", "/stock/1", {"copies": 1}, 405, "METHOD_NOT_ALLOWED", "PATCH is not available"),
    ("DELETE", "/stock/1", None, 405, "METHOD_NOT_ALLOWED", "DELETE is not available"),
    ("POST", "/stock", {"store_id": 1, "copies": 1}, 400, "INVALID_BODY", "film_id is required"),
    ("POST", "/stock", {"store_id": 1, "film_id": 1, "copies": 1}, 409, "DUPLICATE_RESOURCE",
     "store_id, film_id must be unique"),
    ("POST", "/stock", {"store_id": 1, "film_id": 2, "film": 2, "copies": 1}, 400, "INVALID_BODY",
     "film is read only: it follows from 'film_id'"),
    ("PATCH", "/film/1", {"stocks": [1]}, 400, "INVALID_BODY",
     "stocks is read only: it follows from the records of 'stock'"),
    ("PATCH", "/letter/1", {"to": 2}, 400, "INVALID_BODY",
     "to is read only: it follows from 'to_email'"),
    ("POST", "/journal", {"message": "x"}, 405, "METHOD_NOT_ALLOWED", "POST is not available"),
    ("POST", "/film_list", {"fid": 1}, 405, "METHOD_NOT_ALLOWED", "POST is not available"),
    ("PATCH", "/film_list/1", {"title": "x"}, 405, "METHOD_NOT_ALLOWED", "PATCH is not available"),
    ("PATCH", "/film/1", {"rental_rate": "-1"}, 409, "CONSTRAINT_VIOLATION", "refused the record"),
    ("PATCH", "/letter/1", {"to_email": "x"}, 409, "RELATION_NOT_FOUND",
     "to_email refers to a record"),
    ("DELETE", "/film/1", None, 409, "RELATION_IN_USE", "still referred to by"),
    ("POST", "/film", {"film_id": 10, "title": "x", "language": 1, "rental_duration": 40000}, 409,
     "CONSTRAINT_VIOLATION", "does not fit"),
)  # fmt: skip


async def check_refusals(api: Api) -> None:
    sqlite = api.kernel.database.engine == "sqlite"
    for method, path, body, status, code, said in REFUSED:
        if sqlite and "does not fit" in said:
            # Its small integers are as large as all the others.
            continue
        answer = await api.send(method, path, body)
        assert (answer.status, answer.code) == (status, code), answer.body
        assert said in answer.message, answer.body
    hint = (await api.patch("/stock/1", {})).body["error"]["hint"]
    assert "no key of one field (store_id, film_id is their key)" in hint
    hint = (await api.post("/film_list", {})).body["error"]["hint"]
    assert hint == "'film_list' can only be read: it is a view"
    # Also where somebody opened the methods.
    (route,) = await api.rows("/route_definition", filter={"path": "/film_list"})
    methods = [one["id"] for one in await api.rows("/method_definition")]
    path = f"/route_definition/{route['id']}"
    assert (await api.patch(path, {"availableMethods": methods})).status == 200
    for method, path in (
        ("POST", "/film_list"),
        ("PATCH", "/film_list/1"),
        ("DELETE", "/film_list/1"),
    ):
        answer = await api.send(method, path, {} if method != "DELETE" else None)
        assert (answer.status, answer.message) == (405, hint), answer.body
    kept = await api.delete("/ledger/1")
    assert (kept.status, kept.code) == (409, "RELATION_IN_USE"), kept.body


async def check_odd_writes(api: Api, engine: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "sqlite": {"big": 2**53, "data": [1], "length": 2.5},
        "postgresql": {"rating": "R", "release_year": 1999, "data": [1], "small": 3, "fixed": "xy"},
        "mysql": {"rating": "R", "release_year": 1999, "active": True, "data": [1], "tiny": 3},
    }
    body = bodies[engine]
    for made in (await api.create("/oddity", body), (await api.create("/oddity", [body, body]))[1]):
        assert {name: made[name] for name in body} == body
        changed = await api.patch(f"/oddity/{made['id']}", {**body, "length": 2})
        assert changed.row["doubled"] == 4
    refused = "anything" if engine == "sqlite" else "opens"
    for name in (refused, "doubled"):
        answer = await api.patch("/oddity/1", {name: None})
        assert (answer.status, f"{name} is read only: " in answer.message) == (400, True)
    if engine == "postgresql":
        for body, said in (
            ({"id": 77}, "id is read only: the database counts it up"),
            ({"rating": "X"}, "rating must be one of: G, PG-13, PG, R"),
        ):
            answer = await api.post("/oddity", body)
            assert (answer.status, said in answer.message) == (400, True), answer.body
        year = await api.post("/oddity", {"release_year": 3000})
        assert (year.status, year.code) == (409, "CONSTRAINT_VIOLATION")
        # A key that is looked at when the transaction ends.
        late = await api.post("/loan", {"loan_id": 5, "film": 77})
        assert (late.status, late.code) == (409, "RELATION_NOT_FOUND"), late.body


# -- who may, and what is asked for ---------------------------------------------------------------


async def test_only_the_administrator_adopts_and_mistakes_are_named(sqlite_api: Api) -> None:
    api = sqlite_api
    assert (await api.anonymous.post("/admin/adopt")).status == 401
    user = {"email": "ann@example.com", "password": "hush"}
    await api.create("/user_definition", user)
    ann = await api.login(**user)
    refused = await ann.post("/admin/adopt", {"dryRun": True})
    assert (refused.status, refused.code) == (403, "AUTHORIZATION_ERROR")
    for body, status, said in (
        ([], 400, "must be a JSON object"),
        ({"table": ["x"]}, 400, "table is not allowed. Did you mean 'tables'?"),
        ({"tables": "film"}, 400, 'tables must be a list of names, such as ["film*"]'),
        ({"exclude": [1]}, 400, "exclude must be a list of names"),
        ({"keys": ["a"]}, 400, "keys must name the column of each"),
        ({"dryRun": "yes"}, 400, "dryRun must be true or false"),
        ({"tables": ["flim"]}, 404, "The database has no table 'flim'"),
        ({"tables": ["user_definition"]}, 404, "The database has no table 'user_definition'"),
    ):
        answer = await api.post("/admin/adopt", body)
        assert (answer.status, said in answer.message) == (status, True), answer.body
    nothing = await api.post("/admin/adopt", {})
    assert (nothing.status, nothing.row["tables"]) == (200, [])


async def test_a_key_that_cannot_be_one_is_refused_and_nothing_is_adopted(
    sqlite_uri: str, project: Path
) -> None:
    with sqlite3.connect(sqlite_uri.removeprefix("sqlite:///")) as connection:
        connection.executescript(
            "CREATE TABLE a (x INTEGER PRIMARY KEY); CREATE TABLE b (x INTEGER, y REAL);"
        )
    connection.close()
    async with Kernel(settings(sqlite_uri)) as kernel:
        api = await Api(kernel).login()
        for keys, said in (
            ({"b": "z"}, "'z' cannot be the key of 'b': it has no such column"),
            ({"b": "y"}, "'y' cannot be the key of 'b': a key is a whole number"),
            ({"a": "y"}, "'y' cannot be the key of 'a': its key is 'x'"),
        ):
            answer = await api.post("/admin/adopt", {"keys": keys})
            assert (answer.status, said in answer.message) == (422, True), answer.body
        assert "a" not in kernel.registry.current.tables
        report = await adopt(api, keys={"b": "x"})
        assert [(one["name"], one["key"], one["keyFields"]) for one in report["tables"]] == [
            ("a", "x", None), ("b", "x", None),
        ]  # fmt: skip


async def test_adopted_definitions_are_edited_where_that_is_right(
    sqlite_uri: str, project: Path
) -> None:
    path = sqlite_uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        for name in ("rental", "rental-sqlite"):
            connection.executescript((project / f"tests/data/{name}.sql").read_text())
    async with Kernel(settings(sqlite_uri)) as kernel:
        api = await Api(kernel).login()
        await adopt(api)
        before = SqliteDatabases(Path(path).parent).schema(sqlite_uri)
        tables = {one["name"]: one["id"] for one in await api.rows("/table_definition", limit=0)}
        columns = {
            (one["table"]["id"], one["name"]): one["id"]
            for one in await api.rows("/column_definition", limit=0)
        }

        async def edit(method: str, table: str, column: str, body: Any = None) -> Any:
            id_ = columns[tables[table], column]
            return await api.send(method, f"/column_definition/{id_}", body)

        # Names are ours to change, and stay the database's there.
        assert (await edit("PATCH", "stock", "film_id", {"name": "filmId"})).status == 200
        assert (await edit("PATCH", "film", "title", {"name": "name"})).status == 200
        journal = f"/table_definition/{tables['journal']}"
        assert (await api.patch(journal, {"name": "diary"})).status == 200
        assert len(await api.rows("/diary")) == 3
        (row,) = await api.rows("/stock", filter={"filmId": 2}, fields="filmId,film.name")
        assert row == {"store_id": 1, "filmId": 2, "film": {"film_id": 2, "name": "La vita"}}
        assert kernel.registry.current.tables["stock"].definition.key_fields == (
            "store_id",
            "filmId",
        )
        for answer, said in (
            (await edit("DELETE", "stock", "film_id"), "is the primary key and cannot be dropped"),
            (await edit("DELETE", "letter", "to_email"), "holds the relation 'to'; drop"),
            (
                await api.post(
                    "/column_definition", {"table": "film_list", "name": "x", "type": "text"}
                ),
                "can only be read: it is a view",
            ),
            (
                await api.post(
                    "/column_definition", {"table": "film", "name": "title", "type": "text"}
                ),
                "has the column 'title' in the database already, as 'name'",
            ),
            (
                await api.patch(f"/table_definition/{tables['letter']}", {"columns": []}),
                "holds the relation 'to'; drop",
            ),
        ):
            assert (answer.status, said in answer.message) == (422, True), answer.body
        assert SqliteDatabases(Path(path).parent).schema(sqlite_uri) == before
        # What says how records are told apart and written is not for clients to change.
        body = {"description": "What is there", "readOnly": "x", "keyFields": None}
        assert (await api.patch(f"/table_definition/{tables['stock']}", body)).status == 200
        described = (await api.get("/metadata/stock")).data
        assert (described["keyFields"], described["readOnly"]) == (["store_id", "filmId"], None)


@pytest.mark.parametrize("engine", ["mongodb"], indirect=True)
async def test_collections_are_not_adopted(kernel: Kernel) -> None:
    api = await Api(kernel).login()
    for path, body in (
        ("/admin/adopt", {"dryRun": True}),
        ("/table_definition", {"name": "thing", "adopt": True}),
    ):
        answer = await api.post(path, body)
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR"), answer.body
        assert "Collections of MongoDB cannot be adopted" in answer.message
