"""Decimals are exact, up to the digits that a definition may ask for."""

from __future__ import annotations

import pytest

from tests.api import Api

pytestmark = pytest.mark.asyncio


async def test_decimals_of_many_digits_come_back_as_they_were(api: Api, engine: str) -> None:
    if engine == "sqlite":
        pytest.skip("SQLite keeps 15 digits")
    digits, scale = (34, 17) if engine == "mongodb" else (65, 30)
    options = {"precision": digits, "scale": scale}
    await api.define("price", {"name": "amount", "type": "decimal", "options": options})
    whole, part = "9" * (digits - scale), "9" * scale
    amounts = [f"{whole}.{part}", f"-{whole}.{part}", f"0.{'0' * (scale - 1)}1"]
    for amount in amounts:
        answer = await api.post("/price", {"amount": amount})
        assert (answer.status, answer.row["amount"]) == (201, amount), answer.body
        assert (await api.rows("/price", filter={"amount": amount}))[0]["amount"] == amount
        listed = {"amount": {"_in": [*map(str, range(150)), amount]}}
        assert [row["amount"] for row in await api.rows("/price", filter=listed)] == [amount]
    for amount in (f"1{whole}", f"0.{part}1", "1e-999999999", "1e999999999"):
        answer = await api.post("/price", {"amount": amount})
        assert (answer.status, answer.code) == (400, "INVALID_BODY"), amount
