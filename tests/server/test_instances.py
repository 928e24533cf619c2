"""Several instances: what one defines, the others serve; what is not shared, stays apart."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.conftest import service_url
from tests.databases import Databases, settings
from tests.processes import Process
from tests.services import Redis

# What a peer may take at most, on a machine that has other things to do; the aim is 200 ms.
PATIENCE = 60.0
# Too seldom to be the reason why a peer knows something.
NEVER = 3600.0


async def until(condition: Callable[[], Awaitable[bool]]) -> float:
    """Ask a peer until it knows; give the seconds that it took."""
    begin = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return time.monotonic() - begin


def status_is(api: Api, path: str, status: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return (await api.get(path)).status == status

    return check


# -- two kernels in one process -------------------------------------------------------------------


@pytest.mark.asyncio
async def test_two_kernels_on_two_databases_share_nothing(
    databases: Databases, database_uri: str, other_uri: str
) -> None:
    async with Kernel(settings(database_uri)) as one, Kernel(settings(other_uri)) as two:
        first, second = await Api(one).login(), await Api(two).login()
        await first.define("post", "title varchar")
        await second.define("post", "views int")
        await first.create("/post", {"title": "of the first"})
        await second.create("/post", {"views": 2})
        assert [row["title"] for row in await first.rows("/post")] == ["of the first"]
        assert [row["views"] for row in await second.rows("/post")] == [2]
        await first.define("only", "x int")
        assert (await second.get("/only")).status == 404
        # The same key signs both: a token is worth something where its login is, only.
        stranger = Api(two, first.token)
        assert (await stranger.get("/me")).status == 401
        await first.create("/user_definition", {"email": "a@b.c", "password": "x"})
        answer = await second.anonymous.post("/auth/login", {"email": "a@b.c", "password": "x"})
        assert answer.status == 401
        await one.stop()
        assert (await second.get("/post")).status == 200


@pytest.fixture
def other_uri(databases: Databases) -> Any:
    uri = databases.fresh()
    yield uri
    databases.drop(uri)


# -- two instances on one database, over Redis ----------------------------------------------------


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that a test may end."""
    service_url("redis")
    service = Redis()
    service.start()
    yield service
    service.stop()


@asynccontextmanager
async def two_instances(uri: str, redis_url: str) -> AsyncIterator[tuple[Api, Api]]:
    """Start two instances of a cluster that hear of each other over Redis alone."""
    own = {"redis_uri": redis_url, "node_name": uuid.uuid4().hex, "refresh_interval": NEVER}
    async with (
        Kernel(settings(uri, **own)) as a,
        Kernel(settings(uri, **own)) as b,
    ):
        yield await Api(a).login(), await Api(b).login()


@pytest_asyncio.fixture
async def cluster(database_uri: str, redis_url: str) -> AsyncIterator[tuple[Api, Api]]:
    """A cluster on a database of each engine."""
    async with two_instances(database_uri, redis_url) as both:
        yield both


@pytest_asyncio.fixture
async def sqlite_cluster(sqlite_uri: str, redis_url: str) -> AsyncIterator[tuple[Api, Api]]:
    """A cluster on SQLite, for what does not depend on the engine."""
    async with two_instances(sqlite_uri, redis_url) as both:
        yield both


@pytest.mark.asyncio
async def test_a_table_that_one_defines_theother_uri_serves(
    cluster: tuple[Api, Api], record_property: Callable[[str, object], None]
) -> None:
    a, b = cluster
    assert (await b.get("/post")).status == 404
    table = await a.define("post", "title varchar")
    record_property("seconds", await until(status_is(b, "/post", 200)))
    await b.create("/post", {"title": "by the other"})
    assert [row["title"] for row in await a.rows("/post")] == ["by the other"]

    await b.post("/column_definition", {"table": {"id": table["id"]}, "name": "n", "type": "int"})

    async def knows_the_column() -> bool:
        return (await a.get("/post", fields="n")).status == 200

    record_property("seconds of a column", await until(knows_the_column))

    asked = await a.delete(f"/table_definition/{table['id']}")
    hash_ = asked.body["error"]["details"]["requiredConfirmHash"]
    await a.delete(f"/table_definition/{table['id']}", schemaConfirmHash=hash_)
    record_property("seconds of a drop", await until(status_is(b, "/post", 404)))


@pytest.mark.asyncio
async def test_what_one_defines_while_redis_is_away_the_other_serves_on_its_return(
    sqlite_uri: str, own_redis: Redis, record_property: Callable[[str, object], None]
) -> None:
    async with two_instances(sqlite_uri, own_redis.url) as (a, b):
        own_redis.kill()
        await a.define("post", "title varchar")
        assert (await b.get("/post")).status == 404
        await asyncio.to_thread(own_redis.launch)
        record_property("seconds", await until(status_is(b, "/post", 200)))


@pytest.mark.asyncio
async def test_a_request_that_meets_an_older_snapshot_is_repeated_on_the_new_one(
    cluster: tuple[Api, Api],
) -> None:
    a, b = cluster
    if a.kernel.database.engine == "mongodb":
        pytest.skip("documents have no columns to miss")
    table = await a.define("post", "title varchar", "old varchar")
    await until(status_is(b, "/post", 200))
    columns = {
        one["name"]: one["id"]
        for one in await a.rows("/column_definition", limit=0, filter={"table": table["id"]})
    }
    # The peer does not hear of the change.
    b.kernel.registry.apply = _never  # type: ignore[method-assign]
    renamed = await a.patch(f"/column_definition/{columns['old']}", {"name": "new"})
    assert renamed.status == 200, renamed.body
    del b.kernel.registry.apply
    answer = await b.get("/post")
    assert (answer.status, answer.data) == (200, [])
    assert (await b.get("/post", fields="new")).status == 200


