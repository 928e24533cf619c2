"""Tables that were there before: they get definitions and an API, and stay as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.storage.physical import PhysicalTable

from tests.api import Api
from tests.arrow import read, values
from tests.databases import SQL_ENGINES, Databases, settings

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True),
]

TABLES = (
    "Album", "Artist", "Customer", "Employee", "Genre", "Invoice", "InvoiceLine", "MediaType",
    "Playlist", "Track",
)  # fmt: skip
JUNCTION = "PlaylistTrack"
BINARY = {"sqlite": "BLOB", "postgresql": "BYTEA", "mysql": "BLOB"}


@pytest.fixture
def shop_uri(databases: Databases, database_uri: str, engine: str, project: Path) -> str:
    """A database in which another program keeps the records of a music shop."""
    text = (project / "tests/data/chinook.sql").read_text()
    if engine != "postgresql":
        text = text.replace("TIMESTAMP", "DATETIME")
    databases.execute(database_uri, text)
    return database_uri


@pytest_asyncio.fixture
async def shop(shop_uri: str) -> AsyncIterator[Kernel]:
    async with Kernel(settings(shop_uri)) as kernel:
        yield kernel


@pytest_asyncio.fixture
async def clerk(shop: Kernel) -> Api:
    """The administrator, of a shop of which nothing is defined yet."""
    return await Api(shop).login()


@pytest_asyncio.fixture
async def api(clerk: Api) -> Api:
    """The administrator, of a shop of which everything is defined."""
    for name in TABLES:
        await adopt(clerk, name)
    return clerk


async def adopt(api: Api, name: str) -> Any:
    answer = await api.post("/table_definition", {"name": name, "adopt": True})
    assert answer.status == 201, answer.body
    return answer.row


async def physical(kernel: Kernel) -> dict[str, PhysicalTable]:
    return {one.name: one for one in await kernel.database.inspect([*TABLES, JUNCTION])}


# -- what they become -----------------------------------------------------------------------------


async def test_all_tables_are_adopted_in_any_order_and_none_is_touched(
    clerk: Api, shop: Kernel, engine: str
) -> None:
    before = await physical(shop)
    assert len(before) == 11
    for name in reversed(TABLES):
        await adopt(clerk, name)
    assert await physical(shop) == before
    names = {table.name for table in shop.registry.current.tables.values()}
    assert {"album", "artist", "invoice_line", "media_type", "track"} <= names

    assert relations_of(shop) == RELATIONS
    track = shop.registry.current.tables["track"]
    assert track.primary.name == "TrackId"
    assert not track.relations["mediaType"].nullable
    assert track.relations["genre"].nullable
    # SQLite's have 64 bits.
    whole = "bigint" if engine == "sqlite" else "int"
    assert {
        one.name: (one.type.value, one.options, one.is_nullable) for one in track.columns.values()
    } == {
        "TrackId": (whole, None, False),
        "Name": ("varchar", {"length": 200}, False),
        "Composer": ("varchar", {"length": 220}, True),
        "Milliseconds": (whole, None, False),
        "Bytes": (whole, None, True),
        "UnitPrice": ("decimal", {"precision": 10, "scale": 2}, False),
    }


def relations_of(shop: Kernel) -> dict[tuple[str, str], tuple[str, str]]:
    tables = shop.registry.current.tables
    return {
        (table.name, relation.name): (relation.kind.value, relation.target)
        for table in tables.values()
        if table.definition.is_adopted
        for relation in table.relations.values()
    }


RELATIONS = {
    ("album", "artist"): ("many-to-one", "artist"),
    ("album", "tracks"): ("one-to-many", "track"),
    ("artist", "albums"): ("one-to-many", "album"),
    ("customer", "supportRep"): ("many-to-one", "employee"),
    ("customer", "invoices"): ("one-to-many", "invoice"),
    ("employee", "reportsTo"): ("many-to-one", "employee"),
    ("employee", "employees"): ("one-to-many", "employee"),
    ("employee", "customers"): ("one-to-many", "customer"),
    ("genre", "tracks"): ("one-to-many", "track"),
    ("invoice", "customer"): ("many-to-one", "customer"),
    ("invoice", "invoice_lines"): ("one-to-many", "invoice_line"),
    ("invoice_line", "invoice"): ("many-to-one", "invoice"),
    ("invoice_line", "track"): ("many-to-one", "track"),
    ("media_type", "tracks"): ("one-to-many", "track"),
    ("playlist", "tracks"): ("many-to-many", "track"),
    ("track", "album"): ("many-to-one", "album"),
    ("track", "genre"): ("many-to-one", "genre"),
    ("track", "mediaType"): ("many-to-one", "media_type"),
    ("track", "invoice_lines"): ("one-to-many", "invoice_line"),
    ("track", "playlists"): ("many-to-many", "playlist"),
}


# -- their records --------------------------------------------------------------------------------


FILTERS: tuple[tuple[str, Any, list[int]], ...] = (
    ("/track", {"album": {"artist": {"Name": "AC/DC"}}}, [1, 15]),
    ("/artist", {"albums": {"tracks": {"Composer": {"_contains": "angus"}}}}, [1]),
    ("/playlist", {"tracks": {"Name": "Go Down"}}, [8]),
    ("/track", {"playlists": {"PlaylistId": 1}}, [1, 2]),
    ("/employee", {"employees": {"LastName": "Peacock"}}, [2]),
    ("/customer", {"supportRep": {"reportsTo": {"reportsTo": 1}}}, [1]),
    ("/invoice", {"InvoiceDate": {"_gt": "2009-01-02T00:00:00Z"}}, [2]),
    ("/invoice", {"Total": {"_gte": "1.98"}}, [1]),
    ("/invoice_line", {"invoice": {"customer": {"Country": "Germany"}}}, [1, 2]),
    ("/album", {"artist": {"_in": [1, 3]}}, [1, 4]),
)


async def test_records_are_read_and_found_through_relations(api: Api) -> None:
    rows = await api.rows(
        "/track", fields="Name,UnitPrice,album.Title,album.artist.Name", sort="TrackId", limit=2
    )
    assert [(row["Name"], row["UnitPrice"], row["album"]["artist"]["Name"]) for row in rows] == [
        ("For Those About To Rock (We Salute You)", "0.99", "AC/DC"),
        ("Balls to the Wall", "1.00", "Accept"),
    ]
    (boss,) = await api.rows("/employee", filter={"reportsTo": {"_is_null": True}})
    assert (boss["FirstName"], boss["BirthDate"]) == ("Andrew", "1962-02-18T00:00:00+00:00")
    for path, where, wanted in FILTERS:
        rows = await api.rows(path, filter=where)
        assert sorted(next(iter(row.values())) for row in rows) == wanted, (path, where)
    table = await read(api, "/invoice", sort="InvoiceId", fields="InvoiceId,InvoiceDate,Total")
    shown = [
        (row["InvoiceId"], row["InvoiceDate"].isoformat(), str(row["Total"]))
        for row in values(table, "InvoiceId", "InvoiceDate", "Total")
    ]
    assert shown == [
        (1, "2009-01-01T00:00:00+00:00", "1.98"),
        (2, "2009-01-03T12:30:00+00:00", "0.99"),
    ]


async def test_records_are_written_by_the_database_s_own_rules(api: Api) -> None:
    artist = await api.create("/artist", {"ArtistId": 9, "Name": "Björk"})
    assert artist == {"ArtistId": 9, "Name": "Björk", "albums": []}
    album = await api.create("/album", {"AlbumId": 9, "Title": "Post", "artist": 9})
    assert album["artist"] == {"ArtistId": 9}
    changed = await api.patch("/album/9", {"Title": "Homogenic", "artist": {"ArtistId": 3}})
    assert (changed.row["Title"], changed.row["artist"]) == ("Homogenic", {"ArtistId": 3})
    invoice = {"InvoiceId": 9, "customer": 1, "InvoiceDate": "2026-01-01T01:00:00+01:00",
               "Total": "12345678.90"}  # fmt: skip
    row = await api.create("/invoice", invoice)
    assert (row["InvoiceDate"], row["Total"]) == ("2026-01-01T00:00:00+00:00", "12345678.90")
    assert (await api.delete("/invoice/9")).status == 200
    assert (await api.patch("/playlist/2", {"tracks": [1, 15]})).status == 200
    tracks = await api.rows("/track", filter={"playlists": {"Name": "Movies"}})
    assert [row["TrackId"] for row in tracks] == [1, 15]

    again = await api.post("/artist", {"ArtistId": 1, "Name": "AC/DC"})
    assert (again.status, again.code) == (409, "DUPLICATE_RESOURCE")
    assert again.body["error"]["details"]["fields"] == ["ArtistId"]
    nobody = await api.post("/album", {"AlbumId": 10, "Title": "Debut", "artist": 77})
    assert (nobody.status, nobody.code) == (409, "RELATION_NOT_FOUND")
    assert nobody.body["error"]["details"]["fields"] == ["artist"]
    used = await api.delete("/artist/1")
    assert (used.status, used.code) == (409, "RELATION_IN_USE")
    assert used.body["error"]["details"]["relations"] == ["album.artist"]


# -- going, and coming back -----------------------------------------------------------------------


async def test_a_definition_that_goes_leaves_its_table(api: Api, shop: Kernel) -> None:
    before = await physical(shop)
    fields = "Name,Composer,UnitPrice,album.Title,playlists"
    tracks = await api.rows("/track", sort="TrackId", fields=fields)
    (definition,) = await api.rows("/table_definition", filter={"name": "track"})
    answer = await api.delete(f"/table_definition/{definition['id']}")
    if answer.status == 409:
        confirm = answer.body["error"]["details"]["requiredConfirmHash"]
        answer = await api.delete(
            f"/table_definition/{definition['id']}", schemaConfirmHash=confirm
        )
    assert answer.status == 200, answer.body
    assert await physical(shop) == before
    assert (await api.get("/track")).status == 404
    assert not shop.registry.current.tables["album"].relations.keys() - {"artist"}
    await adopt(api, "Track")
    assert await api.rows("/track", sort="TrackId", fields=fields) == tracks


async def test_a_preview_adopts_nothing(clerk: Api, shop: Kernel) -> None:
    before = shop.registry.current.version
    answer = await clerk.post("/table_definition", {"name": "Track", "adopt": True}, preview="true")
    assert answer.status == 200, answer.body
    assert (answer.row["tableName"], answer.row["schemaChanged"]) == ("track", False)
    assert shop.registry.current.version == before
    assert (await clerk.get("/track")).status == 404


# -- what cannot be adopted -----------------------------------------------------------------------


async def test_what_cannot_be_adopted_says_why(
    clerk: Api, databases: Databases, shop_uri: str, engine: str
) -> None:
    await asyncio.to_thread(
        databases.execute,
        shop_uri,
        f'CREATE TABLE "Raw" ("A" {BINARY[engine]});',
    )
    for name, status, said in (
        ("Trak", 404, "no table 'Trak'. Did you mean 'Track'?"),
        ("Raw", 422, "'Raw' cannot be adopted: none of its columns can be shown"),
        (JUNCTION, 422, "only joins two tables; adopt those"),
    ):
        answer = await clerk.post("/table_definition", {"name": name, "adopt": True})
        assert (answer.status, said in answer.message) == (status, True), answer.body


async def test_a_table_is_adopted_once_and_never_overwritten(clerk: Api) -> None:
    await adopt(clerk, "Genre")
    again = await clerk.post("/table_definition", {"name": "Genre", "adopt": True})
    assert (again.status, again.code) == (409, "TABLE_EXISTS")
    created = await clerk.post("/table_definition", {"name": "genre", "columns": []})
    assert (created.status, created.code) == (409, "TABLE_EXISTS")
    told = await clerk.post(
        "/table_definition",
        {"name": "Artist", "adopt": True, "columns": [{"name": "x", "type": "int"}]},
    )
    assert (told.status, told.code) == (422, "VALIDATION_ERROR")
