"""Widgets where people use them beside JupyterLab: in Notebook 7, in Voila, and in marimo."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from enfyra_jupyter.client import Client
from enfyra_jupyter.credentials import Token
from tests.services.base import free_port

from .conftest import PATIENCE, Watched, begin_all, write_notebook

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
# An application of marimo, which has no magics.
APPLICATION = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    from enfyra_jupyter import connect, show

    mo.ui.anywidget(show.grid(connect(), "quay"))
"""


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


@pytest.fixture
def marimo(lab: Any, tmp_path: Path) -> Iterator[str]:
    """The address of an application of marimo that asks the API of the lab."""
    pytest.importorskip("marimo")
    file = tmp_path / "quays.py"
    file.write_text(APPLICATION)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    # What marimo remembers of people is not to be that of whoever runs the tests.
    environment = {**lab.environment, "ENFYRA_URL": lab.api, "HOME": str(tmp_path)}
    environment |= dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME"), str(tmp_path))
    options = ["--headless", "--no-token", "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "marimo.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "marimo", "run", str(file), *options],
            env=environment, cwd=tmp_path, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE / 1000
        while not answers(url):
            waits = process.poll() is None and time.monotonic() < end
            assert waits, (tmp_path / "marimo.log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}health").is_success
    except httpx.HTTPError:
        return False


def test_marimo(browser: Any, lab: Any, marimo: str) -> None:
    with Client(lab.api, Token(lab.token, "token")) as client:
        columns = [{"name": "name", "type": "varchar"}, {"name": "ships", "type": "int"}]
        client.post("/table_definition", {"name": "quay", "columns": columns})
        quays = [("<b>Rotterdam</b>", 12), ("Hamburg", 7)]
        client.post("/quay", [{"name": name, "ships": ships} for name, ships in quays])
    context = browser.new_context()
    watched = Watched(context.new_page(), lab._replace(url=marimo))
    watched.page.goto(marimo)
    show_harbours(watched.page)
    context.close()
    assert watched.errors == []
    assert watched.elsewhere == []


def errors_of_faces(watched: Any) -> list[str]:
    return [one for one in watched.errors if any(part in one for part in FACE)]


def show_harbours(page: Any) -> None:
    """See the grid, with its hostile name as text; sort it, which asks the kernel."""
    grid = page.locator("[role=grid]")
    expect(grid).to_contain_text("<b>Rotterdam</b>", timeout=PATIENCE)
    grid.get_by_role("columnheader", name="ships").click()
    # Above the first record are the names and the filters.
    expect(grid.locator("tr[aria-rowindex='3']")).to_contain_text("Hamburg", timeout=PATIENCE)
