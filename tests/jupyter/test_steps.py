"""Steps of flows that run beside a Jupyter Server call the API below its mount point."""

from __future__ import annotations

import time

from enfyra_jupyter.client import Client

from .conftest import PATIENCE


def test_a_step_finds_the_mount_point(client: Client) -> None:
    source = "[client.url, client.get('/me')['data'][0]['email']]"
    steps = [{"key": "it", "type": "python", "sourceCode": source}]
    [made] = client.send("PUT", "/admin/flow/finds", body={"steps": steps})["data"]
    run = client.post("/admin/flow/trigger/finds", {})["data"][0]["executionId"]
    deadline = time.monotonic() + PATIENCE
    while True:
        [row] = client.get("/flow_execution_definition", filter={"id": run})["data"]
        if row["status"] not in {"pending", "running"}:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert row["error"] is None
    url, email = row["state"]["results"]["it"]
    assert url.endswith("/user/ann/enfyra")
    assert email == "admin@enfyra.local"
    client.send("DELETE", f"/flow_definition/{made['id']}")
