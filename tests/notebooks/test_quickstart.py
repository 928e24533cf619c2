"""The quickstart runs from top to bottom, and once more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from .conftest import RemoteKernel

TABLES = ("airlines", "airports", "planes", "weather", "flights")


@pytest.fixture
def notebook(project: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(project / "notebooks" / "quickstart.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook


def run(notebook: nbformat.NotebookNode, kernel: RemoteKernel) -> dict[str, list[Any]]:
    """Run all cells; give their outputs by the cells' ids."""
    outputs: dict[str, list[Any]] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            reply, outputs[cell.id] = kernel.execute(cell.source)
            assert reply["status"] == "ok", (cell.source, reply, outputs[cell.id])
    return outputs


def text(outputs: list[Any]) -> str:
    parts = [str(one.get("data", {}).get("text/plain", one.get("text", ""))) for one in outputs]
    return "\n".join(parts)


def test_runs_twice(notebook, kernel, server):
    first = run(notebook, kernel)
    for name in TABLES:
        assert f"{name} is created" in text(first[name])
    again = run(notebook, kernel)
    for name in TABLES:
        assert text(again[name]) == f"{name}: nothing to change"
    for outputs in (first, again):
        assert re.search(r"flights +3000 ", text(outputs["counts"]))
        assert re.search(r"planes +3322 ", text(outputs["counts"]))
        assert "text/vnd.mermaid" in outputs["erd"][0].data
        assert "image/png" in outputs["plot"][0].data
        assert "Delta Air Lines Inc." in text(outputs["query-line"])
        assert "'name': 'AirTran Airways Corporation'" in text(outputs["http"])
        assert "references without a match became null" in text(outputs["push-flights"])
        assert "/user/ann/enfyra/docs" in text(outputs["open"])
        assert server.token not in repr(outputs)


def test_is_kept_without_outputs(notebook):
    # What it shows differs from machine to machine; differences in git are of the text only.
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
