"""Takes everything from a worker's process that scripts have no business with."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Iterable, Mapping

_CPU_SECONDS = 7200
_OPEN_FILES = 32
_OF_ALL = {"FSIZE": 0, "CORE": 0, "NOFILE": _OPEN_FILES}
# What would keep a zygote from forking, for as long as it should.
_OF_CHILDREN = {"NPROC": 0, "CPU": _CPU_SECONDS}
# Without these there is no sandbox on Linux worth the name.
REQUIRED = ("limits", "system calls")


class NotHardened(Exception):
    """A layer is missing that scripts must not run without."""


Layer = tuple[str, Callable[[], str]]


def harden(memory: int, parent: int) -> dict[str, str]:
    """Harden this process for good, and give what each layer has got.

    Args:
        memory: Bytes that may come on top of what the process has now.
        parent: The process that this one ends with.

    Raises:
        NotHardened: A required layer is missing.
    """
    size = _size_of_this()
    return _applied(
        [
            *_surroundings(parent),
            ("limits", lambda: _limit(_OF_CHILDREN | _OF_ALL | {"AS": size + memory})),
            *_calls(forking=False),
        ]
    )


def harden_zygote(memory: int, parent: int) -> dict[str, str]:
    """Harden this process, as far as it still has to fork others; see `harden`."""
    size = _size_of_this()
    return _applied(
        [
            *_surroundings(parent),
            ("limits", lambda: _limit(_OF_ALL | {"AS": size + memory})),
            *_calls(forking=True),
        ]
    )


def harden_child(zygote: int) -> dict[str, str]:
    """Take the rest from this process, which a hardened one has forked; see `harden`."""
    layers: list[Layer] = []
    if sys.platform == "linux":
        from . import linux

        layers = [("ends", lambda: linux.die_with(zygote))]
    limits: Layer = ("limits", lambda: _limit(_OF_CHILDREN))
    got = _applied([*layers, limits, *_calls(forking=False)])
    if got.get("ends", "").startswith("missing"):
        # Nobody could end it any more.
        raise NotHardened("the process that has forked this one is gone")
    return got


def _applied(layers: Iterable[Layer]) -> dict[str, str]:
    got: dict[str, str] = {}
    for name, layer in layers:
        try:
            got[name] = layer()
        except OSError as error:
            got[name] = f"missing: {error}"
            if name in REQUIRED:
                raise NotHardened(f"{name}: {error}") from None
    return got


def _surroundings(parent: int) -> list[Layer]:
    if sys.platform != "linux":
        return []
    from . import linux

    return [
        ("namespaces", linux.new_namespaces),
        ("root", linux.empty_root),
        ("user", linux.drop_identity),
        ("capabilities", linux.drop_capabilities),
        ("ends", lambda: linux.die_with(parent)),
        ("landlock", linux.landlock),
    ]


def _calls(*, forking: bool) -> list[Layer]:
    if sys.platform != "linux":
        return []
    from . import linux, seccomp

    return [("system calls", lambda: seccomp.restrict(linux.prctl, forking=forking))]


def _size_of_this() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 256 << 20


def _limit(limits: Mapping[str, int]) -> str:
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
    space = f"{limits['AS'] >> 20} MB of address space, " if "AS" in limits else ""
    text = f"{space}{_CPU_SECONDS} s of a processor"
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
