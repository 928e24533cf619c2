"""Widgets where people use them beside JupyterLab: in Notebook 7, and in a dashboard of Voila."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import PATIENCE, begin_all, write_notebook

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.may_block]

expect = playwright.expect
# Both complain about themselves, with an empty notebook, too. A face is a module that the page has
# made of a text, which is what its errors name.
FACE = ("blob:", "anywidget", "@enfyra/lab")
# What Voila asks for elsewhere, with an empty notebook, too.
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
    begin_all(page, page.locator(".jp-NotebookPanel"))
    show_harbours(page)
    # The panel of our extension of JupyterLab, by its command.
    page.click(".lm-MenuBar-itemLabel:text-is('View')")
    page.click(".lm-Menu-itemLabel:text-is('Activate Command Palette')")
    page.locator(".lm-CommandPalette-input:visible").fill("Tables and Flows")
    page.keyboard.press("Enter")
    panel = page.locator(".enfyra-side")
    expect(panel.get_by_role("button", name="harbour")).to_be_visible(timeout=PATIENCE)
    assert errors_of_faces(watched) == []
    assert watched.elsewhere == []


def test_voila(watched: Any, lab: Any) -> None:
    write_notebook(lab.root / "dashboard.ipynb", *CELLS)
    page = watched.page
    page.goto(f"{lab.url}voila/render/dashboard.ipynb?token={lab.token}")
    show_harbours(page)
    assert errors_of_faces(watched) == []
    assert [one for one in watched.elsewhere if not one.startswith(VOILA_ASKS)] == []


def errors_of_faces(watched: Any) -> list[str]:
    return [one for one in watched.errors if any(part in one for part in FACE)]


def show_harbours(page: Any) -> None:
    """See the grid, with its hostile name as text; sort it, which asks the kernel."""
    grid = page.locator("[role=grid]")
    expect(grid).to_contain_text("<b>Rotterdam</b>", timeout=PATIENCE)
    grid.get_by_role("columnheader", name="ships").click()
    # Above the first record are the names and the filters.
    expect(grid.locator("tr[aria-rowindex='3']")).to_contain_text("Hamburg", timeout=PATIENCE)
