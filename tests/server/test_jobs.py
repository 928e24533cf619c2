"""A server that is a worker, too."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel

from enfyra_server.app import Server
from tests.databases import settings

pytestmark = [pytest.mark.asyncio, pytest.mark.may_block]

_MODULE = """
import asyncio

done = asyncio.Event()

def register(kernel):
    async def handler(job):
        done.set()

    kernel.jobs.register("mail", handler)
"""


async def test_a_server_runs_the_jobs_of_modules_that_the_settings_name(
    sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "jobs_of_a_server.py").write_text(_MODULE)
    kernel = Kernel(settings(sqlite_uri, job_handlers="jobs_of_a_server"))
    server = Server(kernel)
    await server.start()
    await kernel.jobs.enqueue("mail")
    async with asyncio.timeout(60):
        await sys.modules["jobs_of_a_server"].done.wait()
    await server.stop()


async def test_a_server_does_not_start_without_its_handlers(sqlite_uri: str) -> None:
    server = Server(Kernel(settings(sqlite_uri, job_handlers="there_is_no_such_module")))
    with pytest.raises(EnfyraError, match="there_is_no_such_module cannot be imported"):
        await server.start()
