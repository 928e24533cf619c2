"""The notebooks that teach, as files; that they run is tried in a browser."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from .shown import SHOWN


def test_none_is_left_out(project: Path) -> None:
    names = {path.stem for path in (project / "notebooks").glob("*.ipynb")}
    assert names == {*SHOWN, "quickstart"}


@pytest.mark.parametrize("name", SHOWN)
def test_is_kept_without_outputs(name: str, project: Path) -> None:
    notebook = nbformat.read(project / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
