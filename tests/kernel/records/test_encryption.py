"""Encrypted columns: ciphertext in the database, plain values for those who ask, and in no log."""

from __future__ import annotations

import asyncio
import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import ARROW
from enfyra_kernel.query.parse import parse
from enfyra_kernel.query.plan import ADMINISTRATOR, PUBLISHED, plan
from enfyra_kernel.records.encryption import rotation

from tests.api import Api
from tests.arrow import load, read
from tests.databases import ENCRYPTION_KEY, SQL_ENGINES, Databases, settings
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio

OTHER_KEY = "a third key that is only good for tests"


def secret(name: str, type_: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, "isEncrypted": True, **facts}


COLUMNS = (
    "name varchar",
    secret("ssn", "varchar", options={"length": 12}),
    secret("note", "text"),
    secret("pay", "decimal", options={"precision": 12, "scale": 2}),
    secret("age", "int"),
    secret("account", "bigint"),
    secret("ratio", "float"),
    secret("born", "date"),
    secret("seenAt", "datetime"),
    secret("taxId", "simple-json"),
)
ANN = {
    "name": "Ann",
    "ssn": "078-05-1120",
    "note": 'Ä long story 👍🏽 "quoted"\n',
    "pay": "1234.50",
    "age": 42,
    "account": 2**53 + 1,
    "ratio": 0.1,
    "born": "1969-07-20",
    "seenAt": "2026-11-20T13:05:09.5+00:00",
    "taxId": {"de": ["12", None, {"x": 1.5}]},
}
SECRETS = {name: value for name, value in ANN.items() if name != "name"}


async def raw_values(api: Api, table: str = "person") -> list[dict[str, Any]]:
    """Give the records as the database has them."""
    snapshot = api.kernel.registry.current
    made = plan(parse({}).shape, snapshot.tables[table], snapshot, ADMINISTRATOR)
    database = api.kernel.database
    page = await database.find(database.read(made), (), -1)
    return json.loads(page.rows)


async def define(api: Api, **facts: Any) -> Any:
    return await api.define("person", *COLUMNS, **facts)


def only(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in ANN}


# -- every way in and out -------------------------------------------------------------------------


async def test_values_are_ciphertext_in_the_database_and_plain_in_answers(api: Api) -> None:
    await define(api)
    created = await api.create("/person", ANN)
    assert only(created) == ANN
    assert only((await api.rows("/person"))[0]) == ANN
    (raw,) = await raw_values(api)
    assert raw["name"] == "Ann"
    for name, value in SECRETS.items():
        assert raw[name].startswith("enc:1:")
        assert len(str(value)) < 8 or str(value) not in raw[name]


async def test_every_write_encrypts_and_every_answer_decrypts(api: Api) -> None:
    await define(api)
    created = await api.create("/person", {"name": "Ann"})
    assert {created[name] for name in SECRETS} == {None}
    path = f"/person/{created['id']}"
    assert only((await api.patch(path, SECRETS)).row) == ANN
    assert (await api.patch(path, {"ssn": "1"})).row["ssn"] == "1"
    assert only((await api.put(path, ANN)).row) == ANN
    assert (await api.patch(path, {"ssn": None})).row["ssn"] is None
    many = await api.create("/person", [ANN, {"name": "Bob", "age": 1}, ANN])
    assert [row["age"] for row in many] == [42, 1, 42]
    assert only(many[2]) == ANN
    assert {value[:6] for row in await raw_values(api) if (value := row["age"])} == {"enc:1:"}


async def test_a_value_is_stored_differently_each_time_and_tells_little_of_its_length(
    sqlite_api: Api,
) -> None:
    await define(sqlite_api)
    await sqlite_api.create("/person", [{"age": 7}, {"age": 7}, {"age": 70_000_000}])
    stored = [row["age"] for row in await raw_values(sqlite_api)]
    assert len(set(stored)) == 3
    assert len({len(text) for text in stored}) == 1


async def test_related_records_are_decrypted_too(api: Api) -> None:
    await define(api)
    await api.define(
        "visit",
        "at int",
        relations=[
            {
                "propertyName": "person",
                "type": "many-to-one",
                "targetTable": "person",
                "inversePropertyName": "visits",
            }
        ],
    )
    ann = await api.create("/person", ANN)
    answer = await api.post("/visit", {"at": 1, "person": ann["id"]}, fields="at,person.ssn")
    assert answer.row["person"] == {"id": ann["id"], "ssn": ANN["ssn"]}
    await api.create("/visit", {"at": 2})
    rows = await api.rows("/visit", fields="at,person.name,person.taxId", sort="at")
    assert rows[0]["person"]["taxId"] == ANN["taxId"]
    assert rows[1]["person"] is None
    nested = await api.rows("/person", fields="visits.person.pay")
    assert nested[0]["visits"][0]["person"]["pay"] == ANN["pay"]


