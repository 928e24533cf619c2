"""Whom the holder of a Jupyter login acts as in a server that a JupyterHub has started."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.identity.callers import Caller
from enfyra_kernel.identity.holders import HubServer
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import ADMIN_EMAIL, settings
from tests.openid import OpenId, new_key

from .conftest import MovingClock

pytestmark = pytest.mark.asyncio

ANN = {"JUPYTERHUB_USER": "ann", "JUPYTERHUB_API_TOKEN": "a" * 32}
MINUTE = 61


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return new_key()


@pytest_asyncio.fixture
async def hub(key: rsa.RSAPrivateKey) -> AsyncIterator[OpenId]:
    provider = OpenId(key)
    provider.hub = {"a" * 32: {"name": "ann", "kind": "user", "admin": True}}
    yield provider
    provider.stop()


async def acting(kernel: Kernel, name: str, hub: OpenId | None = None) -> Caller:
    """Give whom the holder acts as in a server of the Hub's that begins anew."""
    environment = {**ANN, "JUPYTERHUB_USER": name}
    if hub is not None:
        environment["JUPYTERHUB_API_URL"] = f"{hub.url}/hub/api/"
    async with Kernel(kernel.settings, clock=kernel.clock) as server:
        return await server.identity.holder(HubServer.of(environment)).caller()


async def test_without_a_hub_it_is_the_first_administrator(sqlite_api: Api) -> None:
    kernel = sqlite_api.kernel
    holder = kernel.identity.holder(HubServer.of({}))
    caller = await holder.caller()
    assert (caller.email, caller.is_root) == (ADMIN_EMAIL, True)
    # Looked up once, and anew when the account has changed.
    assert await holder.caller() is caller
    await sqlite_api.patch("/me", {"email": "boss@example.org"})
    assert (await holder.caller()).email == "boss@example.org"


async def test_it_is_the_hubs_user_who_administrates_a_file_of_his_own(sqlite_api: Api) -> None:
    ann = await acting(sqlite_api.kernel, "ann")
    assert (ann.email, ann.login_provider, ann.is_root) == (
        "ann@jupyterhub.invalid",
        "jupyterhub",
        True,
    )
    assert await acting(sqlite_api.kernel, "ann") == ann
    [row] = await sqlite_api.rows("/user_definition", filter={"id": ann.id})
    assert (row["isRootAdmin"], row["isSystem"]) == (True, False)
    # Another user of the Hub on the same file is one with no rights.
    bob = await acting(sqlite_api.kernel, "bob")
    assert (bob.email, bob.is_root) == ("bob@jupyterhub.invalid", False)


@pytest.mark.parametrize("engine", ["mongodb"], scope="session")
async def test_on_a_server_that_others_use_he_has_the_rights_of_his_account(
    database_uri: str, clock: MovingClock, hub: OpenId
) -> None:
    own = settings(database_uri, refresh_interval=10**6)
    async with Kernel(own, clock=clock) as kernel:
        server = HubServer("ann", f"{hub.url}/hub/api", "a" * 32)
        holder = kernel.identity.holder(server)
        assert (await holder.caller()).is_root is False
        admin = await Api(kernel).login()
        await admin.create("/role_definition", {"name": "writer"})
        ann = (await holder.caller()).id
        await admin.patch(f"/user_definition/{ann}", {"role": "writer"})
        assert (await holder.caller()).role is not None
        await admin.patch(f"/user_definition/{ann}", {"isDisabled": True})
        with pytest.raises(EnfyraError) as refused:
            await holder.caller()
        assert refused.value.code == "ACCOUNT_DISABLED"


@pytest.mark.parametrize("engine", ["mongodb"], scope="session")
async def test_an_administrator_of_the_hub_is_one_here_while_the_hub_says_so(
    database_uri: str, clock: MovingClock, hub: OpenId
) -> None:
    own = settings(database_uri, refresh_interval=10**6, hub_admins=True)
    async with Kernel(own, clock=clock) as kernel:
        server = HubServer("ann", f"{hub.url}/hub/api", "a" * 32)
        holder = kernel.identity.holder(server)
        ann = await holder.caller()
        assert ann.is_root is True
        admin = await Api(kernel).login()
        [row] = await admin.rows("/user_definition", filter={"id": ann.id})
        assert row["isRootAdmin"] is False
        for told in ({"name": "ann", "kind": "user"}, {"name": "bob", "admin": True}, None):
            hub.hub = {} if told is None else {"a" * 32: told}
            clock.ahead += MINUTE
            assert (await holder.caller()).is_root is False
        hub.hub = {"a" * 32: {"name": "ann", "kind": "user", "admin": True}}
        clock.ahead += MINUTE
        assert (await holder.caller()).is_root is True
        # While the Hub is away he is himself.
        away = kernel.identity.holder(HubServer("ann", "http://127.0.0.1:1", "a" * 32))
        clock.ahead += MINUTE
        assert (await away.caller()).is_root is False
        # It is the same with tokens of the Hub on a central server.
    central = settings(database_uri, hub_admins=True, hub_api_url=f"{hub.url}/hub/api")
    async with Kernel(central) as kernel:
        me = Api(kernel, "a" * 32)
        assert (await me.get("/user_definition")).status == 200


async def test_a_name_that_is_somebodys_address_is_refused(sqlite_api: Api) -> None:
    with pytest.raises(EnfyraError) as refused:
        await acting(sqlite_api.kernel, ADMIN_EMAIL)
    assert refused.value.code == "OAUTH_FAILED"
