"""Runs the blocks of one page in order: what one of them sets, the next ones have."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD

from .blocks import SHELLS, SHOWN, Block
from .compare import json_problem, text_problem
from .kernel import Cells
from .server import SAID, LiveServer

_HEADER = re.compile(r"([A-Z][A-Za-z-]*): (.+)")
_REQUEST = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/\S.*)")
_STATUS = re.compile(r"^STATUS (\d{3})$", re.MULTILINE)


class Failed(AssertionError):
    """An example does not do what the page says."""


class Session:
    """The examples of one page.

    Attributes:
        last: What the last block gave.
    """

    def __init__(self, server: LiveServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._state = folder / "state.sh"
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._cells: Cells | None = None
        self.last = ""
        self._wrap_curl()

    def close(self) -> None:
        if self._cells is not None:
            self._cells.close()

    def run(self, block: Block) -> None:
        """Run a block, or hold the last answer against it."""
        if block.reason is not None:
            return
        try:
            self._dispatch(block)
        except Failed as error:
            raise Failed(f"{block.place}: {error}\n{self._tail()}") from None

    def _dispatch(self, block: Block) -> None:
        if block.is_output:
            self._compare(block)
        elif block.language in SHELLS:
            self._shell(block)
        elif block.language == "http":
            self._http(block)
        elif block.language == "python" or block.is_cell:
            self._python_or_cell(block)
        elif block.language not in SHOWN:
            raise Failed(f"nobody runs blocks of {block.language!r}; mark it no-run: reason")

    def _tail(self) -> str:
        return "\n".join(self._server.log.read_text().splitlines()[-3:])

    def _here(self, text: str) -> str:
        return text.replace(SAID, self._server.url)

    # -- output ---------------------------------------------------------------------------------

    def _compare(self, block: Block) -> None:
        if block.language == "json":
            problem = json_problem(json.loads(block.text), json.loads(self.last))
        else:
            problem = text_problem(block.text, self.last.replace(self._server.url, SAID))
        if problem is not None:
            raise Failed(f"{problem}\nThe answer is:\n{_pretty(self.last)}")

    # -- a shell --------------------------------------------------------------------------------

    def _wrap_curl(self) -> None:
        """Have curl tell the status, which it keeps to itself."""
        curl = shutil.which("curl")
        folder = self._folder / "bin"
        folder.mkdir()
        wrapper = folder / "curl"
        wrapper.write_text(
            f"#!/bin/sh\nexec {curl} -w '%{{stderr}}STATUS %{{http_code}}\\n' \"$@\"\n"
        )
        wrapper.chmod(0o755)

    def _shell(self, block: Block) -> None:
        text = block.text
        if block.language == "console":
            lines = [line for line in text.splitlines() if line.startswith("$ ")]
            text = "\n".join(line.removeprefix("$ ") for line in lines)
        state = shlex.quote(str(self._state))
        script = f"set -aeuo pipefail\n[ -f {state} ] && . {state}\n{self._here(text)}\n"
        script += f"export -p > {state}\n"
        own = Path(sys.executable).parent
        path = f"{self._folder / 'bin'}:{own}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env={**os.environ, "PATH": path, "TOKEN": self._server.token},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.last = done.stdout
        if done.returncode:
            raise Failed(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        statuses = [int(found) for found in _STATUS.findall(done.stderr)]
        self._check_status(block, statuses, done.stdout)

    def _check_status(self, block: Block, statuses: list[int], answer: str) -> None:
        expected = block.expected_status
        *before, last = statuses or [expected or 200]
        wrong = [one for one in before if one >= 400]
        wrong += [last] if (last != expected if expected is not None else last >= 400) else []
        if wrong:
            raise Failed(f"status {wrong[0]}\n{_pretty(answer)}")

    # -- bare requests --------------------------------------------------------------------------

    def _http(self, block: Block) -> None:
        for method, path, body, headers in _requests(block.text):
            content = body.encode() if body else None
            status, answer = self._server.request(
                method, path, content, headers, anonymous="anonymous" in block.words
            )
            self.last = answer.decode(errors="replace")
            self._check_status(block, [status], self.last)

    # -- Python ---------------------------------------------------------------------------------

    def _python_or_cell(self, block: Block) -> None:
        if block.is_cell or (self._cells is not None and "script" not in block.words):
            self._cell(block)
        else:
            self._script(block)

    def _script(self, block: Block) -> None:
        printed = io.StringIO()
        code = compile(self._here(block.text), block.place, "exec", dont_inherit=True)
        with contextlib.chdir(self._folder), contextlib.redirect_stdout(printed):
            exec(code, self._names)
        self.last = printed.getvalue()

    def _cell(self, block: Block) -> None:
        if self._cells is None:
            self._cells = Cells(
                self._folder,
                {
                    "JUPYTER_CONFIG_DIR": str(self._folder / "config"),
                    "ENFYRA_URL": self._server.url,
                    "ENFYRA_TOKEN": self._server.token,
                    "ENFYRA_EMAIL": ADMIN_EMAIL,
                    "ENFYRA_PASSWORD": ADMIN_PASSWORD,
                },
            )
        self.last, problem = self._cells.run(self._here(block.text))
        if problem is not None:
            raise Failed(problem)


def _requests(text: str) -> list[tuple[str, str, str, dict[str, str]]]:
    """Give method, path, body and headers of each request in a text."""
    requests: list[tuple[str, str, str, dict[str, str]]] = []
    for line in text.splitlines():
        found = _REQUEST.fullmatch(line)
        if found is not None:
            requests.append((found[1], found[2], "", {}))
        elif line.strip() and requests:
            method, path, body, headers = requests[-1]
            header = _HEADER.fullmatch(line)
            if header is not None and not body:
                headers[header[1]] = header[2]
            else:
                requests[-1] = (method, path, f"{body}{line}\n", headers)
    if not requests:
        raise Failed("there is no request in the block")
    return requests


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
