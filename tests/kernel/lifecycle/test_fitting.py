"""Who renames or drops a field is told which saved queries name it; it stays allowed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import Api

pytestmark = pytest.mark.asyncio

READ = {
    "name": "most_read",
    "table": "post",
    "query": {"filter": {"views": {"_gte": ":least"}}, "sort": "-views"},
}
BY_AUTHOR = {
    "name": "by_author",
    "table": "post",
    "query": {"fields": ["title"], "filter": {"author": {"name": ":who"}}},
}
TITLES = {"name": "titles", "table": "post", "query": {"fields": ["title"]}}


async def posts(api: Api) -> None:
    await api.define("person", "name varchar!")
    await api.define(
        "post",
        "title varchar!",
        "views int",
        relations=[{"type": "many-to-one", "propertyName": "author", "targetTable": "person"}],
    )
    for query in (READ, BY_AUTHOR, TITLES):
        await api.create("/query_definition", query)


async def path_of(api: Api, table: str, field: str) -> str:
    """Give the path of the definition of a table, of a column or of a relation."""
    if not field:
        (row,) = await api.rows("/table_definition", filter={"name": table})
        return f"/table_definition/{row['id']}"
    for kind, name, owner in (
        ("column", "name", "table"),
        ("relation", "propertyName", "sourceTable"),
    ):
        found = await api.rows(f"/{kind}_definition", filter={name: field, owner: {"name": table}})
        if found:
            return f"/{kind}_definition/{found[0]['id']}"
    raise AssertionError(field)


def told(preview: Any) -> dict[str, str]:
    return {one["name"]: one["message"] for one in preview["warnings"]}


async def test_who_renames_a_field_is_told_which_queries_name_it(api: Api) -> None:
    await posts(api)
    if api.kernel.database.engine != "mongodb":
        sql = {"language": "sql", "sql": "SELECT title FROM post WHERE Views > :least"}
        await api.create("/query_definition", {"name": "in_sql", **sql})
    path = await path_of(api, "post", "views")
    preview = (await api.patch(path, {"name": "reads"}, preview="true")).row
    said = told(preview)
    assert said.pop("most_read") == (
        "the saved query 'most_read' fits no longer: filter.views: 'post' has no field 'views'."
    )
    assert not preview["isDestructive"]
    if api.kernel.database.engine != "mongodb":
        assert "There is no column" in said.pop("in_sql")
    assert said == {}
    # It is only told.
    assert (await api.rows("/admin/query/check")) == []
    answer = await api.patch(path, {"name": "reads"})
    assert answer.status == 200
    assert told(answer.body["meta"]) == told(preview)
    unfit = await api.rows("/admin/query/check")
    assert {one["name"] for one in unfit} == set(told(preview))
    assert unfit[0]["name"] == "most_read"
    assert unfit[0]["problem"].startswith("filter.views: 'post' has no field 'views'")
    # What was unfit before is no news.
    path = await path_of(api, "post", "title")
    assert set(told((await api.patch(path, {"name": "headline"}, preview="true")).row)) == {
        "by_author",
        "titles",
    }


@pytest.mark.parametrize(
    ("table", "field", "change", "names"),
    [
        ("post", "views", None, {"most_read"}),
        ("post", "views", {"type": "text"}, set()),
        ("post", "views", {"description": "How often"}, set()),
        ("post", "author", None, {"by_author"}),
        ("person", "name", {"name": "called"}, {"by_author"}),
        ("person", "", {"name": "author"}, set()),
        (
            "person",
            "",
            {"columns": [{"name": "name", "type": "varchar"}, {"name": "age", "type": "int"}]},
            set(),
        ),
        ("post", "", None, {"most_read", "by_author", "titles"}),
    ],
)
async def test_what_does_not_fit_any_more(
    sqlite_api: Api, table: str, field: str, change: Any, names: set[str]
) -> None:
    await posts(sqlite_api)
    path = await path_of(sqlite_api, table, field)
    if change is None:
        answer = await sqlite_api.delete(path, preview="true")
    else:
        answer = await sqlite_api.patch(path, change, preview="true")
    assert answer.status == 200, answer.body
    assert set(told(answer.row)) == names


async def test_a_value_that_would_no_longer_fit_is_told(sqlite_api: Api) -> None:
    api = sqlite_api
    await posts(api)
    query = {"name": "named", "query": {"filter": {"title": ":name"}}, "parameters": {"name": "x"}}
    await api.create("/query_definition", {**query, "table": "post"})
    path = await path_of(api, "post", "title")
    preview = (await api.patch(path, {"type": "int"}, preview="true")).row
    assert "title" in told(preview)["named"]


async def test_what_goes_with_its_table_is_told_where_it_has_to_be_confirmed(
    sqlite_api: Api,
) -> None:
    api = sqlite_api
    await posts(api)
    await api.create("/post", {"title": "One"})
    answer = await api.delete(await path_of(api, "post", ""))
    assert answer.code == "SCHEMA_CONFIRMATION_REQUIRED"
    said = told(answer.body["error"]["details"])
    assert said["titles"] == "the saved query 'titles' is deleted with its table"


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT p.views FROM post AS p", {"ask"}),
        ("WITH some AS (SELECT views AS n FROM post) SELECT n FROM some", {"ask"}),
        ("SELECT title FROM post ORDER BY views", {"ask"}),
        ("SELECT title FROM post", set()),
        ("SELECT * FROM post", set()),
        ("SELECT views FROM (SELECT 1 AS views) AS x, post", set()),
        ("SELECT name, 'views of post' AS what FROM person", set()),
        ("SELECT value FROM post, json_each(title)", set()),
    ],
)
async def test_statements_are_taken_apart(sqlite_api: Api, sql: str, names: set[str]) -> None:
    api = sqlite_api
    await api.define("person", "name varchar!")
    await api.define("post", "title varchar!", "views int")
    await api.create("/query_definition", {"name": "ask", "language": "sql", "sql": sql})
    path = await path_of(api, "post", "views")
    assert set(told((await api.patch(path, {"name": "reads"}, preview="true")).row)) == names
    assert await api.rows("/admin/query/check") == []


async def test_others_are_not_told_what_is_wrong_with_queries(sqlite_api: Api) -> None:
    assert (await sqlite_api.anonymous.get("/admin/query/check")).status == 401