async def test_streams_are_decrypted_with_their_types(api: Api) -> None:
    await define(api)
    await api.create("/person", [ANN, {"name": "Bob"}])
    table = await read(api, "/person", sort="id")
    types = {name: str(table.schema.field(name).type) for name in SECRETS}
    assert types == {
        "ssn": "string",
        "note": "string",
        "pay": "decimal128(12, 2)",
        "age": "int32",
        "account": "int64",
        "ratio": "double",
        "born": "date32[day]",
        "seenAt": "timestamp[us, tz=UTC]",
        "taxId": "string",
    }
    ann, bob = table.to_pylist()
    assert (ann["ssn"], ann["pay"], ann["account"]) == (ANN["ssn"], Decimal("1234.50"), 2**53 + 1)
    assert ann["born"].isoformat() == ANN["born"]
    assert json.loads(ann["taxId"]) == ANN["taxId"]
    assert {bob[name] for name in SECRETS} == {None}


async def test_streams_decrypt_related_records(api: Api) -> None:
    await define(api)
    relation = {"propertyName": "person", "type": "many-to-one", "targetTable": "person"}
    await api.define("visit", "at int", relations=[relation])
    ann = await api.create("/person", ANN)
    await api.create("/visit", [{"at": 1, "person": ann["id"]}, {"at": 2}])
    table = await read(api, "/visit", fields="at,person.pay,person.name", sort="at")
    assert table.column("person").to_pylist() == [
        {"id": ann["id"], "pay": Decimal("1234.50"), "name": "Ann"},
        None,
    ]


async def test_loads_are_checked_and_encrypted(api: Api) -> None:
    await define(api)
    answer = await load(
        api,
        "/person",
        {"ssn": ["1", None], "pay": [Decimal("1.50"), None], "taxId": ['{"a":1}', None]},
    )
    assert answer.status == 201, answer.body
    rows = await api.rows("/person", sort="id")
    assert [(row["ssn"], row["pay"], row["taxId"]) for row in rows] == [
        ("1", "1.50", {"a": 1}),
        (None, None, None),
    ]
    assert (await raw_values(api))[0]["ssn"].startswith("enc:1:")
    answer = await load(api, "/person", {"ssn": ["x" * 13]})
    assert answer.message == "row 0: ssn must be at most 12 characters long, not 13"


async def test_rules_and_lengths_are_those_of_the_plain_value(api: Api) -> None:
    rules = [{"ruleType": "pattern", "value": r"^\d+$"}, {"ruleType": "minLength", "value": 3}]
    await api.define("person", secret("ssn", "varchar", options={"length": 4}, rules=rules))
    await api.create("/person", {"ssn": "1234"})
    assert (await api.post("/person", {"ssn": "12345"})).status == 400
    assert (await api.post("/person", {"ssn": "12"})).status == 400
    assert (await api.post("/person", {"ssn": "abcd"})).status == 400


async def test_many_records_are_decrypted_beside_the_event_loop(sqlite_api: Api) -> None:
    await define(sqlite_api)
    await sqlite_api.create("/person", [ANN] * 300)
    rows = await sqlite_api.rows("/person", limit=0)
    assert len(rows) == 300
    assert only(rows[-1]) == ANN


async def test_tables_without_encrypted_columns_are_answered_as_the_database_gives_them(
    sqlite_api: Api,
) -> None:
    await sqlite_api.define("post", "title varchar")
    repository = sqlite_api.kernel.records.of("post")
    plain = sqlite_api.kernel.database.read(repository.read(parse({}).shape, PUBLISHED).plan)
    assert type(repository.read(parse({}).shape, PUBLISHED)) is type(plain)


async def test_how_a_list_is_answered_is_told_without_decrypting(api: Api) -> None:
    await define(api)
    answer = await api.get("/person", explain="true")
    assert answer.status == 200, answer.body
    assert "ssn" in json.dumps(answer.body)


# -- what encrypted columns cannot do -------------------------------------------------------------


