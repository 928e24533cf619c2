"""The grid in JupyterLab: a million rows, by the keyboard and by the mouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from enfyra_jupyter.client import Client
from enfyra_jupyter.credentials import Token
from tests.jupyter.conftest import Server

from .conftest import PATIENCE, Watched, run_all, write_notebook

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.may_block]

ROWS = 1_000_000
FILL = """
import sqlite3
with sqlite3.connect("{database}") as database:
    _ = database.execute(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {rows}) "
        "INSERT INTO big (title, views, createdAt, updatedAt) "
        "SELECT 'row ' || x, x * 7919 % 1000003, datetime(), datetime() FROM n"
    )
"""


@pytest.fixture(scope="module")
def big(lab: Server) -> Iterator[Server]:
    """A lab with a table `big` of a million rows."""
    fill = FILL.format(database=lab.root / "enfyra.db", rows=ROWS)
    write_notebook(
        lab.root / "grid.ipynb",
        "%load_ext enfyra_jupyter",
        "%%enfyra table big\ncolumns:\n  title: varchar(20)\n  views: int",
        fill,
        "%enfyra grid big --fields title,views",
    )
    yield lab
    with Client(lab.api, Token(lab.token, "token")) as client:
        known = client.get("/table_definition", filter={"name": "big"})["data"]
        for path in [f"/table_definition/{one['id']}" for one in known]:
            shown = client.send("DELETE", path, params={"preview": True})["data"][0]
            confirmed = {"schemaConfirmHash": shown["requiredConfirmHash"]}
            client.send("DELETE", path, params=confirmed)


def cell(page: Any, row: int, column: int) -> Any:
    """Give the cell of a row, from 1, and a column, from 1."""
    # The head has two rows, and row numbers have a column.
    return page.locator(f"tr[aria-rowindex='{row + 2}'] > td[aria-colindex='{column + 1}']")


def test_a_million_rows(watched: Watched, big: Server) -> None:
    page, expect = watched.page, playwright.expect
    expect.set_options(timeout=PATIENCE)
    run_all(page, big, "grid.ipynb")
    expect(cell(page, 1, 2)).to_have_text("row 1")
    grid = page.get_by_role("grid", name="big")
    expect(grid).to_have_attribute("aria-rowcount", str(ROWS + 2))
    # Only what is in sight is in the page.
    assert page.locator(".enfyra-grid tbody tr").count() < 40

    page.locator(".enfyra-grid").evaluate("box => { box.scrollTop = box.scrollHeight * 0.9 }")
    number = page.locator(".enfyra-grid tbody th").first
    expect(number).to_have_text(re.compile("^90"))
    row = int(number.inner_text().replace(",", ""))
    expect(cell(page, row, 2)).to_have_text(f"row {row}")

    page.get_by_label("Go to row").fill("900000")
    page.get_by_label("Go to row").press("Enter")
    expect(cell(page, 900_000, 1)).to_be_focused()
    expect(cell(page, 900_000, 2)).to_have_text("row 900000")
    page.keyboard.press("Control+End")
    expect(cell(page, ROWS, 3)).to_be_focused()
    page.keyboard.press("PageUp")
    page.keyboard.press("Control+Home")
    expect(cell(page, 1, 1)).to_be_focused()

    # A value that is refused, a good one, there and back.
    message = page.locator(".enfyra-grid-message")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("many")
    page.keyboard.press("Enter")
    expect(message).to_contain_text("INVALID_BODY views must be an integer")
    page.keyboard.press("Control+A")
    page.keyboard.type("12345")
    page.keyboard.press("Enter")
    expect(cell(page, 1, 3)).to_have_text("12345")
    expect(cell(page, 1, 3)).to_be_focused()
    page.keyboard.press("Control+z")
    expect(cell(page, 1, 3)).to_have_text("7919")
    page.keyboard.press("Control+y")
    expect(cell(page, 1, 3)).to_have_text("12345")
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()

    # Somebody else is quicker.
    with Client(big.api, Token(big.token, "token")) as client:
        client.patch("/big/1", {"title": "<b>theirs</b>"})
        page.keyboard.press("ArrowLeft")
        page.keyboard.type("mine")
        page.keyboard.press("Enter")
        expect(message).to_contain_text("Theirs: <b>theirs</b>Mine: mine")
        expect(page.get_by_role("button", name="Keep theirs")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(cell(page, 1, 2)).to_have_text("mine")
        assert client.get("/big", filter={"id": 1})["data"][0]["title"] == "mine"

    # A row is made at the end, and deleted again.
    page.keyboard.press("Insert")
    page.keyboard.type("a new one")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+Enter")
    said = page.locator(".enfyra-said")
    expect(said).to_have_text(f"1 row saved as {ROWS + 1}")
    expect(cell(page, ROWS + 1, 2)).to_have_text("a new one")
    expect(cell(page, ROWS + 1, 2)).to_be_focused()
    page.keyboard.press("Control+Delete")
    page.keyboard.press("Control+Enter")
    expect(said).to_have_text("1 row deleted")
    expect(cell(page, ROWS, 2)).to_be_focused()
    page.keyboard.press("Control+Home")

    # Up into the filters: what is typed there filters.
    page.keyboard.press("ArrowUp")
    page.keyboard.type("77777..77795")
    page.keyboard.press("Enter")
    expect(page.locator(".enfyra-grid-bar .note")).to_have_text("19 rows meet the filters")
    expect(cell(page, 1, 2)).to_have_text("row 77777")
    # Up again to the names, where Enter sorts.
    page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="views")).to_have_attribute(
        "aria-sort", "ascending"
    )
    expect(cell(page, 1, 3)).to_have_text("1324")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("many")
    page.keyboard.press("Enter")
    said = page.locator(".enfyra-said.bad")
    expect(said).to_contain_text("INVALID_QUERY: views cannot be filtered by 'many'")
    assert watched.errors == []
    assert watched.elsewhere == []
