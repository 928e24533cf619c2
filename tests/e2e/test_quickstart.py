"""The quickstart in a real browser: JupyterLab, Run All Cells, and nothing goes wrong.

    ENFYRA_SCREENSHOT=docs/images/quickstart.png pytest tests/e2e -m browser

takes the picture in the documentation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import PATIENCE, SCREENSHOT, run_all, write_notebook

playwright = pytest.importorskip("playwright.sync_api")

# Playwright's loop goes on between tests, where nothing may watch it.
pytestmark = [pytest.mark.browser, pytest.mark.may_block]


def test_quickstart_in_jupyterlab(watched, lab):
    page = watched.page
    run_all(page, lab)
    outputs = page.locator(".jp-OutputArea-output")
    # Errors of Python, and what is written to stderr: a UsageError is.
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    stderr = page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
    assert stderr == []
    # Lab has drawn the diagram, with all five tables.
    diagram = page.locator(".jp-RenderedMermaid")
    diagram.locator("img, svg").first.wait_for(timeout=PATIENCE)
    assert outputs.locator("img[src^='data:image/png']").count() == 1
    assert page.locator(".enfyra table").count() >= 4
    # Links go to the mount point, not to a file of that name.
    link = page.locator(".enfyra a").first
    assert link.get_attribute("href") == "/user/ann/enfyra/docs"
    if SCREENSHOT:
        take_picture(page, Path(SCREENSHOT))
    with page.context.expect_page() as opened:
        link.click()
    docs = opened.value
    docs.wait_for_selector("text=flights", timeout=PATIENCE)
    assert watched.errors == []
    assert watched.elsewhere == []


def test_completion_in_jupyterlab(watched, lab):
    write_notebook(
        lab.root / "completion.ipynb",
        "%load_ext enfyra_jupyter",
        "%%enfyra table journey\ncolumns:\n  destination: varchar\n  days: int",
        "%enfyra tables",
    )
    page = watched.page
    run_all(page, lab, "completion.ipynb")
    editor = page.locator(".jp-Notebook .jp-CodeCell").last.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("%enfyra query journey --fields destinat")
    for _ in range(10):
        # Lab gives the kernel a second, which the first time may not be enough for IPython's own.
        page.keyboard.press("Tab")
        page.wait_for_timeout(1500)
        if editor.inner_text().endswith("destination"):
            break
    playwright.expect(editor).to_have_text("%enfyra query journey --fields destination")
    assert watched.errors == []


def test_a_click_in_the_matrix_of_permissions_writes_the_rule(watched, lab):
    write_notebook(
        lab.root / "access.ipynb",
        "%load_ext enfyra_jupyter",
        "%%enfyra table memo\ncolumns:\n  text: varchar",
        "%enfyra access /memo",
    )

    def status() -> int:
        return httpx.get(f"{lab.api}/memo").status_code

    page = watched.page
    run_all(page, lab, "access.ipynb")
    button = page.locator("button[title='everybody: GET /memo']")
    button.click(timeout=PATIENCE)
    page.wait_for_selector("text=everybody may now GET /memo", timeout=PATIENCE)
    assert status() == 200
    playwright.expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    page.wait_for_selector("text=everybody may no longer GET /memo", timeout=PATIENCE)
    assert status() == 401
    assert watched.errors == []
    assert watched.elsewhere == []


def take_picture(page: Any, path: Path) -> None:
    """Take the picture: the beginning of the notebook, to the first table that is live."""
    page.set_viewport_size({"width": 1180, "height": 1100})
    page.locator(".jp-WindowedPanel-outer").first.evaluate("panel => panel.scrollTo(0, 0)")
    page.add_style_tag(content=".jp-cell-toolbar, .jp-Collapser { visibility: hidden }")
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    first, *_, last = (page.locator(".jp-Cell").nth(number).bounding_box() for number in range(4))
    clip = {
        "x": first["x"],
        "y": first["y"],
        "width": first["width"] + 10,
        "height": last["y"] + last["height"] - first["y"] + 4,
    }
    page.screenshot(path=str(path), clip=clip)
    assert path.stat().st_size < 300_000
