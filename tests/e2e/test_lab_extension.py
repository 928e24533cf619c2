"""The launcher's cards and the panel at the side, in JupyterLab.

    ENFYRA_PICTURES=docs/images pytest tests/e2e/test_lab_extension.py

takes the picture in the documentation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import PATIENCE, begin_all

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.may_block]

PICTURES = os.environ.get("ENFYRA_PICTURES")
expect = playwright.expect
expect.set_options(timeout=PATIENCE)
HOSTILE = "<img src=x onerror=alert(1)>\nimport os"
TABLES = (
    {"name": "vessel", "columns": [{"name": "name", "type": "varchar", "options": {"length": 60}}]},
    {"name": "voyage", "columns": [{"name": "distance", "type": "int", "isNullable": False}]},
)


@pytest.fixture
def definitions(lab: Any) -> None:
    with httpx.Client(headers={"Authorization": f"token {lab.token}"}) as http:

        def create(path: str, body: dict[str, Any]) -> dict[str, Any]:
            answer = http.post(f"{lab.api}/{path}", json=body)
            assert answer.status_code == 201, answer.text
            return answer.json()["data"][0]

        vessel = create("table_definition", TABLES[0])
        relation = {"propertyName": "vessel", "type": "many-to-one", "targetTable": vessel["id"]}
        create("table_definition", {**TABLES[1], "relations": [relation]})
        query = {"filter": {"distance": {"_gt": 1000}}, "sort": "-distance"}
        create("query_definition", {"name": "far", "table": "voyage", "query": query})
        for name in (HOSTILE, "nightly"):
            create("flow_definition", {"name": name})


def test_cards_and_panel(watched: Any, lab: Any, definitions: None) -> None:
    page = watched.page
    page.goto(f"{lab.url}lab?token={lab.token}&reset")
    card(page, "Tables and Flows").click(timeout=PATIENCE)
    panel = page.locator(".enfyra-side")
    expect(panel).to_contain_text("Enfyra 0.1.0 on sqlite at /user/ann/enfyra/")
    walk_the_tables(page, panel)
    # As text, and no cell can hold a name that goes on in another line.
    expect(panel.locator(".enfyra-entry", has_text="img").first).to_contain_text("<img src=x")
    panel.get_by_role("button", name="Insert board <img").click()
    expect(panel).to_contain_text("No cell can hold this name")
    write_into_a_notebook(page, panel)
    panel.get_by_role("button", name="API docs").click()
    docs = page.frame_locator("#enfyra-api-docs iframe")
    expect(docs.get_by_text("voyage").first).to_be_visible()
    begin_a_first_notebook(page)
    assert watched.errors == []
    assert watched.elsewhere == []
    say_what_is_wrong(page, panel)


def card(page: Any, label: str) -> Any:
    return page.locator(".jp-LauncherCard").filter(has_text=label)


def walk_the_tables(page: Any, panel: Any) -> None:
    """Search by the name of a column, and go along the tables and into one by keys."""
    search = panel.get_by_role("searchbox")
    search.fill("DISTANCE")
    names = panel.locator(".enfyra-name")
    expect(names).to_have_count(1)
    search.fill("v")
    page.keyboard.press("ArrowDown")
    vessel = panel.get_by_role("button", name="vessel 4 columns")
    expect(vessel).to_be_focused()
    page.keyboard.press("ArrowDown")
    voyage = panel.get_by_role("button", name="voyage 4 columns")
    expect(voyage).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(voyage).to_have_attribute("aria-expanded", "true")
    expect(voyage).to_be_focused()
    inside = panel.get_by_role("list", name="Columns and relations of voyage")
    expect(inside).to_contain_text("int, not null")
    expect(inside).to_contain_text("many-to-one → vessel")


def write_into_a_notebook(page: Any, panel: Any) -> None:
    """With no notebook open one is made; a kernel that has the magic is not told to load it."""
    panel.get_by_role("button", name="Insert query voyage").click()
    panel.get_by_role("button", name="New notebook with this cell").click()
    page.wait_for_selector("text='Python 3 (ipykernel) | Idle'", timeout=PATIENCE)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    expect(cells.first.locator(".jp-OutputArea-output")).to_contain_text("0 rows")
    page.wait_for_selector("text='Python 3 (ipykernel) | Idle'", timeout=PATIENCE)
    panel.get_by_role("button", name="Insert describe voyage").click()
    expect(cells.nth(1).locator(".cm-content")).to_have_text("%enfyra describe voyage")
    expect(cells.nth(1)).to_be_focused()
    page.keyboard.press("Shift+Enter")
    expect(cells.nth(1)).to_contain_text("many-to-one")
    panel.get_by_role("button", name="Insert query far").click()
    expect(cells.nth(2).locator(".cm-content")).to_have_text("%enfyra query --saved far")
    expect(cells.nth(2)).to_be_focused()
    page.keyboard.press("Shift+Enter")
    expect(cells.nth(2).locator(".jp-OutputArea-output")).to_contain_text("0 rows")
    if PICTURES:
        path = Path(PICTURES) / "lab-panel.png"
        page.screenshot(path=str(path))
        assert path.stat().st_size < 150_000


def begin_a_first_notebook(page: Any) -> None:
    """All of its cells run as they stand, and change nothing."""
    page.locator(".lm-TabBar-tabLabel:text-is('Launcher')").click()
    card(page, "Enfyra Notebook").click()
    notebook = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(notebook.locator("h1")).to_contain_text("Enfyra")
    begin_all(page, notebook)
    expect(notebook).to_contain_text("administrator")
    expect(notebook).to_contain_text("todo would be created")
    last = notebook.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output")
    expect(last).to_contain_text("table_definition")
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0


def say_what_is_wrong(page: Any, panel: Any) -> None:
    """No Enfyra, and no rights."""
    refused = '{"error": {"code": "AUTHORIZATION_ERROR", "message": "You may not"}}'
    answers = iter(((404, "<h1>Not found</h1>"), (401, "{}"), (403, refused)))

    def answer(route: Any) -> None:
        status, body = next(answers)
        route.fulfill(status=status, body=body)

    refresh = panel.get_by_role("button", name="Refresh")
    search = panel.get_by_role("searchbox")
    page.route("**/enfyra/metadata", answer, times=3)
    refresh.click()
    expect(panel).to_contain_text("There is no Enfyra at /user/ann/enfyra/")
    expect(search).to_be_hidden()
    refresh.click()
    expect(panel).to_contain_text("needs ENFYRA_TOKEN")
    refresh.click()
    expect(panel).to_contain_text("AUTHORIZATION_ERROR: You may not")
    refresh.click()
    expect(search).to_be_visible()
