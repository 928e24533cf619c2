"""A document applied: to a server that is empty, to one that differs, and a second time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.definitions.files.reading import read_folder
from enfyra_kernel.definitions.files.showing import lines_of
from enfyra_kernel.definitions.files.writing import files_of, write_folder
from enfyra_kernel.definitions.secrets import with_environment
from enfyra_kernel.kernel import Kernel

from tests.api import Answer, Api
from tests.databases import settings

from .estate import furnish

pytestmark = [pytest.mark.asyncio, pytest.mark.may_block]
SECRETS = {
    "FLOW_NIGHTLY_SECRET": "hush-hush",
    "FLOW_NIGHTLY_ASK_HEADERS_AUTHORIZATION": "Bearer hush-hush",
}


@pytest_asyncio.fixture
async def estate(sqlite_api: Api) -> Api:
    await furnish(sqlite_api)
    return sqlite_api


async def exported(api: Api) -> Any:
    answer = await api.get("/admin/definitions")
    assert answer.status == 200, answer.body
    return answer.row


async def diff(api: Api, document: Any, **more: Any) -> Any:
    answer = await api.post("/admin/definitions/diff", {"document": document, **more})
    assert answer.status == 200, answer.body
    return answer.row


async def applied(api: Api, document: Any, **more: Any) -> Answer:
    return await api.post("/admin/definitions/apply", {"document": document, **more})


def changes_of(report: Any) -> list[tuple[str, str]]:
    return [(one["change"], one["label"]) for one in report["changes"]]


@pytest.mark.parametrize("engine", ["postgresql", "mysql"], scope="session")
async def test_definitions_move_to_another_database(
    estate: Api, database_uri: str, tmp_path: Path
) -> None:
    """From a laptop's SQLite to the server of a team, by way of files: nothing is another."""
    document = await exported(estate)
    write_folder(document, tmp_path)
    async with Kernel(settings(database_uri)) as kernel:
        api = await Api(kernel).login()
        ann = {"email": "ann@example.com", "password": "secret-1234"}
        assert (await api.post("/user_definition", ann)).status == 201
        given = with_environment(read_folder(tmp_path).document, SECRETS)
        answer = await applied(api, given)
        assert answer.status == 200, answer.body
        assert files_of(await exported(api)) == files_of(document)
        assert (await diff(api, given))["changes"] == []
        # It is live, too.
        answer = await api.post("/person", {"name": "x"})
        assert answer.message == "name: Too short"
        assert (await api.get("/report/2024")).body == {"ok": True}
        assert (await applied(api, given)).row["applied"] == []


async def test_differences_are_told_by_field(estate: Api) -> None:
    document = await exported(estate)
    person, post = document["tables"]
    post["columns"][1] |= {"name": "headline", "was": "title"}
    post["columns"].append({"name": "note", "type": "text"})
    post["uniques"] = [["author", "headline"]]
    del person["columns"][1]
    document["preHooks"][0]["priority"] = 7
    document["roles"] = [{"name": "Reader"}, document["roles"][0]]
    document["flows"][0]["steps"][0]["config"]["url"] = "https://example.org"
    report = await diff(estate, document)
    assert changes_of(report) == [
        ("added", "role Reader"),
        ("extra", "role Editor"),
        ("changed", "table person"),
        ("changed", "table post"),
        ("changed", "pre-hook /post validate / check"),
        ("changed", "flow nightly"),
    ]
    fields = {one["label"]: one["fields"] for one in report["changes"]}
    assert [one["field"] for one in fields["table person"]] == ["columns.mood"]
    assert [one["field"] for one in fields["table post"]] == [
        "uniques", "columns.headline.name", "columns.note",
    ]  # fmt: skip
    assert fields["pre-hook /post validate / check"] == [{"field": "priority", "from": 5, "to": 7}]
    assert "hush-hush" not in json.dumps(report)
    answer = await applied(estate, document)
    assert answer.status == 200, answer.body
    assert changes_of(await diff(estate, document)) == [("extra", "role Editor")]
    assert (await estate.get("/post", fields="headline,note")).status == 200


async def test_what_can_lose_data_waits_for_its_confirmation(estate: Api) -> None:
    await estate.create("/person", {"name": "Ann", "mood": "good"})
    document = await exported(estate)
    del document["tables"][0]["columns"][1]
    report = await diff(estate, document)
    assert report["losses"] == ["the column 'person.mood' and its values"]
    answer = await applied(estate, document)
    assert (answer.status, answer.code) == (409, "SCHEMA_CONFIRMATION_REQUIRED")
    answer = await applied(estate, document, confirm="0" * 64)
    assert (answer.status, answer.code) == (409, "SCHEMA_CONFIRMATION_MISMATCH")
    assert (await estate.rows("/person", fields="mood"))[0]["mood"] == "good"
    answer = await applied(estate, document, confirm=report["requiredConfirmHash"])
    assert answer.status == 200, answer.body
    assert (await estate.get("/person", fields="mood")).status == 400


