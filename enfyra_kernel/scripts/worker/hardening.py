"""Takes everything from a worker's process that scripts have no business with."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable

_CPU_SECONDS = 7200
_OPEN_FILES = 32
# Without these there is no sandbox on Linux worth the name.
REQUIRED = ("limits", "system calls")


class NotHardened(Exception):
    """A layer is missing that scripts must not run without."""


def harden(memory: int, parent: int) -> dict[str, str]:
    """Harden this process for good, and give what each layer has got.

    Args:
        memory: Bytes that may come on top of what the process has now.
        parent: The process that this one ends with.

    Raises:
        NotHardened: A required layer is missing.
    """
    layers: list[tuple[str, Callable[[], str]]] = []
    size = _size_of_this()
    if sys.platform == "linux":
        from . import linux, seccomp

        layers = [
            ("namespaces", linux.new_namespaces),
            ("root", linux.empty_root),
            ("user", linux.drop_identity),
            ("capabilities", linux.drop_capabilities),
            ("ends", lambda: linux.die_with(parent)),
            ("landlock", linux.landlock),
            ("limits", lambda: _limit(size + memory)),
            ("system calls", lambda: seccomp.restrict(linux.prctl)),
        ]
    else:
        layers = [("limits", lambda: _limit(size + memory))]
    got: dict[str, str] = {}
    for name, layer in layers:
        try:
            got[name] = layer()
        except OSError as error:
            got[name] = f"missing: {error}"
            if name in REQUIRED:
                raise NotHardened(f"{name}: {error}") from None
    return got


def _size_of_this() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 256 << 20


def _limit(memory: int) -> str:
    limits = {
        "FSIZE": 0,
        "CORE": 0,
        "NPROC": 0,
        "NOFILE": _OPEN_FILES,
        "CPU": _CPU_SECONDS,
        "AS": memory,
    }
    missing: list[str] = []
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        try:
            if kind is None:
                raise OSError
            hard = resource.getrlimit(kind)[1]
            least = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (least, least))
        except (OSError, ValueError):
            missing.append(name)
    if missing and sys.platform == "linux":
        raise OSError(f"{', '.join(missing)} cannot be limited")
    text = f"{memory >> 20} MB of address space, {_CPU_SECONDS} s of a processor"
    return f"{text}; without {', '.join(missing)}" if missing else text


def cpu_used() -> float:
    """Give which part of its time on a processor this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) / _CPU_SECONDS


def close_standard_files() -> None:
    """Let what is written by mistake go nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    if nowhere > 2:
        os.close(nowhere)