@pytest.mark.parametrize("query", [
    {"filter": {"ssn": "1"}},
    {"filter": {"ssn": {"_is_null": True}}},
    {"filter": {"_or": [{"ssn": {"_contains": "1"}}]}},
    {"sort": "ssn"},
    {"sort": "-name,age"},
    {"aggregate": {"pay": {"sum": True}}},
])  # fmt: skip
async def test_encrypted_columns_cannot_be_searched(sqlite_api: Api, query: dict[str, Any]) -> None:
    await define(sqlite_api)
    answer = await sqlite_api.get("/person", **query)
    assert (answer.status, answer.code) == (400, "INVALID_QUERY"), answer.body
    assert "encrypted" in answer.message


@pytest.mark.parametrize(("facts", "message"), [
    ({"uniques": [["ssn"]]}, "uniques cannot hold 'ssn': it is encrypted"),
    ({"indexes": [["name", "ssn"]]}, "indexes cannot hold 'ssn': it is encrypted"),
])  # fmt: skip
async def test_encrypted_columns_are_in_no_group(
    sqlite_api: Api, facts: dict[str, Any], message: str
) -> None:
    columns = [{"name": "name", "type": "varchar"}, secret("ssn", "varchar")]
    answer = await sqlite_api.post(
        "/table_definition", {"name": "person", "columns": columns, **facts}
    )
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert message in answer.message


@pytest.mark.parametrize(("column", "message"), [
    (secret("x", "enum", options=["a"]), "cannot be encrypted"),
    (secret("x", "boolean"), "cannot be encrypted"),
    (secret("x", "uuid"), "cannot be encrypted"),
    (secret("id", "int", isPrimary=True), "is the primary key and cannot be encrypted"),
    (secret("x", "varchar", defaultValue="a"), "takes no defaultValue"),
    (secret("x", "varchar", isEncrypted="yes"), "isEncrypted must be true or false"),
])  # fmt: skip
async def test_what_cannot_be_encrypted_is_refused(
    sqlite_api: Api, column: Any, message: str
) -> None:
    answer = await sqlite_api.post("/table_definition", {"name": "person", "columns": [column]})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert message in answer.message


async def test_encryption_is_for_the_life_of_a_column(api: Api) -> None:
    await api.define("person", "name varchar", secret("ssn", "varchar", options={"length": 20}))
    await api.create("/person", {"name": "Ann", "ssn": "1"})
    rows = await api.rows("/column_definition", filter={"table": {"name": "person"}})
    columns = {one["name"]: one["id"] for one in rows}

    async def change(column: str, **facts: Any) -> Any:
        return await api.patch(f"/column_definition/{columns[column]}", facts)

    for name, flag in (("name", True), ("ssn", False)):
        answer = await change(name, isEncrypted=flag)
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
        assert "never changes" in answer.message
    for facts in ({"type": "int"}, {"type": "text"}, {"options": {"length": 19}}):
        answer = await change("ssn", **facts)
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
        assert "cannot convert what it cannot read" in answer.message
    assert (await change("ssn", isEncrypted=True, options={"length": 30})).status == 200
    assert (await change("ssn", name="social")).status == 200
    assert (await api.rows("/person"))[0]["social"] == "1"
    table = (await api.rows("/table_definition", filter={"name": "person"}))[0]
    assert (await api.patch(f"/table_definition/{table['id']}", {"name": "human"})).status == 200
    assert (await api.rows("/human"))[0]["social"] == "1"
    made = await api.post(
        "/column_definition", {"table": "human", **secret("pin", "int", isNullable=False)}
    )
    assert made.status == 422
    made = await api.post("/column_definition", {"table": "human", **secret("pin", "int")})
    assert made.status == 201
    assert (await api.rows("/human"))[0]["pin"] is None


async def test_related_records_cannot_be_found_by_an_encrypted_field(sqlite_api: Api) -> None:
    await define(sqlite_api)
    relation = {"propertyName": "person", "type": "many-to-one", "targetTable": "person"}
    await sqlite_api.define("visit", "at int", relations=[relation])
    answer = await load(sqlite_api, "/visit", {"at": [1], "person.ssn": ["1"]})
    assert answer.message == "person.ssn: records cannot be found by an encrypted field"


# -- what is wrong with a stored value ------------------------------------------------------------


