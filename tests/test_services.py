"""The services that the tests start are real ones."""

from __future__ import annotations

import uuid
from typing import Any

import pymongo
import pytest


def test_mongodb_is_a_replica_set_that_keeps_documents(mongodb_url: str) -> None:
    client: Any = pymongo.MongoClient(mongodb_url, serverSelectionTimeoutMS=20_000)
    with client:
        assert client.admin.command("hello")["setName"] == "rs0"
        name = f"t{uuid.uuid4().hex[:16]}"
        flights = client[name]["flights"]
        key = flights.insert_one({"carrier": "UA", "delay": 2, "tags": ["😀"]}).inserted_id
        assert flights.find_one({"delay": {"$gt": 1}})["_id"] == key
        with client.start_session() as session:
            session.start_transaction()
            flights.insert_one({"carrier": "AA"}, session=session)
            session.abort_transaction()
        assert [one["carrier"] for one in flights.find()] == ["UA"]
        flights.create_index("carrier", unique=True)
        with pytest.raises(pymongo.errors.DuplicateKeyError):
            flights.insert_one({"carrier": "UA"})
        client.drop_database(name)
