"""Changes of the schema at the same time: one after the other, and nobody undoes another's work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import settings

pytestmark = pytest.mark.asyncio


class MovingClock(SystemClock):
    """Can be put forward."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest_asyncio.fixture
async def other(database_uri: str, kernel: Kernel) -> AsyncIterator[Kernel]:
    """A second instance on the same database, which has little patience."""
    async with Kernel(settings(database_uri, schema_lock_wait=0.3), clock=MovingClock()) as other:
        yield other


async def test_two_instances_define_tables_at_once(api: Api, other: Kernel) -> None:
    there = Api(other, api.token)
    await asyncio.gather(
        *[_defined(api, f"a{number}") for number in range(3)],
        *[_defined(there, f"b{number}") for number in range(3)],
    )
    for name in ("a0", "a1", "a2", "b0", "b1", "b2"):
        await other.registry.refresh()
        assert (await there.get(f"/{name}")).status == 200
        assert await api.kernel.database.inspect([name])


async def _defined(api: Api, name: str) -> None:
    async with asyncio.timeout(60):
        while True:
            answer = await api.post(
                "/table_definition", {"name": name, "columns": [{"name": "x", "type": "int"}]}
            )
            if answer.status == 201:
                return
            assert (answer.status, answer.code) == (423, "SCHEMA_LOCKED"), answer.body


async def test_of_two_clients_that_change_one_table_the_second_is_asked(
    api: Api, other: Kernel
) -> None:
    table = await api.define("post", "title varchar")
    await api.create("/post", {"title": "Hello"})
    await other.registry.refresh()
    title = {"name": "title", "type": "varchar"}

    def patch(client: Api, name: str) -> Any:
        body = {"columns": [title, {"name": name, "type": "int"}]}
        return client.patch(f"/table_definition/{table['id']}", body)

    answers = await asyncio.gather(patch(api, "views"), patch(Api(other, api.token), "likes"))
    # Neither had seen the other's column, so the second one's body would drop it.
    assert sorted(answer.status for answer in answers) in ([200, 409], [200, 423]), answers
    described = (await api.get("/metadata/post")).data
    names = {column["name"] for column in described["columns"]}
    first = "views" if answers[0].status == 200 else "likes"
    assert names & {"views", "likes"} == {first}


async def test_what_was_looked_at_before_is_what_is_done(api: Api) -> None:
    table = await api.define("post", "title varchar")
    path = f"/table_definition/{table['id']}"
    title = {"name": "title", "type": "varchar"}
    body = {"columns": [title, {"name": "views", "type": "int"}]}
    seen = (await api.patch(path, body, preview="true")).row["requiredConfirmHash"]
    await api.patch(path, {"columns": [title, {"name": "likes", "type": "int"}]})
    answer = await api.patch(path, body, schemaConfirmHash=seen)
    assert (answer.status, answer.code) == (409, "SCHEMA_CONFIRMATION_MISMATCH")
    described = (await api.get("/metadata/post")).data
    assert "likes" in {column["name"] for column in described["columns"]}


async def test_who_holds_the_lock_is_waited_for_only_so_long(api: Api, other: Kernel) -> None:
    async with api.kernel.lock.hold():
        answer = await Api(other, api.token).post(
            "/table_definition", {"name": "post", "columns": [{"name": "x", "type": "int"}]}
        )
    assert (answer.status, answer.code) == (423, "SCHEMA_LOCKED")
    assert answer.body["error"]["details"]["owner"] == api.kernel.instance.label


async def test_who_was_away_too_long_cannot_commit(kernel: Kernel, other: Kernel) -> None:
    assert isinstance(other.clock, MovingClock)
    version = (await kernel.lock.row()).version
    async with kernel.lock.hold() as late:
        other.clock.ahead = timedelta(minutes=1)
        async with other.lock.hold() as current:
            with pytest.raises(EnfyraError) as refused:
                async with kernel.database.transaction() as session:
                    await late.commit_version(session)
            assert refused.value.code == "SCHEMA_LOCKED"
            async with other.database.transaction() as session:
                await current.commit_version(session)
    assert (await kernel.lock.row()).version == version + 1


async def test_the_lock_is_free_again_after_an_error(kernel: Kernel) -> None:
    with pytest.raises(RuntimeError):
        async with kernel.lock.hold():
            raise RuntimeError
    async with asyncio.timeout(5), kernel.lock.hold(patience=0):
        assert (await kernel.lock.row()).owner == kernel.instance.label
    assert (await kernel.lock.row()).owner is None