def failure(answer: Any, reason: str) -> None:
    assert (answer.status, answer.code) == (500, "DECRYPTION_FAILED"), answer.body
    assert answer.message.startswith("A value of 'person.")
    assert reason in answer.message
    assert "enc:" not in json.dumps(answer.body)


@pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True)
async def test_ciphertext_that_was_moved_or_changed_is_refused(
    api: Api, databases: Databases, database_uri: str
) -> None:
    await define(api)
    await api.create("/person", {"ssn": "1", "note": "2"})

    async def run(value: str) -> None:
        text = f'UPDATE "person" SET "ssn" = {value}'
        await asyncio.to_thread(databases.execute, database_uri, text)

    (stored,) = await raw_values(api)
    await run('"note"')
    failure(await api.get("/person", fields="ssn"), "changed, or belongs elsewhere")
    flipped = stored["ssn"][:-6] + ("A" if stored["ssn"][-6] != "A" else "B") + stored["ssn"][-5:]
    await run(f"'{flipped}'")
    failure(await api.get("/person", fields="ssn"), "changed, or belongs elsewhere")
    for text in ("", "1", "enc:1:short", "enc:9:00000000:AAAA", "enc:1:12345678"):
        await run(f"'{text}'")
        failure(await api.get("/person", fields="ssn"), "not encrypted as it should be")
    await run("'enc:1:00000000:AAAA'")
    answer = await api.get("/person", fields="ssn")
    failure(answer, "its key 00000000 is not among those that are set")
    assert answer.body["error"]["details"] == {"table": "person", "field": "ssn"}
    assert "ENFYRA_ENCRYPTION_KEYS" in answer.body["error"]["hint"]
    # What does not ask for the field is answered.
    assert (await api.rows("/person", fields="note"))[0]["note"] == "2"


@pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True)
async def test_a_stream_is_answered_with_the_reason(
    api: Api, databases: Databases, database_uri: str
) -> None:
    await define(api)
    await api.create("/person", {"ssn": "1"})
    text = """UPDATE "person" SET "ssn" = 'enc:1:00000000:AAAA'"""
    await asyncio.to_thread(databases.execute, database_uri, text)
    answer = await api.send("GET", "/person", headers={"Accept": ARROW})
    failure(answer, "its key 00000000")


