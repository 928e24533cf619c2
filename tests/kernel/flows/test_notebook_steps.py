"""Notebooks as steps: run from the top to the end, and kept with what they have shown."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import pytest_asyncio
from enfyra_kernel.flows.steps.notebook import Artifacts, found
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import settings

from .deck import flow, lines, ran, results, run_of, step

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def api(sqlite_uri: str, tmp_path: Path) -> AsyncIterator[Api]:
    home = tmp_path / "notebooks"
    home.mkdir()
    (tmp_path / "outside.ipynb").write_text("{}")
    made = settings(sqlite_uri, notebooks=home, data_dir=tmp_path / "data")
    async with Kernel(made) as kernel:
        yield await Api(kernel).login()


def write(file: Path, *cells: str) -> None:
    made: list[Any] = [nbformat.v4.new_code_cell(cells[0], metadata={"tags": ["parameters"]})]
    made += [nbformat.v4.new_code_cell(cell) for cell in cells[1:]]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel}), file)


async def test_a_notebook_is_run_and_kept(api: Api, tmp_path: Path) -> None:
    """The first one ends, the second one fails in the middle; both are kept as far as they came."""
    write(tmp_path / "notebooks" / "report.ipynb", "n = 1\nfails = False", "print('n is', n)",
          "if fails:\n    raise ValueError('bad')\nn * 2")  # fmt: skip
    await flow(
        api, "reports",
        step("good", "notebook", config={"path": "report.ipynb",
                                         "parameters": {"n": "{{ @FLOW_PAYLOAD.n }}"}}),
        step("bad", "notebook", config={"path": "report.ipynb", "parameters": {"fails": True}}),
    )  # fmt: skip
    row = await ran(api, "reports", {"n": 21})
    run = row["id"]
    assert results(row)["good"] == {"artifact": f"runs/{run}/good.ipynb", "cells": 4}
    assert "n is 21" in await lines(api, run)
    kept = nbformat.read(tmp_path / "data" / "runs" / str(run) / "good.ipynb", as_version=4)
    assert kept.cells[-1].outputs[0]["data"]["text/plain"] == "42"
    assert row["status"] == "failed"
    assert row["error"]["details"] == {"artifact": f"runs/{run}/bad.ipynb"}
    assert "(`if fails:`): ValueError: bad" in row["error"]["message"]
    assert (tmp_path / "data" / "runs" / str(run) / "bad.ipynb").exists()
    assert (await run_of(api, run))["progress"]["step"]["done"] >= 3
    got = await api.get(f"/admin/flow/artifact/{run}/good")
    assert (got.status, len(got.body["cells"])) == (200, 4)
    assert got.headers["Content-Disposition"] == f'attachment; filename="good-{run}.ipynb"'
    for wrong in (
        f"{run}/goood",
        f"{run}/..%2Fgood",
        f"{run + 1}/good",
        "..%2F..%2Fnotebooks/report",
    ):
        assert (await api.get(f"/admin/flow/artifact/{wrong}")).status == 404
    assert (await api.anonymous.get(f"/admin/flow/artifact/{run}/good")).status == 401
    await api.kernel.flows.workers.forget([run])
    assert not (tmp_path / "data" / "runs" / str(run)).exists()


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"path": "../outside.ipynb"}, "must name a notebook in the folder"),
        ({"path": "/etc/passwd"}, "must name a notebook in the folder"),
        ({"path": "repot.ipynb"}, "Did you mean 'report.ipynb'?"),
        ({"path": "report.ipynb", "parameters": [1]}, "parameters must be an object"),
    ],
)
async def test_a_notebook_that_cannot_be_run(
    api: Api, tmp_path: Path, config: dict[str, Any], problem: str
) -> None:
    write(tmp_path / "notebooks" / "report.ipynb", "n = 1")
    await flow(api, "wrong", step("it", "notebook", config=config))
    row = await ran(api, "wrong")
    assert (row["status"], row["error"]["code"]) == ("failed", "INVALID_ARGUMENT")
    assert problem in row["error"]["message"]


async def test_a_link_leads_nowhere_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "other.ipynb").touch()
    (home / "link.ipynb").symlink_to(tmp_path / "other.ipynb")
    with pytest.raises(Exception, match="must name a notebook"):
        found(home, "link.ipynb")


async def test_without_papermill_it_is_said_what_to_install(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "notebooks" / "report.ipynb", "n = 1")
    (tmp_path / "papermill.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", ":".join([str(tmp_path), *filter(None, sys.path)]))
    await flow(api, "lacks", step("it", "notebook", config={"path": "report.ipynb"}))
    row = await ran(api, "lacks")
    assert "which is not installed" in row["error"]["message"]
    assert row["error"]["hint"] == "pip install 'enfyra-kernel[notebook]'"


async def test_artifacts_of_other_runs_stay(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "runs")
    first, second = (artifacts.place(run, "it") for run in (1, 2))
    for place in (first, second):
        place.touch()
    await artifacts.forget([1, 3])
    assert (first.exists(), second.exists()) == (False, True)
    assert artifacts.name(second) == "runs/2/it.ipynb"
