"""A password that was forgotten is set anew by a token that works once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import settings
from tests.kernel.flows.deck import flow, runs_of, step, until

pytestmark = pytest.mark.asyncio

EMAIL = "ann@example.org"
FORGOT, RESET = "/auth/password/forgot", "/auth/password/reset"


@pytest_asyncio.fixture
async def api(sqlite_uri: str) -> AsyncIterator[Api]:
    async with Kernel(settings(sqlite_uri, password_reset_flow="mail")) as kernel:
        api = await Api(kernel).login()
        await flow(
            api, "mail", step("send", "log", config={"message": "to {{ @FLOW_PAYLOAD.email }}"})
        )
        await api.create("/user_definition", {"email": EMAIL, "password": "forgotten"})
        yield api


async def sent(api: Api) -> list[dict[str, Any]]:
    """Give what the flow has got, when all of it has been brought."""
    resets = api.kernel.identity.resets
    await until(lambda: not resets._delivering)
    return [row["payload"] for row in await runs_of(api, "mail")]


async def log_in(api: Api, password: str) -> int:
    answer = await api.anonymous.post("/auth/login", {"email": EMAIL, "password": password})
    return answer.status


async def test_a_token_sets_the_password_once(api: Api) -> None:
    nobody = api.anonymous
    login = await nobody.post("/auth/login", {"email": EMAIL, "password": "forgotten"})
    ann = Api(api.kernel, login.body["accessToken"])
    answer = await nobody.post(FORGOT, {"email": " Ann@example.org "})
    assert (answer.status, "token" in str(answer.body)) == (202, False)
    [mail] = await sent(api)
    assert (mail["event"], mail["email"]) == ("password-reset", EMAIL)
    assert (await nobody.post(RESET, {"token": mail["token"], "password": "new"})).status == 200
    assert [await log_in(api, one) for one in ("forgotten", "new")] == [401, 200]
    # Whoever was logged in is not any more.
    assert (await ann.get("/me")).status == 401
    again = await nobody.post(RESET, {"token": mail["token"], "password": "newer"})
    assert (again.status, again.code) == (401, "INVALID_TOKEN")
    assert await log_in(api, "newer") == 401


async def test_nobody_is_told_whether_there_is_an_account(api: Api) -> None:
    known = await api.anonymous.post(FORGOT, {"email": EMAIL})
    unknown = await api.anonymous.post(FORGOT, {"email": "nobody@example.org"})
    assert (known.status, known.body) == (unknown.status, unknown.body)
    assert len(await sent(api)) == 1


async def test_disabled_accounts_and_those_that_ask_too_often_get_nothing(api: Api) -> None:
    for _ in range(5):
        assert (await api.anonymous.post(FORGOT, {"email": EMAIL})).status == 202
    mails = await sent(api)
    assert len(mails) == 3
    user = (await api.get("/user_definition", filter={"email": EMAIL})).row
    await api.patch(f"/user_definition/{user['id']}", {"isDisabled": True})
    answer = await api.anonymous.post(RESET, {"token": mails[0]["token"], "password": "x"})
    assert answer.code == "ACCOUNT_DISABLED"


async def test_an_address_that_asks_for_many_is_refused(api: Api) -> None:
    here = api.anonymous.at("192.0.2.1")
    statuses = [(await here.post(FORGOT, {"email": f"{n}@x.org"})).status for n in range(21)]
    assert statuses == [202] * 20 + [429]
    assert (await api.anonymous.at("192.0.2.2").post(FORGOT, {"email": "a@x.org"})).status == 202


async def test_other_tokens_reset_nothing(api: Api) -> None:
    nobody = api.anonymous
    for token in ("", "x", api.token):
        answer = await nobody.post(RESET, {"token": token, "password": "new"})
        assert (answer.status, answer.code) == (401, "INVALID_TOKEN")
    assert (await nobody.post(RESET, {"token": "x"})).status == 400
    assert (await nobody.post(FORGOT, {"email": 5})).status == 400


async def test_without_a_flow_passwords_are_not_reset(sqlite_api: Api) -> None:
    answer = await sqlite_api.anonymous.post(FORGOT, {"email": EMAIL})
    assert (answer.status, "ENFYRA_PASSWORD_RESET_FLOW" in str(answer.body)) == (404, True)
