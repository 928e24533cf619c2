"""The notebooks that teach run in JupyterLab from top to bottom; those that could mind run again.

    ENFYRA_PICTURES=docs/images pytest tests/e2e/test_notebooks.py

takes the pictures in the documentation.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest

from tests.notebooks.shown import AGAIN, FIRST_ONLY, SHOWN
from tests.notebooks.test_quickstart import text

from .conftest import PATIENCE, run_again, run_all

pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.may_block]

PICTURES = os.environ.get("ENFYRA_PICTURES")
# The cells that are in the pictures.
PICTURED = {
    "model-a-domain": "apply",
    "hooks-by-example": "clean",
    "permissions": "why",
    "flows-on-a-schedule": "run",
    "adopt-a-database": "adopt",
    "analytics": "duckdb",
    "support-inbox": "frame",
}


@pytest.mark.parametrize("name", SHOWN)
def test_runs(name: str, watched: Any, lab: Any, project: Path) -> None:
    file = lab.root / f"{name}.ipynb"
    shutil.copy(project / "notebooks" / file.name, file)
    page = watched.page
    run_all(page, lab, file.name)
    first = saved(page, file)
    complained = [one.text for outputs in first.values() for one in outputs if _is_stderr(one)]
    # Bars of progress are written there, too; they count rows.
    assert [said for said in complained if "rows" not in said] == []
    assert_shown(name, first, SHOWN[name].keys())
    if PICTURES:
        take_picture(page, file, Path(PICTURES))
    if name in AGAIN:
        run_again(page)
        assert_shown(name, saved(page, file), SHOWN[name].keys() - FIRST_ONLY)
    assert watched.errors == []
    assert watched.elsewhere == []
    stop_kernels(lab)


def saved(page: Any, file: Path) -> dict[str, list[Any]]:
    """Save the notebook; give the outputs of its cells by their ids."""
    with page.expect_response(
        lambda response: response.request.method == "PUT" and file.name in response.url,
        timeout=PATIENCE,
    ):
        page.keyboard.press("Control+s")
    notebook = nbformat.read(file, as_version=4)
    found = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    errors = [one for outputs in found.values() for one in outputs if one.output_type == "error"]
    assert errors == []
    return found


def assert_shown(name: str, found: dict[str, list[Any]], cells: Any) -> None:
    for cell in cells:
        for part in SHOWN[name][cell]:
            assert part in text(found[cell]), (cell, text(found[cell]))


def take_picture(page: Any, file: Path, folder: Path) -> None:
    """Take the picture of the cell that says most."""
    ids = [cell.id for cell in nbformat.read(file, as_version=4).cells]
    page.set_viewport_size({"width": 1180, "height": 3000})
    page.add_style_tag(content=".jp-cell-toolbar, .jp-Collapser { visibility: hidden }")
    page.mouse.move(5, 5)
    cell = page.locator(".jp-Notebook .jp-Cell").nth(ids.index(PICTURED[file.stem]))
    cell.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = cell.bounding_box()
    clip = {**box, "height": min(box["height"], 640)}
    page.screenshot(path=str(folder / f"notebook-{file.stem}.png"), clip=clip)


def stop_kernels(lab: Any) -> None:
    """End the kernels: they stay when a page is closed."""
    named = {"Authorization": f"token {lab.token}"}
    with httpx.Client(base_url=lab.url, headers=named, timeout=60) as client:
        for session in client.get("api/sessions").json():
            client.delete(f"api/sessions/{session['id']}")


def _is_stderr(output: Any) -> bool:
    return output.output_type == "stream" and output.name == "stderr"
