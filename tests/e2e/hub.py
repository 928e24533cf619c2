"""A real JupyterHub, configured as the documentation says, and people who use it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.docs.blocks import ROOT, blocks_of
from tests.processes import environment
from tests.services.base import free_port

PATIENCE = 120.0
PASSWORD = "a password of everybody's"
# What a real Hub has of its own: where it is, who may log in, and how it starts servers.
_OWN = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}/"
c.JupyterHub.hub_port = {api_port}
c.JupyterHub.db_url = "sqlite:///:memory:"
c.JupyterHub.cookie_secret = bytes(32)
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = {password!r}
c.Authenticator.allowed_users = {{"ann", "ben"}}
c.Authenticator.admin_users = {{"ann"}}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = {arguments!r}
c.Spawner.http_timeout = c.Spawner.start_timeout = 120
"""
# Of the applications that servers can show the smallest, without the others' extensions.
_APP = """
c.Spawner.environment["JUPYTERHUB_SINGLEUSER_APP"] = "jupyter_server.serverapp.ServerApp"
"""
_NOT_NEEDED = ("jupyterlab", "jupyter_lsp", "notebook", "notebook_shim", "voila.server_extension")
_ARGUMENTS = [
    "--allow-root",
    "--ServerApp.allow_unauthenticated_access=False",
    *(f"--ServerApp.jpserver_extensions={name}=False" for name in _NOT_NEEDED),
]


def documented(central: str) -> str:
    """Give the part of a Hub's configuration that docs/jupyter.md shows, for a central server."""
    [block] = [one for one in blocks_of(ROOT / "docs" / "jupyter.md") if "c.Spawner." in one.text]
    assert "http://enfyra:1105" in block.text
    return block.text.replace("http://enfyra:1105", central)


class Hub:
    """A JupyterHub in a process of its own, with its proxy.

    Use as a context manager: it is stopped at the end, and with it the servers that it started.

    Args:
        api_port: Where its API is to be.
        central: The address of Enfyra's central server.
    """

    def __init__(self, folder: Path, api_port: int, central: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        own = _OWN.format(
            port=port, api_port=api_port, proxy_port=free_port(), password=PASSWORD,
            proxy=str(Path(sys.executable).parent / "configurable-http-proxy"),
            homes=str(folder / "{username}"), python=sys.executable, arguments=_ARGUMENTS,
        )  # fmt: skip
        config = folder / "jupyterhub_config.py"
        config.write_text(own + documented(central) + _APP)
        with (folder / "hub.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "--config", str(config)],
                env=environment({}), cwd=folder, stdout=log, stderr=log,
            )  # fmt: skip

    def __enter__(self) -> Hub:
        try:
            self.wait_for(self._answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        started = self.processes()
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for one in started:
                with suppress(psutil.Error):
                    one.kill()
            self._process.kill()
            self._process.wait()

    @property
    def log(self) -> str:
        """What the Hub, its proxy and the servers of its people have said."""
        return (self.folder / "hub.log").read_text(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """Give the proxy, the servers of people, and what these have started."""
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.Error:
            return []

    def files(self) -> list[str]:
        """Give the names of all files in the homes of people, and of those that are open."""
        found = [name for _, _, names in os.walk(self.folder) for name in names]
        for one in self.processes():
            # One of them may end meanwhile.
            with suppress(psutil.Error):
                found += [Path(file.path).name for file in one.open_files()]
        return found

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/hub/health").status_code == 200
        except httpx.HTTPError:
            return False

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """Wait until something holds that nobody tells; give what it is."""
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.2)
        return found


class Person:
    """Somebody at a browser; to be closed."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub, self.name = hub, name
        self.browser = httpx.Client(base_url=hub.url, follow_redirects=True, timeout=PATIENCE)

    def close(self) -> None:
        """Close the browser."""
        self.browser.close()

    def log_in(self) -> None:
        """Log in at the Hub, which begins to start the server."""
        self.browser.get("/hub/login")
        fields = {"username": self.name, "password": PASSWORD, "_xsrf": self._xsrf("/hub/")}
        answer = self.browser.post("/hub/login", data=fields)
        assert answer.status_code == 200, answer.text

    def log_out(self) -> None:
        """Log out at the Hub."""
        assert self.browser.get("/hub/logout").status_code == 200

    def copied(self) -> Person:
        """Give somebody who has a copy of all cookies."""
        other = Person(self.hub, self.name)
        for cookie in self.browser.cookies.jar:
            other.browser.cookies.jar.set_cookie(copy(cookie))
        return other

    def _xsrf(self, path: str) -> str:
        [found] = [
            one.value
            for one in self.browser.cookies.jar
            if (one.name, one.path) == ("_xsrf", path) and one.value
        ]
        return found

    # -- servers --------------------------------------------------------------------------------

    def open_server(self) -> None:
        """Go to one's own server, by way of the Hub, as soon as it has started."""
        self.hub.wait_for(self._has_started)
        assert self.visit(self.name).url.path == f"/user/{self.name}/enfyra/docs"

    def _has_started(self) -> bool:
        pending = f"/hub/spawn-pending/{self.name}"
        return self.browser.get(pending, follow_redirects=False).is_redirect

    def visit(self, whose: str) -> httpx.Response:
        """Go to a page of ours in somebody's server; let the Hub tell it who comes, if it asks."""
        answer = self.browser.get(f"/user/{whose}/enfyra/docs")
        if answer.url.path != "/hub/api/oauth2/authorize" or answer.status_code != 200:
            return answer
        scopes = re.findall(r'name="scopes" value="([^"]+)"', answer.text)
        fields = {"_xsrf": self._xsrf("/hub/"), "scopes": scopes}
        return self.browser.post(answer.url, data=fields, headers={"Referer": str(answer.url)})

    def send(self, method: str, path: str, body: Any = None, *, whose: str = "") -> httpx.Response:
        """Send a request below the mount point of a server, as a page of it does."""
        home = f"/user/{whose or self.name}/"
        headers = {}
        if method != "GET":
            headers["X-XSRFToken"] = self._xsrf(home)
        return self.browser.request(
            method, f"{home}enfyra{path}", json=body, headers=headers, follow_redirects=False
        )

    # -- tokens ---------------------------------------------------------------------------------

    def token_of_server(self) -> str:
        """Give what the server's notebooks have to show."""
        found = set[str]()
        for one in self.hub.processes():
            # One of them may end meanwhile.
            with suppress(psutil.Error):
                variables = one.environ()
                if variables.get("JUPYTERHUB_USER") == self.name:
                    found.add(variables["ENFYRA_TOKEN"])
        [token] = found
        return token

    def make_token(self, *scopes: str) -> str:
        """Make a token at the Hub: with all that one may, unless there are scopes."""
        answer = self.browser.post(
            f"/hub/api/users/{self.name}/tokens",
            json={"scopes": scopes} if scopes else {},
            headers={"X-XSRFToken": self._xsrf("/hub/")},
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]
