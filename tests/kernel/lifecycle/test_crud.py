"""Default CRUD on a table's route, word for word as the architecture overview has it."""

from __future__ import annotations

import pytest

from tests.api import Api

pytestmark = pytest.mark.asyncio

POST = ("title varchar!", "content text", "status varchar")


async def test_create_a_post(api: Api) -> None:
    await api.define("post", *POST)
    answer = await api.post(
        "/post",
        {
            "title": "Hello Enfyra",
            "content": "This post was created through a generated API.",
            "status": "draft",
        },
    )
    assert answer.status == 201
    assert answer.body["statusCode"] == 201
    assert answer.body["message"] == "Success"
    row = answer.row
    assert row["id"] == 1
    assert row["title"] == "Hello Enfyra"
    assert row["status"] == "draft"
    assert row["createdAt"] == row["updatedAt"]