async def test_queries_that_a_change_leaves_behind_are_told(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("leaf", "size int")
    query = {"name": "of_leaf", "table": "leaf", "query": {"sort": "-size"}}
    await api.create("/query_definition", query)
    document = await exported(api)
    (column,) = [one for one in document["tables"][0]["columns"] if one["name"] == "size"]
    column |= {"name": "width", "was": "size"}
    (warning,) = (await diff(api, document))["warnings"]
    assert (warning["section"], warning["name"]) == ("queries", "of_leaf")
    assert "! the saved query 'of_leaf' fits no longer: sort.size: 'leaf' has no field 'size'." in [
        line for _, line in lines_of(await diff(api, document))
    ]
    # What the document mends is no loss.
    document["queries"][0]["query"] = {"sort": "-width"}
    assert (await diff(api, document))["warnings"] == []
    answer = await applied(api, document)
    assert answer.status == 200, answer.body
    assert await api.rows("/admin/query/check") == []


async def test_nothing_is_deleted_without_prune(estate: Api) -> None:
    document = await exported(estate)
    empty = {name: [] for name in document if name not in {"format", "secrets", "settings"}}
    empty |= {"roles": [{"name": "Admin"}]}
    before = await exported(estate)
    report = await diff(estate, empty)
    assert {change for change, _ in changes_of(report)} == {"extra", "changed"}
    answer = await applied(estate, {**empty, "routes": before["routes"], "roles": before["roles"]})
    assert answer.row["applied"] == []
    assert await exported(estate) == before
    report = await diff(estate, empty, prune=True)
    assert report["losses"] == ["the column 'user_definition.personId' and its values"]
    answer = await applied(estate, empty, prune=True, confirm=report["requiredConfirmHash"])
    assert answer.status == 200, answer.body
    after = await exported(estate)
    assert {name: items for name, items in after.items() if items and name in empty} == {
        "roles": [{"name": "Admin"}]
    }
    assert (await estate.get("/post")).status == 404


async def test_relations_may_be_said_from_either_side(sqlite_api: Api) -> None:
    tables = [
        {"name": "a", "relations": [{"propertyName": "bs", "type": "one-to-many",
                                     "targetTable": "b", "inversePropertyName": "a"}]},
        {"name": "b", "relations": [{"propertyName": "c", "type": "many-to-one",
                                     "targetTable": "c"}]},
        {"name": "c", "relations": [{"propertyName": "bs", "type": "one-to-many",
                                     "targetTable": "b", "mappedBy": "c",
                                     "rules": [{"ruleType": "minItems", "value": 1}]}]},
    ]  # fmt: skip
    answer = await applied(sqlite_api, {"tables": tables})
    assert answer.status == 200, answer.body
    assert (await diff(sqlite_api, {"tables": tables}))["changes"] == []
    document = await exported(sqlite_api)
    assert (await diff(sqlite_api, document))["changes"] == []
    # An inverse that nobody names any more goes, and nothing else.
    document["tables"][1]["relations"][1].pop("inversePropertyName")
    document["tables"][2].pop("relations")
    assert (await applied(sqlite_api, document)).status == 200
    assert (await diff(sqlite_api, document))["changes"] == []


async def test_an_error_in_the_middle_tells_how_far_it_came(estate: Api) -> None:
    document = {
        "tables": [{"name": "extra"}],
        "preHooks": [{"name": "bad", "route": "/extra", "sourceCode": "return ("}],
        "corsOrigins": [{"origin": "https://one.example.com"}],
    }
    answer = await applied(estate, document)
    details = answer.body["error"]["details"]
    assert [one["label"] for one in details["applied"]] == ["table extra"]
    assert details["left"] == ["pre-hook /extra bad", "origin https://one.example.com"]
    document["preHooks"][0]["sourceCode"] = "return 1"
    answer = await applied(estate, document)
    assert [one["label"] for one in answer.row["applied"]] == [
        "pre-hook /extra bad",
        "origin https://one.example.com",
    ]


@pytest.mark.parametrize("body", [[], {}, {"document": []}, {"document": {}, "prun": True},
                                  {"document": {}, "tables": "post"}, {"document": {}, "prune": 1},
                                  {"document": {}, "tables": ["nowhere"]}])  # fmt: skip
async def test_bad_requests_are_refused(sqlite_api: Api, body: Any) -> None:
    for path in ("diff", "apply"):
        answer = await sqlite_api.post(f"/admin/definitions/{path}", body)
        assert answer.status in {400, 404}, answer.body
    assert (await sqlite_api.anonymous.post("/admin/definitions/apply", body)).status == 401
