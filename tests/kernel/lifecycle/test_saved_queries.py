"""Saved queries: what they may say, and what they find when they are asked for by their name."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.api import Answer, Api

pytestmark = pytest.mark.asyncio

POPULAR = {
    "name": "popular",
    "table": "post",
    "query": {
        "filter": {"views": {"_gte": ":least"}},
        "fields": ["title", "author.name"],
        "sort": "-views",
    },
}
FIGURES = {
    "name": "figures",
    "language": "sql",
    "sql": "SELECT title, views FROM post WHERE views >= :least",
    "parameters": {"least": 20},
}


@pytest_asyncio.fixture
async def posts(sqlite_api: Api) -> Api:
    api = sqlite_api
    await api.define("person", "name varchar!")
    await api.define(
        "post",
        "title varchar!",
        "views int",
        {"name": "note", "type": "text", "isPublished": False},
        relations=[{"type": "many-to-one", "propertyName": "author", "targetTable": "person"}],
    )
    ann = await api.create("/person", {"name": "Ann"})
    for title, views in (("One", 10), ("Two", 20), ("Three", 30)):
        await api.create("/post", {"title": title, "views": views, "author": ann["id"]})
    return api


async def titles(api: Api, **query: Any) -> list[str]:
    return [row["title"] for row in await api.rows("/post", **query)]


async def test_it_is_asked_by_its_name(posts: Api) -> None:
    saved = await posts.create("/query_definition", POPULAR)
    assert saved["savedBy"]["id"]
    found = await posts.rows("/post", saved="popular", parameters={"least": 20})
    assert found == [
        {"id": 3, "title": "Three", "author": {"id": 1, "name": "Ann"}},
        {"id": 2, "title": "Two", "author": {"id": 1, "name": "Ann"}},
    ]
    # Brackets give parameters, too, whose values are texts.
    assert await titles(posts, saved="popular", **{"parameters[least]": 30}) == ["Three"]


async def test_what_stands_beside_the_name_wins_and_a_filter_narrows(posts: Api) -> None:
    await posts.create("/query_definition", {**POPULAR, "parameters": {"least": 20}})
    assert await titles(posts, saved="popular") == ["Three", "Two"]
    assert await titles(posts, saved="popular", sort="views") == ["Two", "Three"]
    assert await titles(posts, saved="popular", limit=1) == ["Three"]
    assert await titles(posts, saved="popular", limit=1, page=2) == ["Two"]
    narrow = {"_or": [{"title": "One"}, {"title": "Two"}]}
    assert await titles(posts, saved="popular", filter=narrow) == ["Two"]
    assert await posts.rows("/post", saved="popular", select="views", limit=1) == [
        {"id": 3, "views": 30}
    ]
    answer = await posts.get("/post", saved="popular", format="csv", limit=0)
    assert answer.body.decode().splitlines()[1].startswith('3,"Three"')


async def test_it_changes_at_once_and_has_gone_with_its_table(posts: Api) -> None:
    saved = await posts.create("/query_definition", {**POPULAR, "parameters": {"least": 20}})
    assert await titles(posts, saved="popular") == ["Three", "Two"]
    await posts.patch(f"/query_definition/{saved['id']}", {"parameters": {"least": 30}})
    assert await titles(posts, saved="popular") == ["Three"]
    await posts.patch(f"/query_definition/{saved['id']}", {"name": "read"})
    assert await titles(posts, saved="read") == ["Three"]
    answer = await posts.get("/post", saved="raed", parameters={"least": 1})
    assert answer.code == "INVALID_QUERY"
    assert "Did you mean 'read'?" in answer.message
    (table,) = await posts.rows("/table_definition", filter={"name": "post"})
    path = f"/table_definition/{table['id']}"
    confirm = (await posts.delete(path, preview="true")).row["requiredConfirmHash"]
    gone = await posts.delete(path, schemaConfirmHash=confirm)
    assert gone.status == 200, gone.body
    assert await posts.rows("/query_definition") == []


async def test_it_shows_nobody_more_than_he_may_see(posts: Api) -> None:
    query = {"fields": "title,note", "sort": "-views"}
    await posts.create("/query_definition", {**POPULAR, "query": query})
    assert await titles(posts, saved="popular", limit=1) == ["Three"]
    assert (await posts.anonymous.get("/post", saved="popular")).status == 401
    await posts.publish("/post", "GET")
    assert (await posts.anonymous.get("/post", saved="popular")).status == 403
    assert await titles(posts.anonymous, saved="popular", fields="title", limit=1) == ["Three"]
    assert (await posts.anonymous.get("/query_definition")).status == 401


async def test_hooks_see_what_it_asks_for(posts: Api) -> None:
    await posts.create("/query_definition", {**POPULAR, "parameters": {"least": 10}})
    hook = {
        "route": "/post",
        "name": "only titles",
        "methods": ["GET"],
        "sourceCode": "@SHARE.saw = @QUERY.filter['views']['_gte']\n"
        "@QUERY.fields = 'title'\n@QUERY.filter = {'views': {'_lte': 20}}",
    }
    await posts.create("/pre_hook_definition", hook)
    after = {
        "route": "/post",
        "name": "tell",
        "methods": ["GET"],
        "sourceCode": "@DATA.data = [@SHARE.saw, *[row['title'] for row in @DATA.data]]",
    }
    await posts.create("/post_hook_definition", after)
    # What a hook says in the place of the filter is all that there is.
    assert await posts.rows("/post", saved="popular") == [10, "Two", "One"]


async def test_handlers_may_mean_something_else_by_the_word(posts: Api) -> None:
    await posts.create("/query_definition", {**POPULAR, "parameters": {"least": 10}})
    await posts.create("/route_definition", {"path": "/bin", "availableMethods": ["GET"]})
    await posts.create(
        "/route_handler_definition",
        {"route": "/bin", "method": "GET", "sourceCode": "return [@QUERY.saved]"},
    )
    for value in ("popular", "true"):
        answer = await posts.get("/bin", saved=value)
        assert answer.body == [value]


async def answered(api: Api, source: str, language: str = "python") -> Answer:
    """Give what a handler answers that is made of a source."""
    (row,) = await api.rows("/route_definition", filter={"path": "/ask"}) or [
        await api.create("/route_definition", {"path": "/ask", "availableMethods": ["GET"]})
    ]
    body = {"sourceCode": source, "scriptLanguage": language}
    there = await api.rows("/route_handler_definition", filter={"route": row["id"]})
    if there:
        await api.patch(f"/route_handler_definition/{there[0]['id']}", body)
    else:
        await api.create("/route_handler_definition", {"route": row["id"], "method": "GET", **body})
    return await api.get("/ask")


FIND = {
    "python": "return (await #post.find({{'saved': 'popular', {0}}})).data",
    "javascript": "return (await #post.find({{saved: 'popular', {0}}})).data",
}


@pytest.mark.parametrize("language", FIND)
async def test_scripts_ask_by_the_name(posts: Api, language: str) -> None:
    await posts.create("/query_definition", {**POPULAR, "parameters": {"least": 20}})

    async def found(options: str) -> list[str]:
        answer = await answered(posts, FIND[language].format(options), language)
        assert answer.status == 200, answer.body
        return [row["title"] for row in answer.body]

    assert await found("'fields': 'title'") == ["Three", "Two"]
    assert await found("'parameters': {'least': 30}") == ["Three"]
    assert await found("'parameters': {'least': 10}, 'limit': 1, 'page': 2") == ["Two"]
    narrow = "'filter': {'title': {'_starts_with': 'Tw'}}, 'sort': 'title'"
    assert await found(narrow) == ["Two"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("#post.find(saved='popluar')", "no saved query 'popluar' of this table. Did you mean"),
        ("#person.find(saved='popular')", "no saved query 'popular' of this table"),
        ("#post.find(saved='popular')", "popular: There is no value for ':least'."),
        ("#post.find(saved='popular', parameters={'leats': 1})", "Did you mean 'least'?"),
        ("#post.find(saved='popular', parameters=[1])", "parameters must be an object"),
        ("#post.find(saved='popular', parameters={'least': 'many'})", "views"),
        ("#post.find(savd='popular')", "no option 'savd'. Did you mean 'saved'?"),
        ("#post.find(saved=None)", "saved must be the name of a saved query"),
        ("#post.find(parameters={'least': 1})", "name it as saved"),
        ("#post.delete(saved='popular')", "no option 'saved'"),
    ],
)
async def test_scripts_are_told_what_is_wrong(posts: Api, call: str, said: str) -> None:
    await posts.create("/query_definition", POPULAR)
    answer = await answered(posts, f"return await {call}")
    assert answer.status == 400, answer.body
    assert said in answer.message


async def test_scripts_in_javascript_forget_nothing(posts: Api) -> None:
    await posts.create("/query_definition", {**POPULAR, "parameters": {"least": 20}})
    for options, said in (
        ("saved: @QUERY.which", "saved is undefined"),
        ("saved: 'popular', parameters: {least: @QUERY.least}", "parameters.least is undefined"),
    ):
        answer = await answered(posts, f"return await #post.find({{{options}}})", "javascript")
        assert answer.message == said


async def test_secure_repositories_show_nobody_more_than_he_may_see(posts: Api) -> None:
    query = {"fields": "title,note", "sort": "-views", "limit": 1}
    await posts.create("/query_definition", {**POPULAR, "query": query})
    asked = "return (await {}.find(saved='popular')).data"
    for source, row in (
        ("#post", {"id": 3, "title": "Three", "note": None}),
        ("@REPOS.secure.post", {"id": 3, "title": "Three", "note": None}),
    ):
        assert (await answered(posts, asked.format(source))).body == [row]
    await posts.publish("/ask", "GET")
    nobody = await posts.anonymous.get("/ask")
    assert nobody.status == 403, nobody.body
    await answered(
        posts, "return (await @REPOS.secure.post.find(saved='popular', fields='title')).data"
    )
    assert (await posts.anonymous.get("/ask")).body == [{"id": 3, "title": "Three"}]


async def test_values_are_asked_for(posts: Api) -> None:
    await posts.create("/query_definition", POPULAR)
    answer = await posts.get("/post", saved="popular")
    assert (answer.status, answer.code) == (400, "INVALID_VALUE")
    assert answer.message == "popular: There is no value for ':least'."
    answer = await posts.get("/post", saved="popular", parameters={"leats": 1})
    assert answer.message == "popular: The query has no ':leats'. Did you mean 'least'?"
    answer = await posts.get("/post", saved="popular", parameters=[1])
    assert "parameters must be an object" in answer.message
    answer = await posts.get("/post", saved="popular", parameters={"least": "many"})
    assert (answer.status, answer.code) == (400, "INVALID_VALUE")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"name": "Ann's"}, "INVALID_BODY", "name must be of small letters"),
        ({"table": None}, "INVALID_BODY", "table is required"),
        ({"table": "psot"}, "INVALID_BODY", "Did you mean 'post'?"),
        ({"query": None}, "INVALID_BODY", "query must be an object"),
        ({"query": {"filters": {}}}, "INVALID_BODY", "no 'filters'. Did you mean 'filter'?"),
        ({"query": {"filter": {"veiws": 1}}}, "UNKNOWN_FIELD", "Did you mean 'views'?"),
        ({"query": {"filter": {"views": {"_gtt": 1}}}}, "UNKNOWN_OPERATOR", "_gtt"),
        ({"query": {"sort": "-veiws"}}, "UNKNOWN_FIELD", "Did you mean 'views'?"),
        ({"parameters": {"lest": 1}}, "INVALID_BODY", "Did you mean 'least'?"),
        ({"parameters": {"least": "many"}}, "INVALID_VALUE", "views"),
        ({"parameters": [1]}, "INVALID_BODY", "parameters must be an object"),
        ({"language": "sqll"}, "INVALID_BODY", "Did you mean 'sql'?"),
        ({"language": "sql"}, "INVALID_BODY", "sql must be a statement"),
        ({"sql": "SELECT 1"}, "INVALID_BODY", "sql goes with the language sql only"),
    ],
)
async def test_what_could_not_be_asked_is_not_saved(
    posts: Api, body: dict[str, Any], code: str, message: str
) -> None:
    answer = await posts.post("/query_definition", {**POPULAR, **body})
    assert (answer.status, answer.code) == (400, code), answer.body
    assert message in answer.message
    assert await posts.rows("/query_definition") == []


async def test_names_can_stand_wherever_values_do(posts: Api) -> None:
    query = {
        "filter": {
            "_or": [
                {"title": {"_in": ":titles"}},
                {"views": {"_between": [":from", ":to"]}},
                {"author": {"name": {"_is_null": ":nobody"}}},
            ]
        },
        "deep": {"author": {"fields": ["name"]}},
    }
    await posts.create("/query_definition", {**POPULAR, "query": query})
    values = {"titles": ["One"], "from": 30, "to": 40, "nobody": True}
    assert await titles(posts, saved="popular", parameters=values, sort="id") == ["One", "Three"]


async def test_sql_is_asked_by_its_name(posts: Api) -> None:
    await posts.create("/query_definition", FIGURES)
    answer = await posts.post("/admin/sql", {"saved": "figures"})
    assert answer.data == [{"title": "Two", "views": 20}, {"title": "Three", "views": 30}]
    answer = await posts.post("/admin/sql", {"saved": "figures", "parameters": {"least": 30}})
    assert answer.data == [{"title": "Three", "views": 30}]


async def test_sql_reads_from_what_is_saved(posts: Api) -> None:
    await posts.create("/query_definition", FIGURES)
    await posts.create(
        "/query_definition",
        {
            "name": "short",
            "language": "sql",
            "sql": "WITH titles AS (SELECT title FROM post)\n"
            "SELECT * FROM titles WHERE length(title) = 3; -- letters",
        },
    )
    both = {"with": ["figures", "short"], "parameters": {"least": 10}}
    sql = "SELECT f.title FROM figures AS f JOIN short USING (title) ORDER BY views DESC"
    answer = await posts.post("/admin/sql", {"sql": sql, **both})
    assert [row["title"] for row in answer.data] == ["Two", "One"]
    sql = (
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2) "
        "SELECT count(*) AS many FROM n, figures"
    )
    answer = await posts.post("/admin/sql", {"sql": sql, "with": ["figures"]})
    assert answer.data == [{"many": 4}]
    # Places are those of the statement that somebody wrote.
    answer = await posts.post("/admin/sql", {"sql": "SELECT FROM (", "with": ["figures"]})
    assert answer.message.startswith("Line 1, column ")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"saved": "figurs"}, "'figurs' is not there. Did you mean 'figures'?"),
        ({"saved": "popular"}, "'popular' is a filter, and no SQL"),
        ({"saved": "figures", "sql": "SELECT 1"}, "saved must be the name of a query"),
        ({"saved": 1}, "saved must be the name of a query"),
        ({"sql": "SELECT 1", "with": "figures"}, "with must list the names"),
        ({"sql": "SELECT 1", "with": ["x) AS (SELECT 1"]}, "is not there"),
        ({"saved": "figures", "parameters": {"leats": 1}}, "Did you mean 'least'?"),
    ],
)
async def test_what_sql_cannot_be_asked(posts: Api, body: dict[str, Any], message: str) -> None:
    await posts.create("/query_definition", POPULAR)
    await posts.create("/query_definition", FIGURES)
    answer = await posts.post("/admin/sql", body)
    assert answer.status == 400
    assert message in answer.message


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("DELETE FROM post", "SQL_REFUSED"),
        ("SELECT password FROM user_definition", "SQL_REFUSED"),
        ("SELECT 1) AS x, (SELECT 2", "SQL_SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", "SQL_REFUSED"),
        ("SELECT * FROM psot", "SQL_REFUSED"),
    ],
)
async def test_what_could_not_be_run_is_not_saved(posts: Api, sql: str, code: str) -> None:
    answer = await posts.post("/query_definition", {**FIGURES, "sql": sql, "parameters": None})
    assert (answer.status, answer.code) == (400, code), answer.body


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mongodb"], indirect=True)
async def test_on_other_databases(api: Api) -> None:
    await api.define("post", "title varchar!", "views int")
    await api.create("/post", [{"title": "One", "views": 1}, {"title": "Two", "views": 2}])
    query = {"filter": {"views": {"_in": ":these"}}, "fields": "title"}
    await api.create("/query_definition", {**POPULAR, "query": query})
    found = await api.rows("/post", saved="popular", parameters={"these": [2, 3]})
    assert [row["title"] for row in found] == ["Two"]
    values = "{{ @FLOW_PAYLOAD }}"
    step = {"table": "post", "saved": "popular", "parameters": {"these": values}, "sort": "id"}
    trial = {"kind": "flow_step", "type": "query", "config": step, "payload": [1, 2, 3]}
    tried = (await api.post("/admin/test/run", trial)).row
    assert [row["title"] for row in tried["result"]["data"]] == ["One", "Two"]
    answer = await api.post("/query_definition", FIGURES)
    if api.kernel.database.engine == "mongodb":
        assert (answer.status, answer.code) == (400, "SQL_REFUSED")
        return
    assert answer.status == 201, answer.body
    body = {
        "sql": "SELECT f.title FROM figures AS f",
        "with": ["figures"],
        "parameters": {"least": 2},
    }
    assert (await api.post("/admin/sql", body)).data == [{"title": "Two"}]
