"""JupyterLab in a process of its own, and a Chromium that watches what a page complains about."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest

from tests.jupyter.conftest import Server, start_server, stop_server

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


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Server]:
    """JupyterLab with the quickstart in its folder, for all tests."""
    root = tmp_path_factory.mktemp("lab")
    shutil.copy(project / "notebooks" / "quickstart.ipynb", root)
    for name, value in SETTINGS.items():
        file = root / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    # What is here, whatever an installation has copied.
    here = project / "jupyter_ext/labextensions"
    # Voila too: the server remembers for both where a file of that name has been found.
    extensions = [
        f"--{app}.extra_labextensions_path={here}" for app in ("LabServerApp", "VoilaConfiguration")
    ]
    server, process = start_server(
        root, *QUIET_LAB, *extensions, app="jupyterlab", ENFYRA_QUICKSTART_ROWS=ROWS
    )
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
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
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
    playwright = pytest.importorskip("playwright.sync_api")
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
    _run(page, 1)


def run_again(page: Any) -> None:
    """Run all cells of the notebook in the page once more."""
    cells = page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
    _run(page, 1 + max(int(one.strip("[]: \u00a0")) for one in cells))


def _run(page: Any, least: int) -> None:
    """Run all cells, and wait until each has a number from some one on."""
    page.click(".lm-MenuBar-itemLabel:text-is('Run')")
    page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
    page.wait_for_function(
        """least => {
            const cells = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
            const number = one => /^\\[(\\d+)\\]:/.exec(one.textContent.trim())?.[1] ?? -1;
            return cells.length > 0 && cells.every(one => Number(number(one)) >= least);
        }""",
        arg=least,
        timeout=PATIENCE,
    )
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=PATIENCE)


def begin_all(page: Any, notebook: Any) -> None:
    """Run all cells: a click before there is a kernel, which nothing shows, is lost."""
    prompt = notebook.locator(".jp-CodeCell .jp-InputPrompt").first
    end = time.monotonic() + PATIENCE / 1000
    while prompt.inner_text().strip() == "[ ]:":
        assert time.monotonic() < end, "there is no kernel"
        page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
        page.wait_for_timeout(500)


def write_notebook(path: Path, *cells: str) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
    )
    nbformat.write(notebook, path)
