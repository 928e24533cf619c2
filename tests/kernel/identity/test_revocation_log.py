"""What ends or changes on one process counts on another on the same database, without Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.identity.revocation_log import REVOCATION
from enfyra_kernel.identity.verified import EVERYBODY, Revoked
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.query.plan import INTERNAL

from tests.api import Api
from tests.databases import settings
from tests.engines import two_engines  # noqa: F401

from .conftest import EMAIL, PASSWORD, MovingClock, People

pytestmark = pytest.mark.asyncio

PATIENCE = 60.0
NEVER = 10.0**6


@pytest_asyncio.fixture
async def both(database_uri: str) -> AsyncIterator[tuple[People, Kernel]]:
    """A process where things happen, and another one that looks at the database all the time."""
    async with (
        Kernel(settings(database_uri)) as one,
        Kernel(settings(database_uri, refresh_interval=0.02)) as other,
    ):
        yield People(await Api(one).login()), other


async def until(api: Api, status: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await api.get("/me")).status != status:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_others_hear_of_what_ends(both: tuple[People, Kernel]) -> None:
    people, other = both
    user = await people.sign_up()
    admin_there = await Api(other).login()
    assert (await admin_there.get("/me")).status == 200
    path = f"/user_definition/{user['id']}"
    for end in ("logout", "session", "token", "password", "isDisabled"):
        login = people.as_(await people.log_in())
        there = Api(other, login.token)
        if end == "token":
            made = await login.create("/me/tokens", {"name": "ci"})
            there = Api(other, made["token"])
            gone = login.delete(f"/me/tokens/{made['id']}")
        elif end == "session":
            [row] = await login.rows("/me/sessions")
            gone = people.admin.delete(f"/session_definition/{row['id']}")
        elif end == "logout":
            gone = login.post("/auth/logout", {})
        else:
            gone = people.admin.patch(path, {end: PASSWORD if end == "password" else True})
        assert (await there.get("/me")).status == 200
        assert (await gone).status == 200
        await until(there, 401)
    # Who has nothing to do with it is remembered.
    assert other.authenticator.cached(admin_there.token or "") is not None


async def test_others_hear_of_another_role(both: tuple[People, Kernel]) -> None:
    people, other = both
    admin = people.admin
    user = await people.sign_up()
    await admin.create("/role_definition", {"name": "reader"})
    permission = {"route": "/role_definition", "role": "reader", "methods": ["GET"]}
    await admin.create("/route_permission_definition", permission)
    login = people.as_(await people.log_in())
    there = Api(other, login.token)
    assert (await there.get("/role_definition")).status == 403
    changed = await admin.patch(f"/user_definition/{user['id']}", {"role": "reader"})
    assert changed.status == 200, changed.body
    async with asyncio.timeout(PATIENCE):
        while (await there.get("/role_definition")).status != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# -- the log itself -------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def quiet(sqlite_uri: str, clock: MovingClock) -> AsyncIterator[Kernel]:
    """A kernel that looks at nothing by itself."""
    async with Kernel(settings(sqlite_uri, refresh_interval=NEVER), clock=clock) as kernel:
        await kernel.revocation_log.news()
        yield kernel


async def write(kernel: Kernel, number: int) -> None:
    row = {"id": number, "revoked": {"users": [str(number)]}}
    await kernel.records.of(REVOCATION).create(row, access=INTERNAL)


async def heard(kernel: Kernel) -> list[str]:
    return [user for one in await kernel.revocation_log.news() for user in one.users]


async def test_what_is_committed_late_is_heard_and_nothing_twice(quiet: Kernel) -> None:
    await write(quiet, 1)
    await write(quiet, 3)
    assert await heard(quiet) == ["1", "3"]
    await write(quiet, 2)
    assert await heard(quiet) == ["2"]
    assert await heard(quiet) == []
    # One's own is no news.
    await quiet.revocations.revoke(Revoked(users=("own",)))
    assert await heard(quiet) == []
    # A number that nobody has used is not waited for without end.
    await write(quiet, 200)
    await write(quiet, 120)
    assert await heard(quiet) == ["120", "200"]
    await write(quiet, 50)
    assert await heard(quiet) == []


async def test_what_cannot_be_written_is_written_later(
    quiet: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> bytes:
        raise EnfyraError("DATABASE_BUSY")

    repository = type(quiet.records.of(REVOCATION))
    with monkeypatch.context() as broken:
        broken.setattr(repository, "create", fails)
        await quiet.revocations.revoke(Revoked(users=("ann",)))
    assert await Api(quiet).login()
    assert await heard(quiet) == []
    rows = await (await Api(quiet).login()).rows("/revocation_definition")
    assert [row["revoked"]["users"] for row in rows] == [["ann"]]


async def test_old_rows_go_and_the_last_one_stays(quiet: Kernel, clock: MovingClock) -> None:
    for number in range(3):
        await quiet.revocations.revoke(Revoked(users=(str(number),)))
    await quiet.revocation_log.prune()
    api = await Api(quiet).login()
    assert len(await api.rows("/revocation_definition")) == 3
    clock.ahead += 7200
    await quiet.revocation_log.prune()
    api = await Api(quiet).login()
    [row] = await api.rows("/revocation_definition")
    assert row["revoked"]["users"] == ["2"]
    # Whoever has not looked for so long has missed something, perhaps.
    assert await quiet.revocation_log.news() == [EVERYBODY]
    assert await quiet.revocation_log.news() == []
    assert (await api.delete(f"/revocation_definition/{row['id']}")).status == 405
    assert (await api.anonymous.get("/revocation_definition")).status == 401
    assert EMAIL not in str(row)
