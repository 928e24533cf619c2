"""`enfyra export`, `diff` and `apply` of a server that runs elsewhere."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from enfyra_kernel.errors import EnfyraError

from enfyra_server import definitions
from enfyra_server.app import Server
from enfyra_server.definitions import Where
from enfyra_server.remote import Remote
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD

from .conftest import address

pytestmark = [pytest.mark.asyncio, pytest.mark.may_block]


@pytest.fixture(autouse=True)
def _login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENFYRA_EMAIL", ADMIN_EMAIL)
    monkeypatch.setenv("ENFYRA_PASSWORD", ADMIN_PASSWORD)


async def test_a_server_is_exported_compared_and_applied_to(
    sqlite_server: Server, http: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = Where(address(sqlite_server))
    await http.post("/table_definition", json={"name": "نص", "columns": []})
    await http.post("/table_definition", json={"name": "post", "columns": []})
    written = await definitions.export(where, tmp_path, ())
    assert "tables/post.yaml" in written.changed
    (tmp_path / "tables/post.yaml").write_text("columns:\n  title: varchar(60)!\n")
    given = definitions.read(tmp_path, ())
    report = await definitions.diff(where, given, prune=False)
    assert [one["label"] for one in report["changes"]] == ["table post"]
    done = await definitions.apply(where, given, prune=False, losing=True)
    assert [one["label"] for one in done["applied"]] == ["table post"]
    assert (await definitions.diff(where, given, prune=False))["changes"] == []
    # Without an address, that of the environment is meant.
    monkeypatch.setenv("ENFYRA_URL", address(sqlite_server))
    assert (await definitions.export(Where(), tmp_path / "again", ("post",))).files == 2


async def test_what_a_server_says_is_passed_on(
    sqlite_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENFYRA_TOKEN", "nobody's")
    async with Remote(address(sqlite_server)) as remote:
        with pytest.raises(EnfyraError) as caught:
            await remote.send("GET", definitions.PATH)
    assert caught.value.code == "INVALID_TOKEN"


async def test_strange_servers_are_told() -> None:
    with pytest.raises(EnfyraError, match="cannot be reached"):
        async with Remote("http://127.0.0.1:9"):
            pass
    for url in ("ftp://a", "http://ann:secret@localhost", "localhost:1105"):
        with pytest.raises(EnfyraError) as caught:
            Remote(url)
        assert "secret" not in caught.value.message
