"""Starts JupyterLab with Enfyra on an embedded SQLite file; what `make run` calls.

python scripts/lab.py [--port 8888]
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / ".enfyra"
NOTEBOOK = "notebooks/quickstart.ipynb"
# Defaults for Lab's settings; what people choose in Lab wins, and is kept where it always is.
DEFAULTS = ROOT / "scripts" / "jupyter"
# What an installation has copied may be older than what is here.
LABEXTENSIONS = ROOT / "jupyter_ext" / "labextensions"
PATIENCE = 120.0


def main() -> int:
    """Run until JupyterLab ends."""
    parser = argparse.ArgumentParser(description="Start JupyterLab with Enfyra.")
    parser.add_argument("--port", type=int, default=8888, help="the port; the next if it is taken")
    port = free_port(parser.parse_args().port)
    DATA.mkdir(exist_ok=True)
    token = kept_token()
    process = subprocess.Popen(command(port), cwd=ROOT, env=environment(token))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.terminate())
    if wait_for(f"http://127.0.0.1:{port}", process):
        print(banner(port, token), flush=True)
    return process.wait()


def free_port(wanted: int) -> int:
    """Give the port, or the next one that nobody listens on."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit(f"make run: ports {wanted} and the 99 behind it are taken; set PORT")


def kept_token() -> str:
    """Give Jupyter's token, the same each time, so that an address can be kept."""
    path = DATA / "jupyter-token"
    if not path.exists():
        path.touch(0o600)
        path.write_text(secrets.token_hex(24))
    return path.read_text().strip()


def command(port: int) -> list[str]:
    """Give the command line."""
    options = [
        f"--port={port}",
        "--ServerApp.port_retries=0",
        # Else it is the folder of the notebook.
        f"--ServerApp.root_dir={ROOT}",
        f"--LabServerApp.extra_labextensions_path={LABEXTENSIONS}",
        # Lab would ask other hosts for news and for newer versions of itself.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    if not has_display():
        options.append("--no-browser")
    notebook = [NOTEBOOK] if (ROOT / NOTEBOOK).exists() else []
    return [sys.executable, "-m", "jupyterlab", *notebook, *options]


def has_display() -> bool:
    """Say whether there is a screen to open a browser on."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def environment(token: str) -> dict[str, str]:
    """Give the environment: Enfyra's database unless one is set, Jupyter's token and defaults."""
    # An interpreter's own folder first, so that Lab finds the kernel of this environment.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    uri = f"sqlite:///{DATA / 'enfyra.db'}"
    places = [str(DEFAULTS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return {
        "DB_URI": uri,
        **os.environ,
        "PATH": path,
        "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, places)),
        "JUPYTER_TOKEN": token,
    }


def wait_for(base: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the API answers; say whether it does.

    A database that cannot be reached is no reason to wait forever: Lab runs, and the log has told.
    """
    deadline = time.monotonic() + PATIENCE
    while status_of(f"{base}/enfyra/health") != 200:
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    for _ in range(10):
        time.sleep(1)
        if status_of(f"{base}/enfyra/ready") == 200:
            break
    return process.poll() is None


def status_of(url: str) -> int:
    """Give the status of an answer, 0 for none."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def banner(port: int, token: str) -> str:
    """Say where everything is."""
    base = f"http://localhost:{port}"
    notebook = f"lab/tree/{NOTEBOOK}" if (ROOT / NOTEBOOK).exists() else "lab"
    return (
        f"\n  JupyterLab  {base}/{notebook}?token={token}\n"
        f"  API         {base}/enfyra/\n"
        f"  API docs    {base}/enfyra/docs?token={token}\n"
        f"  Data        {DATA / 'enfyra.db'}\n\n"
        "  Ctrl-C stops it.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
