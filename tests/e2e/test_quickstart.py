"""The quickstart in a real browser: JupyterLab, Run All Cells, and nothing goes wrong.

    ENFYRA_SCREENSHOT=docs/images/quickstart.png pytest tests/e2e -m browser

takes the picture in the documentation.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import nbformat
import pytest

from tests.jupyter.conftest import Server, start_server, stop_server

playwright = pytest.importorskip("playwright.sync_api")

# Playwright's loop goes on between tests, where nothing may watch it.
pytestmark = [pytest.mark.browser, pytest.mark.may_block]

CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
SCREENSHOT = os.environ.get("ENFYRA_SCREENSHOT")
# The picture shows the whole year.
ROWS = "336776" if SCREENSHOT else "3000"
PATIENCE = 90_000
QUIET_LAB = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)
SETTINGS = {
    # Cells that are out of sight are in the page all the same.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
# What Lab itself complains about, word for word the beginning of each.
BENIGN: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Server]:
    """JupyterLab with the quickstart in its folder."""
    root = tmp_path_factory.mktemp("lab")
    shutil.copy(project / "notebooks" / "quickstart.ipynb", root)
    for name, value in SETTINGS.items():
        file = root / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    server, process = start_server(root, *QUIET_LAB, app="jupyterlab", ENFYRA_QUICKSTART_ROWS=ROWS)
    yield server
    stop_server(process)


class Watched:
    """A page, and everything it complained about or asked for elsewhere."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page = page
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        home = urlsplit(server.url).netloc
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._see(request.url, home))
        page.on("websocket", lambda socket: self._see(socket.url, home))

    def _hear(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith(BENIGN or ("\0",)):
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def _see(self, url: str, home: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob", "about"} and parts.netloc != home:
            self.elsewhere.append(url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def watched(browser: Any, lab: Server) -> Iterator[Watched]:
    context = browser.new_context(
        viewport={"width": 1180, "height": 900}, device_scale_factor=1.5 if SCREENSHOT else 1
    )
    yield Watched(context.new_page(), lab)
    context.close()


def run_all(page: Any, server: Server, notebook: str = "quickstart.ipynb") -> None:
    page.goto(f"{server.url}lab/tree/{notebook}?token={server.token}&reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=PATIENCE)
    # The indicator is idle, too, before there is a kernel.
    page.wait_for_selector("text='Python 3 (ipykernel) | Idle'", timeout=PATIENCE)
    page.click(".lm-MenuBar-itemLabel:text-is('Run')")
    page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
    page.wait_for_function(
        """() => {
            const cells = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
            const done = one => /^\\[\\d+\\]:/.test(one.textContent.trim());
            return cells.length > 0 && cells.every(done);
        }""",
        timeout=PATIENCE,
    )
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=PATIENCE)


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
    page = watched.page
    run_all(page, lab)
    editor = page.locator(".jp-Notebook .jp-CodeCell").last.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("%enfyra query flights --fields destinat")
    for _ in range(10):
        # Lab gives the kernel a second, which the first time may not be enough for IPython's own.
        page.keyboard.press("Tab")
        page.wait_for_timeout(1500)
        if editor.inner_text().endswith("destination"):
            break
    playwright.expect(editor).to_have_text("%enfyra query flights --fields destination")
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
    playwright.expect(button).to_have_class(re.compile("mod-active"))
    button.click()
    page.wait_for_selector("text=everybody may no longer GET /memo", timeout=PATIENCE)
    assert status() == 401
    assert watched.errors == []
    assert watched.elsewhere == []


def write_notebook(path: Path, *cells: str) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
    )
    nbformat.write(notebook, path)


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
