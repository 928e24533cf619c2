"""References, which MongoDB does not know: kept by ourselves, also while others write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from enfyra_kernel.errors import DeadlockError, EnfyraError
from enfyra_kernel.query.parse import parse
from enfyra_kernel.query.plan import INTERNAL
from enfyra_kernel.records.refusals import together

from tests.api import Api

pytestmark = pytest.mark.asyncio


def _relation(name: str, target: str, on_delete: str | None = None) -> dict[str, Any]:
    return {
        "type": "many-to-one",
        "propertyName": name,
        "targetTable": target,
        "onDelete": on_delete,
        "inversePropertyName": f"{name}s_of",
    }


async def test_deletes_go_on_through_circles_and_stop_where_one_restricts(api: Api) -> None:
    await api.define("node", "name varchar", relations=[])
    nodes = (await api.get("/metadata/node")).data["id"]
    answer = await api.patch(
        f"/table_definition/{nodes}", {"relations": [_relation("next", "node", "CASCADE")]}
    )
    assert answer.status == 200, answer.body
    await api.define("guard", "name varchar", relations=[_relation("post", "node", "RESTRICT")])
    await api.create("/node", [{"name": str(n)} for n in range(5)])
    for key in range(1, 5):
        await api.patch(f"/node/{key}", {"next": key % 4 + 1})
    await api.create("/guard", {"post": 3})
    answer = await api.delete("/node/1")
    assert (answer.status, answer.code) == (409, "RELATION_IN_USE")
    assert len(await api.rows("/node")) == 5
    assert (await api.delete("/guard/1")).status == 200
    assert (await api.delete("/node/1")).status == 200
    assert [row["id"] for row in await api.rows("/node")] == [5]


async def test_nobody_refers_to_a_record_that_goes_at_that_moment(api: Api) -> None:
    await api.define("person", "name varchar")
    await api.define("post", "title varchar", relations=[_relation("author", "person", "RESTRICT")])
    for key in range(1, 11):
        await api.create("/person", {"name": "Ann"})
        gone, *made = await asyncio.gather(
            api.delete(f"/person/{key}"),
            *(api.post("/post", {"author": key}) for _ in range(3)),
        )
        statuses = {answer.status for answer in made}
        assert statuses == ({409} if gone.status == 200 else {201}), (gone.body, statuses)
    known = {row["id"] for row in await api.rows("/person")}
    posts = await api.rows("/post", limit=0)
    assert {row["author"]["id"] for row in posts} <= known


async def test_many_refer_to_one_record_at_once(api: Api) -> None:
    await api.define("person", "name varchar")
    await api.define("post", "title varchar", relations=[_relation("author", "person")])
    await api.create("/person", {"name": "Ann"})
    answers = await asyncio.gather(*(api.post("/post", {"author": 1}) for _ in range(40)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.row["id"] for answer in answers}) == 40


async def test_what_a_transaction_has_changed_it_may_refer_to(api: Api) -> None:
    """Nobody else can delete it before that ends; what it has deleted itself is gone."""
    await api.define("person", "name varchar")
    await api.define("post", "title varchar", relations=[_relation("author", "person")])
    for name in ("Ann", "Bob"):
        await api.create("/person", {"name": name})
    database, of = api.kernel.database, api.kernel.records.of
    ann, bob = (parse({"filter": {"id": key}}) for key in (1, 2))
    async with together(database) as transaction:
        await of("person").update_met({"name": "Anna"}, ann, INTERNAL, transaction)
        with pytest.raises(DeadlockError):
            async with together(database) as other:
                await of("person").delete(1, other)
        await of("post").create({"author": 1}, session=transaction)

    async def refer_to_what_was_deleted() -> None:
        async with together(database) as transaction:
            await of("person").update_met({"name": "Rob"}, bob, INTERNAL, transaction)
            await of("person").delete(2, transaction)
            await of("post").create({"author": 2}, session=transaction)

    with pytest.raises(EnfyraError) as refused:
        await refer_to_what_was_deleted()
    assert refused.value.code == "RELATION_NOT_FOUND"
    assert [row["author"]["id"] for row in await api.rows("/post")] == [1]
    assert [row["name"] for row in await api.rows("/person")] == ["Anna", "Bob"]
