"""The OpenAPI document is valid and of this moment; its page and the health checks work."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from enfyra_kernel.lifecycle.viewing import View
from enfyra_kernel.records.streams.formats import FORMATS
from openapi_spec_validator import OpenAPIV31SpecValidator

from enfyra_server import documents
from enfyra_server.openapi import openapi

pytestmark = pytest.mark.asyncio(loop_scope="module")

COLUMNS = [
    {"name": "title", "type": "varchar", "isNullable": False, "description": "What it is"},
    {"name": "status", "type": "enum", "options": ["draft", "done"], "defaultValue": "draft"},
    {"name": "tags", "type": "array-select", "options": ["a", "b"]},
    {"name": "price", "type": "decimal"},
    {"name": "size", "type": "bigint"},
    {"name": "at", "type": "datetime"},
    {"name": "secret", "type": "varchar", "isPublished": False},
    {"name": "extra", "type": "simple-json"},
]


async def document(client: httpx.AsyncClient) -> Any:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in answer.headers["Vary"]
    return answer.json()


def problems(spec: Any) -> list[str]:
    found = (
        f"{list(one.path)}: {one.message}" for one in OpenAPIV31SpecValidator(spec).iter_errors()
    )
    return sorted(found)


@pytest.mark.may_block
async def test_the_document_is_valid_and_follows_every_change(
    shared_http: httpx.AsyncClient,
) -> None:
    before = await document(shared_http)
    assert before["openapi"] == "3.1.0"
    assert "/book" not in before["paths"]

    author = await shared_http.post(
        "/table_definition",
        json={"name": "author", "columns": [{"name": "name", "type": "varchar"}]},
    )
    relations = [
        {"propertyName": "author", "type": "many-to-one", "targetTable": "author"},
        {"propertyName": "friends", "type": "many-to-many", "targetTable": "author"},
    ]
    book = await shared_http.post(
        "/table_definition", json={"name": "book", "columns": COLUMNS, "relations": relations}
    )
    assert (author.status_code, book.status_code) == (201, 201), book.text
    after = await document(shared_http)
    assert problems(after) == []
    assert set(after["paths"]["/book"]) == {"get", "post", "patch", "delete"}
    assert set(after["paths"]["/table_definition"]) == {"get", "post"}
    assert set(after["paths"]["/book/{id}"]) == {"parameters", "patch", "put", "delete"}
    kinds = {one.media_type for one in FORMATS.values()}
    assert set(after["paths"]["/book"]["get"]["responses"]["200"]["content"]) == kinds
    assert set(after["paths"]["/book"]["post"]["requestBody"]["content"]) == kinds
    schemas = after["components"]["schemas"]
    create = schemas["book.create"]
    assert create["required"] == ["title"]
    # An administrator sees fields that are not published.
    assert "secret" in create["properties"]
    assert "secret" in schemas["book"]["properties"]
    assert create["properties"]["status"]["enum"] == ["draft", "done", None]
    assert create["properties"]["title"]["description"] == "What it is"
    assert {"author", "friends"} <= set(create["properties"])
    assert after["info"]["version"] != before["info"]["version"]

    id_ = book.json()["data"][0]["id"]
    renamed = await shared_http.patch(
        f"/table_definition/{id_}", json={"description": "Books of the house"}
    )
    assert renamed.status_code == 200, renamed.text
    described = await document(shared_http)
    assert described["paths"]["/book"]["get"]["description"] == "Books of the house"


@pytest.mark.may_block
async def test_writes_are_described(shared_http: httpx.AsyncClient) -> None:
    await shared_http.post(
        "/table_definition",
        json={
            "name": "song",
            "columns": [{"name": "name", "type": "varchar", "isNullable": False}],
            "relations": [
                {"propertyName": "first", "type": "many-to-one", "targetTable": "song"},
                {"propertyName": "owner", "type": "many-to-one", "targetTable": "user_definition"},
            ],
        },
    )
    found = await document(shared_http)
    assert problems(found) == []
    one, many = found["paths"]["/song/{id}"], found["paths"]["/song"]
    assert "application/json-patch+json" in one["patch"]["requestBody"]["content"]
    for operation, names in (
        (one["patch"], {"If-Match", "Idempotency-Key"}),
        (one["delete"], {"If-Match"}),
        (many["patch"], {"filter", "fields", "maxAffected", "Idempotency-Key"}),
        (many["delete"], {"filter", "fields", "maxAffected"}),
    ):
        assert {parameter["name"] for parameter in operation["parameters"]} == names
    create = found["components"]["schemas"]["song.create"]["properties"]
    whole = {"$ref": "#/components/schemas/song.create"}
    assert whole in create["first"]["anyOf"]
    assert all("$ref" not in kind for kind in create["owner"]["anyOf"])


RULED = [
    ("n", "int", "min", 1, "minimum", 1),
    ("x", "float", "max", 1.5, "maximum", 1.5),
    ("a", "varchar", "minLength", 2, "minLength", 2),
    ("b", "varchar", "maxLength", 20, "maxLength", 20),
    ("c", "varchar", "maxLength", 300, "maxLength", 255),
    ("d", "text", "maxLength", 300, "maxLength", 300),
    ("e", "text", "pattern", "^a", "pattern", "^a"),
    ("f", "text", "format", "url", "format", "uri"),
    ("g", "array-select", "minItems", 1, "minItems", 1),
    ("h", "text", "pattern", {"v": "^a", "flags": "i"}, "description", "pattern: /^a/i"),
    ("i", "date", "min", "2020-01-01", "description", "min: 2020-01-01"),
    ("j", "decimal", "max", "1.5", "description", "max: 1.5"),
    ("k", "text", "format", "color", "description", "format: a colour, such as #1e90ff"),
]


@pytest.mark.may_block
async def test_rules_are_in_the_schemas(shared_http: httpx.AsyncClient) -> None:
    columns = [
        {"name": name, "type": type_, "rules": [{"ruleType": kind, "value": value}]}
        for name, type_, kind, value, *_ in RULED
    ]
    off = {"ruleType": "max", "value": 5, "isEnabled": False}
    columns.append({"name": "off", "type": "int", "rules": [off]})
    some = {"ruleType": "maxItems", "value": 3}
    peers = {"propertyName": "peers", "type": "many-to-many", "targetTable": "ruled"}
    made = await shared_http.post("/table_definition", json={"name": "ruled", "columns": columns})
    assert made.status_code == 201, made.text
    made = await shared_http.post(
        "/relation_definition", json={"sourceTable": "ruled", **peers, "rules": [some]}
    )
    assert made.status_code == 201, made.text
    spec = await document(shared_http)
    assert problems(spec) == []
    for part in ("ruled.create", "ruled.update"):
        properties = spec["components"]["schemas"][part]["properties"]
        for name, _, _, _, word, content in RULED:
            assert properties[name][word] == content
        assert "maximum" not in properties["off"]
        assert properties["peers"]["maxItems"] == 3


@pytest.mark.may_block
async def test_routes_of_any_shape_stay_valid(shared_http: httpx.AsyncClient) -> None:
    for name in ("a_b", "a"):
        answer = await shared_http.post(
            "/table_definition",
            json={"name": f"shape_{name}", "columns": [{"name": "x", "type": "int"}]},
        )
        assert answer.status_code == 201, answer.text
    table = answer.json()["data"][0]["id"]
    methods = (await shared_http.get("/method_definition")).json()["data"]
    for path in ("/shape/a", "/shape/:city/list", "/shape/:city/:street", "/files/*"):
        answer = await shared_http.post(
            "/route_definition",
            json={
                "path": path,
                "mainTable": {"id": table},
                "availableMethods": [{"id": one["id"]} for one in methods if one["name"] == "GET"],
            },
        )
        assert answer.status_code == 201, answer.text
    spec = await document(shared_http)
    assert problems(spec) == []
    assert [one["name"] for one in spec["paths"]["/shape/{city}/{street}"]["parameters"]] == [
        "city",
        "street",
    ]


async def test_system_columns_that_are_secret_are_in_no_schema(
    shared_http: httpx.AsyncClient,
) -> None:
    text = (await shared_http.get("/openapi.json")).text
    assert "refreshTokenHash" not in text
    spec = await document(shared_http)
    assert "password" not in spec["components"]["schemas"]["user_definition"]["properties"]


# -- to whom --------------------------------------------------------------------------------------


async def login(client: httpx.AsyncClient, email: str) -> dict[str, str]:
    """Create an account, and give the headers of a login of it."""
    body = {"email": email, "password": "secret"}
    assert (await client.post("/user_definition", json=body)).status_code == 201
    return bearer((await client.post("/auth/login", json=body)).json()["accessToken"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def operations(spec: Any) -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, item in spec["paths"].items()
        for method in item.keys() - {"parameters"}
    }


@pytest.mark.may_block
async def test_the_document_shows_what_its_reader_may_call(shared_http: httpx.AsyncClient) -> None:
    http = shared_http
    column = {"name": "text", "type": "varchar"}
    hidden = {"name": "hidden", "type": "varchar", "isPublished": False}
    await http.post("/table_definition", json={"name": "vault", "columns": [column]})
    relation = {"propertyName": "kept", "type": "many-to-one", "targetTable": "vault"}
    await http.post(
        "/table_definition",
        json={"name": "memo", "columns": [column, hidden], "relations": [relation]},
    )
    ann, ben = await login(http, "ann@example.org"), await login(http, "ben@example.org")
    permission = {"route": "/memo", "methods": ["GET", "POST"], "allowedUsers": ["ann@example.org"]}
    made = await http.post("/route_permission_definition", json=permission)
    assert made.status_code == 201, made.text

    async def shown(headers: dict[str, str]) -> Any:
        answer = await http.get("/openapi.json", headers=headers)
        assert answer.status_code == 200
        spec = answer.json()
        assert problems(spec) == []
        return spec

    spec = await shown(ann)
    own = operations(spec)
    assert {"GET /memo", "POST /memo", "GET /me", "POST /auth/login"} <= own
    assert not {"PATCH /memo/{id}", "GET /vault", "GET /user_definition"} & own
    assert "vault" not in str(spec)
    schemas = spec["components"]["schemas"]
    assert set(schemas) == {"Error", "memo", "memo.create"}
    assert "hidden" not in schemas["memo"]["properties"]
    assert set(schemas["memo.create"]["properties"]) == {"text", "kept"}
    # A field that she may not read, and one that she may read though it is not published.
    for field, effect in (("memo.text", "deny"), ("memo.hidden", "allow")):
        rule = {"column": field, "effect": effect, "allowedUsers": ["ann@example.org"]}
        made = await http.post("/field_permission_definition", json=rule)
        assert made.status_code == 201, made.text
    fields = (await shown(ann))["components"]["schemas"]["memo"]["properties"]
    assert "hidden" in fields
    assert "text" not in fields
    # The other account, and nobody.
    assert "GET /memo" not in operations(await shown(ben))
    nobody = operations(await shown({"Authorization": ""}))
    assert "POST /auth/login" in nobody
    assert not {"GET /me", "GET /memo", "GET /metadata"} & nobody
    assert operations(await shown(bearer("forged.token.of-nobody"))) == nobody
    # A token that is meant for less.
    scopes = ["GET /memo", "DELETE /me/tokens/7"]
    made = await http.post("/me/tokens", json={"name": "x", "scopes": scopes}, headers=ann)
    of_token = operations(await shown(bearer(made.json()["data"][0]["token"])))
    assert of_token - nobody == {"GET /memo", "DELETE /me/tokens/{id}"}
    # Administrators see everything.
    everything = operations(await document(http))
    assert {"PATCH /memo/{id}", "GET /vault", "GET /user_definition"} <= everything
    assert own < everything


@pytest.mark.may_block
async def test_a_document_is_made_once_for_all_who_may_see_the_same(
    shared_http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = shared_http
    people = [await login(http, f"{name}@example.org") for name in ("cat", "dan")]
    made: list[View] = []

    def counted(view: View, prefix: str) -> bytes:
        made.append(view)
        return openapi(view, prefix)

    monkeypatch.setattr(documents, "openapi", counted)
    await http.post("/table_definition", json={"name": "fresh", "columns": []})
    for headers in (*people, {}, {"Authorization": ""}) * 2:
        assert (await http.get("/openapi.json", headers=headers)).status_code == 200
    assert len(made) == 3
    assert {view.caller is None or view.caller.is_root for view in made} == {True, False}


@pytest.mark.may_block
async def test_guards_of_all_routes_count_who_sends_a_token(shared_http: httpx.AsyncClient) -> None:
    http = shared_http
    guard = {"name": "shut", "position": "pre_auth", "isGlobal": True, "methods": ["GET"]}
    made = await http.post("/guard_definition", json=guard)
    assert made.status_code == 201, made.text
    rule = {"guard": "shut", "type": "ip_blacklist", "config": {"ips": ["127.0.0.1"]}}
    assert (await http.post("/guard_rule_definition", json=rule)).status_code == 201
    answers = [
        await http.get("/openapi.json", headers=headers)
        for headers in ({}, bearer("forged"), {"Authorization": ""})
    ]
    gone = await http.delete(f"/guard_definition/{made.json()['data'][0]['id']}")
    assert gone.status_code == 200, gone.text
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert (await http.get("/openapi.json")).status_code == 200


# -- the page to try it ---------------------------------------------------------------------------


async def test_the_page_works_without_any_other_host(shared_http: httpx.AsyncClient) -> None:
    page = await shared_http.get("/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert re.findall(r"(?:https?:)?//[a-z]", page.text) == []
    used = re.findall(r'(?:src|href|data-openapi)="([^"]+)"', page.text)
    assert len(used) == 5
    for address in used:
        answer = await shared_http.get(address)
        assert answer.status_code == 200, address
        assert answer.content
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    own = await shared_http.get("/static/docs.js")
    assert own.headers["Content-Type"].startswith("text/javascript")
    assert "validatorUrl: null" in own.text
    style = (await shared_http.get("/static/swagger-ui.css")).text
    assert re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style) == []


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/", "/static/docs.html"]
)
async def test_nothing_else_is_given_away(shared_http: httpx.AsyncClient, path: str) -> None:
    url = httpx.URL(str(shared_http.base_url)).copy_with(raw_path=path.encode())
    assert (await shared_http.get(url)).status_code == 404


async def test_the_root_leads_to_the_page(shared_http: httpx.AsyncClient) -> None:
    answer = await shared_http.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/docs")
