"""Packages from the row to the script that imports them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api import Api
from tests.databases import settings

from .wheels import make_wheel

pytestmark = pytest.mark.asyncio


async def until_is(api: Api, status: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            (row,) = await api.rows("/package_definition")
            if row["status"] in {status, "failed"}:
                assert row["status"] == status, row["lastError"]
                return row
            await asyncio.sleep(0.1)


async def result(api: Api, source: str) -> Any:
    trial = {"kind": "handler", "route": "/try", "method": "GET", "sourceCode": source}
    answer = await api.post("/admin/test/run", trial)
    return answer.row["result"] if answer.status == 200 else answer.message


async def test_a_package_is_installed_used_and_taken_away(
    sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    files = {"acme_words/__init__.py": "from . import cases\ndef shout(t): return cases.up(t)",
             "acme_words/cases.py": "def up(t): return t.upper()"}  # fmt: skip
    make_wheel(index, "acme-words", "1.0", files)
    from enfyra_kernel.kernel import Kernel

    allowed = settings(sqlite_uri, package_allow="acme-*", data_dir=tmp_path / "data")
    async with Kernel(allowed) as kernel:
        api = await Api(kernel).login()
        source = "import acme_words\nreturn [acme_words.shout('a'), %acme_words.cases.up('b')]"
        assert "cannot be imported" in await result(api, source)
        refused = await api.post("/package_definition", {"name": "requests"})
        assert refused.status == 422
        row = await api.create("/package_definition", {"name": "acme-words"})
        await until_is(api, "installed")
        assert await result(api, source) == ["A", "B"]
        assert "cannot be changed" in str(await result(api, "import acme_words\nacme_words.x = 1"))
        assert (await api.delete(f"/package_definition/{row['id']}")).status == 200
        async with asyncio.timeout(60):
            while "cannot be imported" not in str(await result(api, source)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    async with Kernel(allowed) as kernel:
        assert kernel.scripts.packages.modules() == {}
