"""The files of the extension of JupyterLab fit each other, and get to where JupyterLab looks."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from enfyra_kernel.version import VERSION
from jupyterlab_server.config import get_page_config

NAME = "@enfyra/lab"
# What is named without being loaded.
NAMES_ONLY = ("http://www.w3.org/2000/svg",)


@pytest.fixture(scope="module")
def folder(project: Path) -> Path:
    return project / "jupyter_ext" / "labextensions" / NAME


def test_lab_finds_the_container(folder: Path) -> None:
    found = get_page_config([str(folder.parents[1])])["federated_extensions"]
    [one] = [one for one in found if one["name"] == NAME]
    container = (folder / one["load"]).read_text()
    assert f'window._JUPYTERLAB["{NAME}"] =' in container
    assert f'module !== "{one["extension"]}"' in container
    [module] = re.findall(r'import\(new URL\("([^"]+)", here\)\)', container)
    assert "export function plugins(" in (folder / module).read_text()


def test_browsers_ask_whether_a_file_is_new(folder: Path) -> None:
    """What is below a folder of this name, Lab has them keep for a year."""
    assert not list(folder.rglob("static"))


def test_modules_import_what_is_there_and_nothing_from_elsewhere(folder: Path) -> None:
    for path in folder.glob("*.js"):
        text = path.read_text()
        for names, source in re.findall(r'^import \{ (.+) \} from "(.+)";$', text, re.MULTILINE):
            exported = (folder / source).read_text()
            for name in names.split(", "):
                assert re.search(rf"^export .*\b{name}\b", exported, re.MULTILINE), (path, name)
        addresses = re.findall(r"https?://[^\s\"'`)]+", text)
        assert set(addresses) <= set(NAMES_ONLY), path


def test_its_version_is_that_of_the_package(folder: Path) -> None:
    assert json.loads((folder / "package.json").read_text())["version"] == VERSION


def test_installing_puts_it_in_place(project: Path) -> None:
    wheel = tomllib.loads((project / "pyproject.toml").read_text())
    wheel = wheel["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["shared-data"]["jupyter_ext/labextensions"] == "share/jupyter/labextensions"
