"""A Jupyter Server with the extension, in a process of its own, and shells that talk to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from traitlets.config import Config

from enfyra_jupyter.client import ApiError, Client
from enfyra_jupyter.credentials import Token
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD, SECRET_KEY

TOKEN = "the-token-of-this-jupyter-server"
PATIENCE = 90.0


class Server(NamedTuple):
    """A Jupyter Server that runs."""

    url: str
    base_url: str
    token: str
    pid: int
    runtime_dir: Path
    root: Path
    environment: dict[str, str]

    @property
    def api(self) -> str:
        return f"{self.url}enfyra"


def start_server(
    root: Path,
    *arguments: str,
    app: str = "jupyter_server",
    answers: bool = True,
    **environment: str,
) -> tuple[Server, subprocess.Popen[bytes]]:
    """Start a Jupyter Server in a folder; its runtime files are there too.

    Args:
        answers: Whether to wait until the API answers.
    """
    root.mkdir(parents=True, exist_ok=True)
    runtime = root / "runtime"
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENFYRA_")},
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
        "IPYTHONDIR": str(root / "ipython"),
        "JUPYTER_TOKEN": TOKEN,
        "SECRET_KEY": SECRET_KEY,
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "ENFYRA_PASSWORD_MEMORY": "32",
        "ENFYRA_PASSWORD_PASSES": "1",
        "DB_URI": f"sqlite:///{root / 'enfyra.db'}",
        **environment,
    }
    log = (root / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", app, "--no-browser", "--allow-root", "--ServerApp.port=0",
         "--ServerApp.base_url=/user/ann/", f"--ServerApp.root_dir={root}", *arguments],
        env=env, cwd=root, stdout=log, stderr=log,
    )  # fmt: skip
    log.close()
    try:
        info = _info(process, runtime, root)
        server = Server(
            info["url"], info["base_url"], info["token"], info["pid"], runtime, root, env
        )
        if answers:
            _wait_for(server)
    except BaseException:
        stop_server(process)
        raise
    return server, process


def _info(process: subprocess.Popen[bytes], runtime: Path, root: Path) -> dict[str, Any]:
    file = runtime / f"jpserver-{process.pid}.json"
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            return json.loads(file.read_text())
        except (OSError, ValueError):
            time.sleep(0.05)
    raise AssertionError((root / "server.log").read_text())


def _wait_for(server: Server) -> None:
    end = time.monotonic() + PATIENCE
    with Client(server.api, Token(server.token, "token")) as client:
        while True:
            try:
                client.get("/me")
            except ApiError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
            else:
                return


def stop_server(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Jupyter Server, for all tests; they leave no tables behind."""
    server, process = start_server(tmp_path_factory.mktemp("jupyter") / "a")
    yield server
    stop_server(process)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """The owner's connection; the tables that a test has defined go when it ends."""
    with Client(server.api, Token(server.token, "token"), links="/user/ann/enfyra") as client:
        yield client
        drop_tables(client)


def drop_tables(client: Client) -> None:
    for table in client.get("/metadata")["data"]["tables"]:
        if not table["isSystem"]:
            path = f"/table_definition/{table['id']}"
            preview = client.send("DELETE", path, params={"preview": True})["data"][0]
            hash_ = preview["requiredConfirmHash"]
            client.send("DELETE", path, params={"schemaConfirmHash": hash_})


@pytest.fixture
def enfyra_environment(monkeypatch: pytest.MonkeyPatch, server: Server) -> pytest.MonkeyPatch:
    """The environment of a kernel that the Jupyter Server has started."""
    for name in [name for name in os.environ if name.startswith("ENFYRA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.runtime_dir))
    monkeypatch.setenv("JPY_PARENT_PID", str(server.pid))
    return monkeypatch


class Shell:
    """A real IPython shell with the extension loaded."""

    def __init__(self, shell: InteractiveShell, read: Callable[[], Any]) -> None:
        self.shell = shell
        self._read = read

    def run(self, cell: str) -> Any:
        """Run a cell; give its result."""
        done = self._run(cell)
        done.raise_error()
        return done.result

    def refused(self, cell: str) -> str:
        """Run a cell that is wrong; give the message, which comes without a traceback."""
        self._read()
        done = self._run(cell)
        assert isinstance(done.error_in_exec, UsageError), done
        shown = self._read()
        assert "Traceback" not in shown.out + shown.err
        assert "UsageError: " in shown.err, shown
        return str(done.error_in_exec)

    def _run(self, cell: str) -> ExecutionResult:
        return self.shell.run_cell(cell)

    @property
    def session(self) -> Any:
        return self.shell.magics_manager.registry["EnfyraMagics"].session

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.shell.user_ns[name] = value


@pytest.fixture
def bare_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real IPython shell without the extension."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    yield shell
    shell.run_line_magic("unload_ext", "enfyra_jupyter")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.fixture
def shell(
    bare_shell: InteractiveShell,
    enfyra_environment: Any,
    client: Client,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """A shell in a kernel of `server`, with `%load_ext enfyra_jupyter` done."""
    bare_shell.run_line_magic("load_ext", "enfyra_jupyter")
    # What stands in for the magic makes room for it.
    bare_shell.run_line_magic("enfyra", "help")
    return Shell(bare_shell, capsys.readouterr)
