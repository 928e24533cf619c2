"""Finding the server: the one that is named, the environment's, or the Jupyter Server around."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from jupyter_core.paths import jupyter_runtime_dir

from . import environment
from .client import LOOPBACK, ApiError, Client
from .credentials import Login, Token
from .keeping import Keeper

MOUNT = "enfyra"
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class JupyterServer:
    """A Jupyter Server that runs on this machine, as its info file tells.

    Attributes:
        url: As the kernel reaches it, with a slash at the end.
        base_url: The path of `url`, by which a browser reaches it too.
    """

    pid: int
    url: str
    base_url: str
    token: str

    def __repr__(self) -> str:
        return f"JupyterServer({self.url!r})"

    @property
    def api(self) -> str:
        """Where the API is, if the extension is there."""
        return f"{self.url}{MOUNT}"

    @property
    def auth(self) -> httpx.Auth | None:
        """What lets its owner in; None if it goes by password only."""
        return Token(self.token, "token") if self.token else None


def running_servers(runtime_dir: str | None = None) -> Iterator[JupyterServer]:
    """Give the Jupyter Servers whose info files are there.

    Jupyter Server's own function needs two seconds for its import, and may not be installed where
    the kernel is.
    """
    for file in sorted(Path(runtime_dir or jupyter_runtime_dir()).glob("jpserver-*.json")):
        try:
            info: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            url, pid = str(info["url"]), int(info["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if url.startswith(("http://", "https://")) and _alive(pid):
            yield JupyterServer(
                pid=pid,
                url=url,
                base_url=str(info.get("base_url") or "/"),
                token=str(info.get("token") or ""),
            )


def _alive(pid: int) -> bool:
    if os.name == "nt":
        # There a signal, even number 0, ends the process.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def own_server(env: Mapping[str, str] | None = None) -> JupyterServer | None:
    """Give the Jupyter Server that started this kernel, or the only one that runs."""
    env = os.environ if env is None else env
    servers = list(running_servers())
    parents = {os.getppid()}
    given = env.get("JPY_PARENT_PID", "")
    if given.isdigit():
        parents.add(int(given))
    for server in servers:
        if server.pid in parents:
            return server
    # Elsewhere (a kernel of an editor, a shell) there is no telling between several.
    return servers[0] if len(servers) == 1 else None


def connect(
    url: str | None = None,
    *,
    email: str | None = None,
    password: str | None = None,
    token: str | None = None,
) -> Client:
    """Connect to a server.

    Args:
        url: Where it is. Without one: `ENFYRA_URL`, or the Jupyter Server that runs this kernel.
        email: Who to log in as; `ENFYRA_EMAIL` without one.
        password: The password for that; `ENFYRA_PASSWORD` without one.
        token: A bearer token instead; `ENFYRA_TOKEN` without one.

    Raises:
        ApiError: NO_SERVER if none was found, or what the server said.

    Example:
        >>> client = connect("http://localhost:1105", email="ann@example.com")  # doctest: +SKIP
    """
    env = os.environ
    named = url or env.get(environment.URL)
    server = _at(named) if named else own_server()
    if server is not None:
        url, links = server.api, server.base_url + MOUNT
    elif named:
        url = links = checked(named)
    else:
        raise _no_server()
    fallback = server.auth if server is not None else None
    auth = _auth(url, email, password, token, fallback)
    kept = None
    if auth is None and (kept := Keeper().get(url)) is not None:
        auth = Token(kept.token)
    client = Client(url, auth, links=links)
    try:
        client.get("/health")
        if client.auth is not None:
            client.get("/me", fields="email")
    except ApiError as error:
        client.close()
        if kept is not None and error.status == _UNAUTHORIZED:
            error.hint = f"The login of {kept.email} has ended; %enfyra login begins another"
        raise
    return client


def address_of(url: str | None) -> str:
    """Give where the API is: at the address that is named, that of `ENFYRA_URL`, or here.

    Raises:
        ApiError: NO_SERVER.
    """
    named = url or os.environ.get(environment.URL)
    server = _at(named) if named else own_server()
    if server is not None:
        return server.api.rstrip("/")
    if named:
        return checked(named)
    raise _no_server()


def _no_server() -> ApiError:
    return ApiError(
        "NO_SERVER",
        "No server is named, and this kernel was started by no Jupyter Server that is known",
        hint="`%enfyra connect URL` names one, and so does the variable ENFYRA_URL",
    )


def _auth(
    url: str,
    email: str | None,
    password: str | None,
    token: str | None,
    fallback: httpx.Auth | None,
) -> httpx.Auth | None:
    """Choose: what is given, what the Jupyter Server lets in, what the environment gives."""
    env = os.environ
    if token:
        return Token(token)
    if email is None and fallback is not None:
        return fallback
    # A token of the environment is for the server that the environment names.
    ours = env.get(environment.URL, "").rstrip("/") in {"", url}
    if email is None and ours and env.get(environment.TOKEN):
        return Token(env[environment.TOKEN])
    email = email or (env.get(environment.EMAIL) if ours else None)
    password = password or env.get(environment.PASSWORD)
    if email is None:
        return None
    if not password:
        raise ApiError(
            "AUTHENTICATION_ERROR",
            f"There is no password for {email}",
            hint="Set the variable ENFYRA_PASSWORD",
        )
    return log_in(url, email, password)


def log_in(url: str, email: str, password: str) -> Login:
    """Log in with a password.

    Raises:
        ApiError: INVALID_CREDENTIALS.
    """
    with Client(url) as client:
        return Login(url, client.post("/auth/login", {"email": email, "password": password}))


def checked(url: str) -> str:
    """Give an address without its end; who puts secrets there is told not to.

    Example:
        >>> checked("http://localhost:1105/")
        'http://localhost:1105'
    """
    try:
        parts = urlsplit(url)
        # Who puts too much into it for a port is told here, too.
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ApiError("INVALID_URL", "The address has a name or port that no server has") from None
    if not known:
        raise ApiError("INVALID_URL", "The address must begin with http:// or https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ApiError(
            "INVALID_URL",
            "The address must hold no password, token or query",
            hint="Secrets belong in ENFYRA_TOKEN or ENFYRA_PASSWORD, not in a notebook",
        )
    return url.rstrip("/")


def _at(url: str) -> JupyterServer | None:
    """Give the running Jupyter Server that an address means, with or without the mount point."""
    wanted = _place(checked(url).removesuffix(f"/{MOUNT}"))
    for server in running_servers():
        if _place(server.url) == wanted:
            return server
    return None


def _place(url: str) -> tuple[str, int | None, str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return ("localhost" if host in LOOPBACK else host), port, parts.path.rstrip("/")
