"""SQL that administrators write, on each database that speaks it."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import SQL_ENGINES

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True),
]

# They go on for as long as they are let.
ENDLESS = {
    "sqlite": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT 1 FROM t) SELECT max(n) FROM t",
    "postgresql": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT 1 FROM t) "
    "SELECT max(n) FROM t",
    "mysql": "SELECT count(*) FROM column_definition a, column_definition b, column_definition c, "
    "column_definition d, column_definition e WHERE a.name < b.name AND c.name < e.name",
}


async def _table(api: Api) -> None:
    await api.define(
        "post",
        "title varchar",
        "views int",
        {"name": "price", "type": "decimal", "options": {"precision": 10, "scale": 2}},
        "day date",
        "facts simple-json",
        "code varchar",
    )
    await api.create(
        "/post",
        [
            {"title": f"No. {n}", "views": n, "price": "1.50", "day": f"2024-01-0{n}"}
            for n in range(1, 6)
        ],
    )


async def _sql(api: Api, sql: str, **more: Any) -> Any:
    answer = await api.post("/admin/sql", {"sql": sql, **more})
    assert answer.status == 200, answer.body
    return answer


async def test_the_plan_is_told_and_nothing_is_run(api: Api, engine: str) -> None:
    await _table(api)
    told = await _sql(
        api,
        "SELECT title FROM post WHERE id = :id OR day = :day -- no more",
        parameters={"id": 1, "day": "2024-01-02"},
        explain=True,
    )
    (found,) = told.data
    assert "title" in found["statements"][0]
    assert "2024" not in found["statements"][0]
    assert "post" in str(found["database"][0])
    # Neither is it a way to what may not be read, nor does it take the time of what it is about.
    await _sql(api, ENDLESS[engine], explain=True)
    refused = {"sql": "SELECT password FROM user_definition", "explain": True}
    assert (await api.post("/admin/sql", refused)).body["error"]["code"] == "SQL_REFUSED"
    for text in ("EXPLAIN SELECT 1", "ANALYZE SELECT 1"):
        answer = await api.post("/admin/sql", {"sql": text, "explain": True})
        assert answer.body["error"]["code"] == "SQL_REFUSED"


async def test_reading(api: Api, engine: str) -> None:
    await _table(api)
    found = await _sql(
        api,
        "SELECT id, TITLE, views * 2 AS twice, price, createdAt FROM post "
        "WHERE views > :least AND day >= :day AND title LIKE 'No. %' AND id IN (:ids) ORDER BY id",
        parameters={"least": 1, "day": "2024-01-02", "ids": [1, 2, 3, 4, 5]},
        limit=2,
    )
    assert [(row["id"], row["title"], row["twice"]) for row in found.data] == [
        (2, "No. 2", 4),
        (3, "No. 3", 6),
    ]
    assert found.data[0]["price"] == 1.5
    assert found.body["meta"]["more"] is True
    assert [one["name"] for one in found.body["meta"]["columns"]] == [
        "id", "title", "twice", "price", "createdAt",
    ]  # fmt: skip
    twice = await _sql(api, "SELECT a.id, b.id FROM post a JOIN post b ON a.id = b.id")
    assert twice.data[0] == {"id": 1, "id_2": 1}
    assert twice.body["meta"]["more"] is False
    users = await _sql(api, "SELECT * FROM user_definition")
    assert users.data[0]["email"]
    assert "password" not in users.data[0]
    assert (await _sql(api, "SELECT 1 AS x FROM post WHERE 1 = 0")).data == []
    assert (await _sql(api, "SELECT count(*) AS n FROM post", limit=0)).data == []
    counted = await _sql(api, "WITH x AS (SELECT views FROM post) SELECT sum(views) AS s FROM x")
    assert counted.data == [{"s": 15}]


async def test_nothing_is_written_and_no_secret_read(api: Api, kernel: Kernel, engine: str) -> None:
    """Past the guard, the database itself refuses."""
    await _table(api)
    database: Any = kernel.database

    async def run(text: str) -> Any:
        readable: Any = lambda table, column: column != "password"  # noqa: E731
        async with database.selecting(text, (), 5, readable) as found:
            return await found.fetch(5)

    for text in [
        "DELETE FROM post",
        "INSERT INTO post (title) VALUES ('x')",
        "CREATE TABLE stolen (id int)",
        "DROP TABLE post",
    ]:
        if engine == "mysql" and text.startswith(("CREATE", "DROP")):
            # DDL ends the transaction: only the guard keeps it out.
            continue
        with pytest.raises(Exception, match=r"read-only|READ ONLY|prohibited|authoriz|transaction"):
            await run(text)
    if engine == "sqlite":
        for text in ["SELECT password FROM user_definition", "PRAGMA user_version"]:
            with pytest.raises(Exception, match=r"prohibited|authoriz"):
                await run(text)
    assert len(await api.rows("/post")) == 5
    # The connections are as they were.
    await api.create("/post", {"title": "x"})


async def test_what_the_database_does_not_take(api: Api, engine: str) -> None:
    await _table(api)
    for body, code, words in [
        ({"sql": "SELECT titel FROM post"}, "DATABASE_QUERY_ERROR", "titel"),
        ({"sql": "SELECT * FROM pots"}, "SQL_REFUSED", "Did you mean 'post'?"),
        ({"sql": "SELECT password FROM user_definition"}, "SQL_REFUSED", "is a secret"),
        ({"sql": "SELECT nowhere.* FROM post"}, "DATABASE_QUERY_ERROR", "nowhere"),
        ({"sql": "SELECT FROM WHERE"}, "SQL_SYNTAX_ERROR", ""),
        ({"sql": "SELECT :x", "parameters": {}}, "INVALID_VALUE", ":x"),
    ]:
        answer = await api.post("/admin/sql", body)
        assert (answer.status, answer.body["error"]["code"]) == (400, code), answer.body
        assert words in answer.body["error"]["message"]
    if engine == "postgresql":
        answer = await api.post(
            "/admin/sql", {"sql": "SELECT * FROM post WHERE day > :d", "parameters": {"d": "soon"}}
        )
        assert answer.body["error"]["message"] == "The value 'soon' is no date"
        # In place of a row, PostgreSQL gives what the subquery has.
        rows = await _sql(api, "SELECT row_to_json(u) AS all FROM user_definition u")
        assert "password" not in rows.data[0]["all"]


async def test_endless_statements_are_ended(api: Api, engine: str) -> None:
    answer = await api.post("/admin/sql", {"sql": ENDLESS[engine], "timeout": 0.2})
    assert (answer.status, answer.body["error"]["code"]) == (504, "DATABASE_TIMEOUT")


async def test_leaving_ends_the_statement(api: Api, kernel: Kernel, engine: str) -> None:
    work = asyncio.ensure_future(api.post("/admin/sql", {"sql": ENDLESS[engine]}))
    if engine == "sqlite":
        # What runs inside of this process, nobody else can see.
        await asyncio.sleep(0.1)
    else:
        await _until(kernel, running=True)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    if engine != "sqlite":
        await _until(kernel, running=False)
    assert len((await _sql(api, "SELECT 1 AS x")).data) == 1


async def _until(kernel: Kernel, *, running: bool) -> None:
    """Wait until the endless statement is, or is not, among those that the server runs."""
    database: Any = kernel.database
    text = (
        "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() "
        "AND query LIKE 'WITH RECURSIVE%'"
    )
    if database.engine == "mysql":
        text = (
            "SELECT 1 FROM information_schema.processlist WHERE db = database() "
            "AND info LIKE 'SELECT COUNT%%'"
        )
    async with asyncio.timeout(60):
        while bool(await database.driver.fetch_rows(text, ())) is not running:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_streams(api: Api, engine: str) -> None:
    pa = pytest.importorskip("pyarrow")
    await _table(api)
    sql = "SELECT id, title, price, day, code, 1.5 AS f FROM post WHERE views < :n ORDER BY id"
    table = await _arrow(api, pa, {"sql": sql, "parameters": {"n": 4}})
    assert table.column_names == ["id", "title", "price", "day", "code", "f"]
    assert table["id"].to_pylist() == [1, 2, 3]
    assert table["price"].to_pylist() == [1.5] * 3
    assert table["code"].to_pylist() == [None] * 3
    assert (await _arrow(api, pa, {"sql": sql, "parameters": {"n": 4}, "limit": 2})).num_rows == 2
    assert (await _arrow(api, pa, {"sql": sql, "parameters": {"n": 0}})).num_rows == 0


async def _arrow(api: Api, pa: Any, body: Any) -> Any:
    accept = {"accept": "application/vnd.apache.arrow.stream"}
    answer = await api.send("POST", "/admin/sql", body, headers=accept)
    assert answer.status == 200, answer.body
    return pa.ipc.open_stream(io.BytesIO(answer.body)).read_all()