def _never(*_: Any) -> bool:
    return True


@pytest.mark.asyncio
async def test_a_logout_counts_everywhere(sqlite_cluster: tuple[Api, Api]) -> None:
    a, b = sqlite_cluster
    login = await a.anonymous.login()
    there = Api(b.kernel, login.token)
    assert (await there.get("/me")).status == 200
    await login.post("/auth/logout")
    await until(status_is(there, "/me", 401))


@pytest.mark.asyncio
async def test_what_ends_logins_counts_everywhere(sqlite_cluster: tuple[Api, Api]) -> None:
    a, b = sqlite_cluster
    assert (await b.get("/me")).status == 200
    body = {"email": "ann@example.org", "password": "secret"}
    user = await a.create("/user_definition", body)
    path = f"/user_definition/{user['id']}"
    for change in ({"password": "another"}, {"isDisabled": True}):
        login = await a.anonymous.login("ann@example.org", body["password"])
        there = Api(b.kernel, login.token)
        assert (await there.get("/me")).status == 200
        assert (await a.patch(path, change)).status == 200
        await until(status_is(there, "/me", 401))
        body |= change  # type: ignore[arg-type]
    # Others were not even looked up anew.
    assert b.kernel.authenticator.cached(b.token or "") is not None


@pytest.mark.asyncio
async def test_what_an_administrator_ends_ends_everywhere(
    sqlite_cluster: tuple[Api, Api], record_property: Callable[[str, object], None]
) -> None:
    a, b = sqlite_cluster
    await a.create("/user_definition", {"email": "ann@example.org", "password": "secret"})
    login = await a.anonymous.login("ann@example.org", "secret")
    made = await login.create("/me/tokens", {"name": "ci"})
    [session] = await login.rows("/me/sessions")
    for path, token in (
        (f"/session_definition/{session['id']}", login.token),
        (f"/api_token_definition/{made['id']}", made["token"]),
    ):
        there = Api(b.kernel, token)
        assert (await there.get("/me")).status == 200
        assert (await a.delete(path)).status == 200
        record_property(f"seconds of {path}", await until(status_is(there, "/me", 401)))


@pytest.mark.asyncio
async def test_published_methods_are_open_everywhere(sqlite_cluster: tuple[Api, Api]) -> None:
    a, b = sqlite_cluster
    await a.define("post", "title varchar")
    await until(status_is(b, "/post", 200))
    assert (await b.anonymous.get("/post")).status == 401
    await a.publish("/post", "GET")
    await until(status_is(b.anonymous, "/post", 200))


@pytest.mark.asyncio
async def test_both_may_define_at_the_same_time(cluster: tuple[Api, Api]) -> None:
    a, b = cluster
    names = [f"t{number}" for number in range(4)]
    await asyncio.gather(
        *((a, b)[number % 2].define(name, "x int") for number, name in enumerate(names))
    )
    for api in (a, b):
        for name in names:
            await until(status_is(api, f"/{name}", 200))
    answers = await asyncio.gather(
        *(api.post("/table_definition", {"name": "same", "columns": []}) for api in (a, b, a, b))
    )
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


@pytest.mark.asyncio
async def test_a_hundred_changes_at_once_converge(
    sqlite_cluster: tuple[Api, Api], record_property: Callable[[str, object], None]
) -> None:
    a, b = sqlite_cluster
    await a.define("post", "title varchar")
    await until(status_is(b, "/post", 200))
    made = await a.create(
        "/pre_hook_definition", {"name": "h", "sourceCode": "pass", "route": "/post"}
    )
    path = f"/pre_hook_definition/{made['id']}"
    before = a.kernel.registry.current.version

    async def change(number: int) -> None:
        answer = await (a, b)[number % 2].patch(path, {"priority": number})
        assert answer.status == 200, answer.body

    await asyncio.gather(*(change(number) for number in range(100)))
    version = before + 100

    async def both_know() -> bool:
        return all(api.kernel.registry.current.version == version for api in (a, b))

    record_property("seconds", await until(both_know))
    stored = (await a.rows("/pre_hook_definition", fields="priority"))[0]["priority"]
    for api in (a, b):
        assert [hook.priority for hook in api.kernel.registry.current.scripts.hooks] == [stored]


# -- another process, without Redis ---------------------------------------------------------------


@pytest.mark.may_block
@pytest.mark.asyncio
async def test_without_redis_another_process_looks_for_itself(
    sqlite_uri: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with Process(sqlite_uri, tmp_path) as process, closing(process.login()) as there:
        async with Kernel(settings(sqlite_uri)) as kernel:
            here = await Api(kernel).login()
            await here.define("post", "title varchar")

            async def there_knows() -> bool:
                # What the kernel here has begun to write must not wait for the answer.
                return (await asyncio.to_thread(there.get, "/post")).status_code == 200

            record_property("seconds", await until(there_knows))
            created = await asyncio.to_thread(
                there.post,
                "/table_definition",
                json={"name": "other", "columns": [{"name": "x", "type": "int"}]},
            )
            assert created.status_code == 201, created.text
            record_property("seconds back", await until(status_is(here, "/other", 200)))
            # Between two looks a request that finds the database changed looks at once.
            await asyncio.to_thread(there.post, "/other", json={"x": 1})
            assert [row["x"] for row in await here.rows("/other")] == [1]
