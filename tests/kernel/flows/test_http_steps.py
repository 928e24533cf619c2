"""Steps that call other servers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from enfyra_kernel.flows.rows import step_problems
from enfyra_kernel.flows.steps.asking import HttpStep

pytestmark = pytest.mark.asyncio


class Asking:
    """Notes what is asked for."""

    asked: tuple[Any, ...] = ()

    async def ask(self, scene: Any, name: str, *arguments: Any) -> Any:
        self.asked = (name, *arguments)
        return "a,b"


async def test_an_answer_may_be_text():
    asking = Asking()
    config = {"url": "https://a.example/b.csv", "responseType": "text"}
    assert step_problems({"key": "file", "type": "http", "config": config}) == []
    given = await HttpStep(asking)(SimpleNamespace(config=config, timeout=30_000))
    assert given == {"status": 200, "data": "a,b"}
    name, url, options = asking.asked
    assert (name, url) == ("helpers.fetch", config["url"])
    assert options["responseType"] == "text"
