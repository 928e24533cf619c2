"""Handlers that a server takes from modules of the operator's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.jobs.handlers import register_handlers
from enfyra_kernel.kernel import Kernel

from tests.contract.test_queue import settled

pytestmark = pytest.mark.asyncio

_MODULE = """
seen = []

def register(kernel):
    async def handler(job):
        seen.append(job.data)

    kernel.jobs.register("mail", handler)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.may_block
async def test_a_module_names_its_handlers(sqlite_kernel: Kernel, folder: Path) -> None:
    (folder / "jobs_of_a_shop.py").write_text(_MODULE)
    register_handlers(["jobs_of_a_shop"], sqlite_kernel)
    await sqlite_kernel.jobs.enqueue("mail", 7)
    await settled(sqlite_kernel.jobs, "mail", completed=1)
    assert sys.modules["jobs_of_a_shop"].seen == [7]


@pytest.mark.may_block
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "cannot be imported: ModuleNotFoundError"),
        ("x = (", "cannot be imported: SyntaxError"),
        ("x = 1", r"has no function register\(kernel\)"),
        ("def register(kernel): raise ValueError('no')", r"raised ValueError: no"),
    ],
)
async def test_a_module_that_does_not_fit_is_named(
    folder: Path, text: str | None, problem: str
) -> None:
    name = f"handlers_{abs(hash(text))}"
    if text is not None:
        (folder / f"{name}.py").write_text(text)
    with pytest.raises(EnfyraError, match=f"ENFYRA_JOB_HANDLERS: {name} .*{problem}") as caught:
        register_handlers([name], None)
    assert caught.value.kind.code == "CONFIGURATION_ERROR"
