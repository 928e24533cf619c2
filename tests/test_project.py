"""The project's own files: what a stranger runs first."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest
from jupyter_server.services.config.manager import ConfigManager

from .docs.blocks import ROOT, blocks_of

TARGETS = ("run", "serve", "test", "lint", "bench", "docs", "help", "clean")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lab() -> ModuleType:
    return script("lab")


@pytest.fixture(scope="module")
def services() -> ModuleType:
    return script("services")


# -- what it depends on ---------------------------------------------------------------------------


def names_of_imports(text: str) -> set[str]:
    """Give the first part of every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


# Finds prose, too, that begins with these words: then it is read as Python is.
_LIKE_AN_IMPORT = re.compile(r"^\s*(?:from|import) +(\w+)", re.MULTILINE)


def test_every_library_that_is_imported_is_declared() -> None:
    """What happens to be installed here need not be where somebody runs the tests next."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared: set[str] = set()
    for one in (*project["dependencies"], *chain(*project["optional-dependencies"].values())):
        declared.add(re.split(r"[^\w.-]", one)[0].lower().replace("_", "-"))
    # The type checker's own; and what pydantic wants in exactly one version.
    ours = {
        "_typeshed",
        "pydantic_core",
        "enfyra_kernel",
        "enfyra_server",
        "enfyra_jupyter",
        "tests",
    }
    providers = packages_distributions()

    def undeclared(names: set[str]) -> set[str]:
        return {
            name
            for name in names - ours - sys.stdlib_module_names
            if not declared & {one.lower().replace("_", "-") for one in providers.get(name, [name])}
        }

    missing: dict[str, str] = {}
    for room in ("enfyra_kernel", "server", "jupyter_ext", "tests", "scripts"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text()
            if undeclared(set(_LIKE_AN_IMPORT.findall(text))):
                missing |= dict.fromkeys(undeclared(names_of_imports(text)), str(path))
    assert missing == {}


# -- make -----------------------------------------------------------------------------------------


def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_help_lists_every_target() -> None:
    listed = re.findall(r"make (\w+)", make("help"))
    assert set(TARGETS) <= set(listed)


def test_a_python_that_is_too_old_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "pyproject.toml").write_text("")
    command = ["make", "-C", str(tmp_path), "lint", "PYTHON="]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "Python 3.11 or newer is needed" in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_continuous_integration_runs_the_tests() -> None:
    path = ROOT / ".ci" / "run"
    assert os.access(path, os.X_OK)
    assert "make test" in path.read_text()


def test_every_extra_that_make_installs_exists() -> None:
    stamps = re.findall(r"\.installed-([a-z,]+)", (ROOT / "Makefile").read_text())
    wanted = {extra for stamp in stamps for extra in stamp.split(",")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert wanted <= set(project["optional-dependencies"])


def test_examples_are_the_same_each_time(pytestconfig: pytest.Config) -> None:
    wanted = pytestconfig.getoption("--hypothesis-profile") != "search"
    assert hypothesis.settings().derandomize is wanted


# -- CONTRIBUTING ---------------------------------------------------------------------------------


def test_the_floors_are_those_that_are_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    floors = project["tool"]["importlinter"]["contracts"][0]["layers"]
    # In brackets stands what may not be there.
    checked = [re.sub(r"enfyra_kernel\.|[()]", "", floor) for floor in floors]
    drawn = next(
        block.text.splitlines()
        for block in blocks_of(ROOT / "CONTRIBUTING.md")
        if block.text.startswith("enfyra_jupyter")
    )
    assert drawn == checked


def test_folders_that_are_named_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"^\| `([a-z_/]+/)` \|", text, re.MULTILINE)
    assert named
    assert not [folder for folder in named if not (ROOT / folder).is_dir()]


# -- make run -------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_passed_over(lab: ModuleType) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        taken = one.getsockname()[1]
        assert lab.free_port(taken) > taken


def test_the_token_is_kept(
    lab: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "DATA", tmp_path)
    token = lab.kept_token()
    assert len(token) >= 32
    assert lab.kept_token() == token
    assert (tmp_path / "jupyter-token").stat().st_mode & 0o077 == 0


def test_root_may_run_it(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.os, "geteuid", lambda: 0)
    assert "--allow-root" in lab.command(8888)
    monkeypatch.setattr(lab.os, "geteuid", lambda: 1000)
    assert "--allow-root" not in lab.command(8888)


def test_without_a_screen_no_browser_is_opened(
    lab: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "--no-browser" in lab.command(8888)
    monkeypatch.setenv("DISPLAY", ":0")
    assert "--no-browser" not in lab.command(8888)


def test_the_token_is_in_no_command_line(lab: ModuleType) -> None:
    assert lab.environment("abc")["JUPYTER_TOKEN"] == "abc"
    assert "token" not in " ".join(lab.command(8888)).lower()


def test_the_banner_says_where_everything_is(lab: ModuleType) -> None:
    banner = lab.banner(8888, "abc")
    assert "http://localhost:8888/lab/tree/notebooks/quickstart.ipynb?token=abc" in banner
    # Addresses in Lab begin at this folder, which would be the notebook's own.
    assert f"--ServerApp.root_dir={ROOT}" in lab.command(8888)
    assert "http://localhost:8888/enfyra/" in banner


def test_lab_does_not_ask_about_news(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/of/the/user")
    places = lab.environment("abc")["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert places[1:] == ["/of/the/user"]
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", places[0])
    overrides = ConfigManager(config_dir_name="labconfig").get("default_setting_overrides")
    notification = overrides["@jupyterlab/apputils-extension:notification"]
    assert notification == {"fetchNews": "false", "checkForUpdates": False}


# -- make test ------------------------------------------------------------------------------------


def test_programs_are_found_by_name_and_by_place(services: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "16" / "bin").mkdir(parents=True)
    (tmp_path / "16" / "bin" / "postgres").touch()
    by_place = services.Program("p", (f"{tmp_path}/*/bin/postgres",), "tests")
    assert by_place.there
    assert services.Program("p", ("no-such-program", "sh"), "tests").there
    assert not services.Program("p", ("no-such-program", "/no/such/place"), "tests").there


def test_what_is_missing_is_said(
    services: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = services.Program("some-server", ("no-such-program",), "some tests")
    monkeypatch.setattr(services, "PROGRAMS", (missing,))
    monkeypatch.setattr(services, "mongod", lambda: None)
    monkeypatch.setattr(services.os, "geteuid", lambda: 1000)
    assert services.main() == 0
    assert "apt-get install some-server" in capsys.readouterr().out


def test_root_installs_what_is_missing(
    services: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = services.Program("some-server", ("no-such-program",), "some tests")
    installed: list[str] = []
    monkeypatch.setattr(services, "PROGRAMS", (missing,))
    monkeypatch.setattr(services, "mongod", lambda: None)
    monkeypatch.setattr(services, "install", installed.extend)
    monkeypatch.setattr(services.os, "geteuid", lambda: 0)
    monkeypatch.setattr(services.shutil, "which", lambda name: name if name == "apt-get" else None)
    services.main()
    assert installed == ["some-server"]
