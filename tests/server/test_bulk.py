"""Bulk over real HTTP, with a client of its own process, while the loop stays free."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from enfyra_server.app import Server

from .conftest import address, client_of

pytestmark = pytest.mark.asyncio

RECORDS = 100_000


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body.json"
    records = (f'{{"sensor":{number % 50},"value":{number / 7!r}}}' for number in range(RECORDS))
    path.write_text(f"[{','.join(records)}]")
    return path


async def test_a_hundred_thousand_records_in_one_request(
    server: Server, body: Path, tmp_path: Path
) -> None:
    client = await client_of(server)
    columns = [{"name": "sensor", "type": "int"}, {"name": "value", "type": "float"}]
    await client.post("/table_definition", json={"name": "reading", "columns": columns})
    answer = tmp_path / "answer.json"
    url = f"{address(server)}/reading?fields=id"
    curl = await asyncio.create_subprocess_exec(
        "curl", "-s", "-o", str(answer), "-w", "%{http_code}", url,
        "-H", f"Authorization: {client.headers['Authorization']}",
        "-H", "Content-Type: application/json", "--data-binary", f"@{body}",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    status, _ = await curl.communicate()
    assert status == b"201"
    assert answer.read_bytes().count(b'"id"') == RECORDS
    counted = await client.get(
        "/reading", params={"filter": json.dumps({"sensor": 7}), "meta": "*", "limit": 1}
    )
    assert counted.json()["meta"] == {"totalCount": RECORDS, "filterCount": RECORDS // 50}
    await client.aclose()