async def test_secrets_are_neither_logged_nor_told(
    sqlite_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await sqlite_api.define(
        "person",
        "name varchar",
        secret("ssn", "varchar", options={"length": 12}),
        secret("pay", "decimal"),
        uniques=[["name"]],
    )
    body = {"name": "Ann", "ssn": "078-05-1120", "pay": "31337.13"}
    await sqlite_api.create("/person", body)
    again = await sqlite_api.post("/person", body)
    assert again.code == "DUPLICATE_RESOURCE"
    long = await sqlite_api.post("/person", {"ssn": "078-05-1120-4711", "pay": "31337.1337"})
    assert long.status == 400
    told = json.dumps([again.body, long.body]) + caplog.text
    assert "078-05" not in told
    assert "31337" not in told
    assert ENCRYPTION_KEY not in told


# -- keys -----------------------------------------------------------------------------------------


async def test_values_are_read_with_any_key_and_written_with_the_first(
    database_uri: str, kernel: Kernel
) -> None:
    api = await Api(kernel).login()
    await define(api)
    await api.create("/person", {"name": "old", "ssn": "1"})
    async with Kernel(
        settings(database_uri, encryption_keys=f"{OTHER_KEY}, {ENCRYPTION_KEY}")
    ) as both:
        newer = await Api(both).login()
        await newer.create("/person", {"name": "new", "ssn": "2"})
        assert [row["ssn"] for row in await newer.rows("/person", sort="id")] == ["1", "2"]
    answer = await api.get("/person", filter={"name": "new"})
    failure(answer, "is not among those that are set")
    assert (await api.rows("/person", filter={"name": "old"}))[0]["ssn"] == "1"


async def test_rotation_encrypts_all_anew_and_lets_old_keys_go(
    database_uri: str, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    api = await Api(kernel).login()
    await define(api)
    await api.define("plain", "x int")
    await api.define(
        "safe",
        {"name": "id", "type": "uuid", "isPrimary": True},
        secret("code", "text"),
    )
    await api.create("/person", [{"ssn": str(number), "age": number} for number in range(5)])
    await api.create("/person", {"name": "nothing"})
    await api.create("/safe", [{"code": str(number)} for number in range(3)])
    both = f"{OTHER_KEY},{ENCRYPTION_KEY}"
    async with Kernel(settings(database_uri, encryption_keys=both)) as rotating:
        told: list[Any] = []
        done = await rotating.rotate_keys(told.append)
        assert [(one.table, one.rows, one.total, one.changed) for one in done] == [
            ("person", 6, 6, 10),
            ("safe", 3, 3, 3),
        ]
        assert [(one.table, one.rows) for one in told] == [
            ("person", 2), ("person", 4), ("person", 6), ("safe", 2), ("safe", 3),
        ]  # fmt: skip
        again = await rotating.rotate_keys(told.append)
        assert [one.changed for one in again] == [0, 0]
    async with Kernel(settings(database_uri, encryption_keys=OTHER_KEY)) as newer:
        one = await Api(newer).login()
        rows = await one.rows("/person", sort="id")
        assert [(row["ssn"], row["age"]) for row in rows[:5]] == [(str(n), n) for n in range(5)]
        assert sorted(row["code"] for row in await one.rows("/safe")) == ["0", "1", "2"]
    failure(await api.get("/person"), "is not among those that are set")


async def test_rotation_takes_secrets_of_providers_along(sqlite_uri: str) -> None:
    config = {
        "provider": "google",
        "clientId": "us",
        "clientSecret": "hush",
        "redirectUri": "https://api.example.org/auth/google/callback",
    }
    async with Kernel(settings(sqlite_uri)) as kernel:
        await (await Api(kernel).login()).create("/oauth_config_definition", config)
    both = f"{OTHER_KEY},{ENCRYPTION_KEY}"
    async with Kernel(settings(sqlite_uri, encryption_keys=both)) as rotating:
        (done,) = await rotating.rotate_keys(lambda _: None)
        assert (done.table, done.changed, done.failed) == ("oauth_config_definition", 1, 0)
        (again,) = await rotating.rotate_keys(lambda _: None)
        assert again.changed == 0
    async with Kernel(settings(sqlite_uri, encryption_keys=OTHER_KEY)) as newer:
        assert (await newer.identity.providers.get("google")).client_secret == "hush"


async def test_rotation_leaves_what_it_cannot_read_and_says_so(
    database_uri: str, kernel: Kernel
) -> None:
    api = await Api(kernel).login()
    await define(api)
    await api.create("/person", {"ssn": "1"})
    before = await raw_values(api)
    async with Kernel(settings(database_uri, encryption_keys=OTHER_KEY)) as stranger:
        (done,) = await stranger.rotate_keys(lambda _: None)
        assert (done.changed, done.failed) == (0, 1)
    assert await raw_values(api) == before


@pytest.mark.may_block
async def test_sqlite_makes_a_key_when_the_first_encrypted_column_is_defined(
    sqlite_uri: str,
) -> None:
    path = Path(sqlite_uri.removeprefix("sqlite:///") + ".encryption-key")
    async with Kernel(settings(sqlite_uri, encryption_keys=None)) as kernel:
        api = await Api(kernel).login()
        await api.define("post", "title varchar")
        assert not path.exists()  # noqa: ASYNC240
        await define(api)
        await api.create("/person", ANN)
        key = path.read_text()  # noqa: ASYNC240
        assert len(key) >= 32
        assert path.stat().st_mode & 0o077 == 0  # noqa: ASYNC240
    async with Kernel(settings(sqlite_uri, encryption_keys=None)) as kernel:
        assert only((await (await Api(kernel).login()).rows("/person"))[0]) == ANN
        assert path.read_text() == key  # noqa: ASYNC240


async def test_a_database_server_needs_the_keys_to_be_set(
    engine: str, database_uri: str, kernel: Kernel
) -> None:
    if engine == "sqlite":
        pytest.skip("SQLite keeps a key beside its file")
    async with Kernel(settings(database_uri, encryption_keys=None)) as keyless:
        api = await Api(keyless).login()
        await api.define("post", "title varchar")
        columns = [secret("ssn", "varchar")]
        answer = await api.post("/table_definition", {"name": "person", "columns": columns})
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
        assert "ENFYRA_ENCRYPTION_KEYS must be set" in answer.message
    await define(await Api(kernel).login())
    with pytest.raises(EnfyraError, match="ENFYRA_ENCRYPTION_KEYS must be set") as caught:
        await Kernel(settings(database_uri, encryption_keys=None)).start()
    assert caught.value.code == "CONFIGURATION_ERROR"
