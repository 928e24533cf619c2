"""pip, in a process of its own that knows none of our secrets."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from packaging.utils import parse_wheel_filename

from ...logs import get_logger
from .progress import Say

_log = get_logger("packages")

# What an operator may set for pip; the rest of our environment is nothing for it.
_PASSED_ON = re.compile(
    r"PIP_\w+|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|PATH|LANG|LC_\w+"
    r"|SYSTEMROOT|TEMP|TMP|TMPDIR",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_LONGEST_ERROR = 2000
# Where pip looks is the operator's affair.
_NO_PROGRESS = "Looking in "


class PipFailed(Exception):
    """pip has not done what it was asked for; the message says why, without credentials."""


class Pip:
    """Fetches packages, and puts them into folders.

    Only wheels of pure Python: what a package brings is unpacked, and never run.

    Args:
        folder: Where fetched packages are kept, and where pip may write.
    """

    def __init__(self, folder: Path) -> None:
        self._home = folder
        self._wheels = folder / "wheels"
        self._from_here = (*_PURE, "--find-links", str(self._wheels))

    async def fetch(self, requirements: Sequence[str], say: Say) -> None:
        """Fetch packages with what they need, so that `install` finds them.

        Args:
            say: Called with each line that pip says, without credentials.

        Raises:
            PipFailed: They could not be had.
        """
        await asyncio.to_thread(self._wheels.mkdir, parents=True, exist_ok=True)
        await self._run(
            say, "download", "--dest", str(self._wheels), *self._from_here, "--", *requirements
        )

    async def install(self, requirements: Sequence[str], target: Path, say: Say) -> None:
        """Put packages that have been fetched into a folder, with what they need; see `fetch`.

        Raises:
            PipFailed: It could not be done.
        """
        await self._run(
            say, "install", "--target", str(target), "--no-index", *self._from_here, "--no-compile",
            "--no-warn-script-location", "--", *requirements,
        )  # fmt: skip

    async def keep_only(self, installed: Mapping[str, str]) -> None:
        """Forget fetched packages that are not installed."""
        await asyncio.to_thread(self._delete_others, installed)

    def _delete_others(self, installed: Mapping[str, str]) -> None:
        for path in self._wheels.glob("*.whl"):
            name, version, *_ = parse_wheel_filename(path.name)
            if installed.get(name) != str(version):
                path.unlink(missing_ok=True)

    async def _run(self, say: Say, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-m", "pip", *_QUIET, *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._home,
            env={**_environment(), "HOME": str(self._home)},
            start_new_session=True,
        )  # fmt: skip
        said: list[str] = []
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            async for line in process.stdout:
                text = _CREDENTIALS.sub("***@", line.decode(errors="replace").strip())
                said.append(text)
                if not text.startswith(_NO_PROGRESS):
                    say(text)
                _log.info("pip", extra={"said": text})
            code = await process.wait()
        except ValueError:
            raise PipFailed("pip has said something that is too long to read") from None
        finally:
            await _kill(process)
        if code:
            raise PipFailed(_reason(said))


_QUIET = ("--no-input", "--disable-pip-version-check", "--no-color", "--no-cache-dir")
# `py3-none-any` and nothing else: such a wheel works in any Python, and holds no machine code.
_PURE = (
    "--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none",
    "--progress-bar", "off",
)  # fmt: skip


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if _PASSED_ON.fullmatch(name)}


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End a process that still runs, and those that it has started."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    await process.wait()


def _reason(said: Sequence[str]) -> str:
    """Give what pip says was wrong.

    Example:
        >>> _reason(["Looking", "ERROR: No matching distribution found for nix"])
        'No matching distribution found for nix'
    """
    if any("No module named pip" in line for line in said):
        return "The server's Python has no pip"
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    return "\n".join(errors or said[-3:] or ["pip has failed"])[-_LONGEST_ERROR:]
