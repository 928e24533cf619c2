"""Widgets where people use them beside JupyterLab: in Notebook 7, and in a dashboard of Voila."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import PATIENCE, write_notebook

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.may_block]

expect = playwright.expect
# What both complain about, and Voila asks for elsewhere, with an empty notebook, too.
NOTEBOOK_S_OWN = ("Cannot read properties of undefined (reading 'schema')",)
VOILA_S_OWN = (
    "Error: The getter for the shared module is not a function.",
    "Failed to load resource: net::ERR_NAME_NOT_RESOLVED",
)
VOILA_ASKS = (
    "https://cdn.jsdelivr.net/npm/@fortawesome/",
    "https://cdnjs.cloudflare.com/ajax/libs/mathjax/",
)
CELLS = (
    "%load_ext enfyra_jupyter",
    "%%enfyra table harbour\ncolumns:\n  name: varchar(60)! unique\n  ships: int",
    "import pandas as pd\n"
    "harbours = pd.DataFrame({'name': ['<b>Rotterdam</b>', 'Hamburg'], 'ships': [12, 7]})\n"
    "%enfyra push harbours --table harbour --mode upsert --key name",
    "%enfyra grid harbour",
)


def test_notebook_7(watched: Any, lab: Any) -> None:
    write_notebook(lab.root / "harbours.ipynb", *CELLS)
    page = watched.page
    page.goto(f"{lab.url}notebooks/harbours.ipynb?token={lab.token}")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=PATIENCE)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=PATIENCE)
    page.click(".lm-MenuBar-itemLabel:text-is('Run')")
    page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
    show_harbours(page)
    assert [one for one in watched.errors if not one.startswith(NOTEBOOK_S_OWN)] == []
    assert watched.elsewhere == []


def test_voila(watched: Any, lab: Any) -> None:
    write_notebook(lab.root / "dashboard.ipynb", *CELLS)
    page = watched.page
    page.goto(f"{lab.url}voila/render/dashboard.ipynb?token={lab.token}")
    show_harbours(page)
    assert [one for one in watched.errors if not one.startswith(VOILA_S_OWN)] == []
    assert [one for one in watched.elsewhere if not one.startswith(VOILA_ASKS)] == []


def show_harbours(page: Any) -> None:
    """See the grid, with its hostile name as text; sort it, which asks the kernel."""
    grid = page.locator("[role=grid]")
    expect(grid).to_contain_text("<b>Rotterdam</b>", timeout=PATIENCE)
    grid.get_by_role("columnheader", name="ships").click()
    # Above the first record are the names and the filters.
    expect(grid.locator("tr[aria-rowindex='3']")).to_contain_text("Hamburg", timeout=PATIENCE)
