"""Which servers will do, and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.storage.connect import connect
from enfyra_kernel.storage.mongo.client import address
from enfyra_kernel.uri import DatabaseUri

from tests.services import MongoDB, ServiceMissing


class StandAlone(MongoDB):
    """A server that is part of no replica set."""

    def command(self) -> list[str]:
        command = super().command()
        place = command.index("--replSet")
        return command[:place] + command[place + 2 :]

    def settle(self) -> None:
        """There is no set to begin."""


@pytest.fixture(scope="module")
def stand_alone() -> Iterator[Any]:
    try:
        service = StandAlone().start()
    except ServiceMissing as error:
        pytest.skip(str(error))
    yield service
    service.stop()


@pytest.mark.asyncio
async def test_a_server_without_transactions_is_refused(stand_alone: Any) -> None:
    database = connect(DatabaseUri.parse(f"mongodb://127.0.0.1:{stand_alone.port}/shop"))
    with pytest.raises(EnfyraError) as caught:
        await database.start()
    assert caught.value.code == "CONFIGURATION_ERROR"
    assert "rs.initiate" in caught.value.hint
    await database.stop()


def test_the_driver_gets_the_address_whole() -> None:
    text = "mongodb://ann:p%40ss%2F@db1:27017,db2:1/shop?replicaSet=rs0&authSource=admin"
    assert address(DatabaseUri.parse(text)) == text
    srv = "mongodb+srv://ann:hush@cluster.example.net/shop"
    assert address(DatabaseUri.parse(srv)) == srv


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mongodb://db1,,db2/shop", "names no host"),
        ("mongodb://db1/", "names no database"),
        ("mongodb://db1/my shop", "MongoDB does not take"),
        ("mongodb://db1:x/shop", "port"),
    ],
)
def test_addresses_that_are_none(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        DatabaseUri.parse(text)


def test_an_address_is_shown_without_the_password() -> None:
    uri = DatabaseUri.parse("mongodb://ann:hush@db1:1,db2/shop?replicaSet=rs0")
    assert uri.redacted == "mongodb://ann:***@db1:1,db2/shop"
    assert "hush" not in repr(uri)
