"""Trials on each database: what it refuses is taken back, and the rest goes on."""

from __future__ import annotations

import pytest

from tests.api import Api

pytestmark = pytest.mark.asyncio


async def test_a_trial_goes_on_behind_a_refused_write(api: Api, engine: str) -> None:
    if engine == "mongodb":
        pytest.skip("its transactions end with what they refuse")
    await api.define("note", "title varchar!", "views int", uniques=[["title"]])
    await api.create("/note", {"title": "old"})
    source = (
        "import asyncio\n"
        "await #note.create({'data': {'title': 'kept'}})\n"
        "for title in ('old', 'kept'):\n"
        "    try:\n"
        "        await #note.create({'data': {'title': title}})\n"
        "    except EnfyraError as error:\n"
        "        ctx.logs(error.code)\n"
        "made = [#note.create({'data': {'title': str(n)}}) for n in range(5)]\n"
        "await asyncio.gather(*made, #note.find(), #note.count())\n"
        "found = await #note.find({'sort': 'title'})\n"
        "return [row.title for row in found.data]"
    )
    trial = {"route": "/note", "kind": "handler", "method": "GET", "sourceCode": source}
    report = (await api.post("/admin/test/run", trial)).row
    assert report["result"] == ["0", "1", "2", "3", "4", "kept", "old"]
    assert report["logs"] == ["DUPLICATE_RESOURCE"] * 2
    assert [row["title"] for row in await api.rows("/note")] == ["old"]
