"""Notebooks run in kernels that a Jupyter Server has started, as they do for people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.jupyter.conftest import TOKEN, Server, start_server, stop_server

ROWS = 3000


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Jupyter Server on an empty database, whose notebooks take a sample of the rows."""
    root = tmp_path_factory.mktemp("notebooks")
    server, process = start_server(root, ENFYRA_QUICKSTART_ROWS=str(ROWS))
    yield server
    stop_server(process)


class RemoteKernel:
    """A kernel that a Jupyter Server runs; its sockets can be reached from here."""

    def __init__(self, server: Server) -> None:
        self._http = httpx.Client(
            base_url=server.url, headers={"Authorization": f"token {TOKEN}"}, timeout=30
        )
        self.id = self._post("api/kernels", {"name": "python3"})["id"]
        self.client = BlockingKernelClient(
            connection_file=str(server.runtime_dir / f"kernel-{self.id}.json")
        )
        self.client.load_connection_file()
        self.client.start_channels()
        self._wait_for_ready()

    def _wait_for_ready(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.client.wait_for_ready(timeout=60)
            except RuntimeError:
                # The heart of a kernel that starts on a busy machine may seem to stand still.
                if time.monotonic() > deadline:
                    raise

    def _post(self, path: str, body: Any) -> Any:
        answer = self._http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def execute(self, source: str) -> tuple[Any, list[Any]]:
        """Run a cell; give the reply and the outputs."""
        outputs: list[Any] = []

        def keep(message: Any) -> None:
            kind = message["header"]["msg_type"]
            if kind in {"stream", "display_data", "execute_result", "error"}:
                outputs.append(nbformat.v4.output_from_msg(message))

        reply = self.client.execute_interactive(
            source, output_hook=keep, allow_stdin=False, timeout=300
        )
        return reply["content"], outputs

    def close(self) -> None:
        self.client.stop_channels()
        self._http.delete(f"api/kernels/{self.id}")
        self._http.close()


@pytest.fixture
def kernel(server: Server) -> Iterator[RemoteKernel]:
    kernel = RemoteKernel(server)
    yield kernel
    kernel.close()
