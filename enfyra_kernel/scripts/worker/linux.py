"""Layers of the sandbox that only Linux has."""

from __future__ import annotations

import ctypes
import os
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

_NOBODY = 65534
_NEW_MOUNTS = 0x00020000
_NEW_NAMES = 0x04000000 | 0x08000000  # hostname, System V IPC
_NEW_USERS = 0x10000000
_NEW_NETWORK = 0x40000000
_PRIVATE = 0x44000  # MS_REC | MS_PRIVATE
_EMPTY = 0x0E  # MS_NOSUID | MS_NODEV | MS_NOEXEC
_READ_ONLY = 0x21  # MS_REMOUNT | MS_RDONLY
_DETACH = 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_DIE_WITH_PARENT, _DUMPABLE, _DROP_BOUND, _AMBIENT = 1, 4, 24, 47
_CLEAR_AMBIENT = 4
_CAPABILITIES = 0x20080522
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
# The rights on files that each version of Landlock knows, up to the fifth.
_FILE_RIGHTS = (0, 0x1FFF, 0x3FFF, 0x7FFF, 0x7FFF, 0xFFFF)
_NETWORK_RIGHTS = 3

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(*arguments: int) -> int:
    """Call `prctl`."""
    return _checked(_libc.prctl(*(ctypes.c_ulong(one) for one in arguments)))


def _syscall(*arguments: object) -> int:
    return _checked(_libc.syscall(*arguments))


def new_namespaces() -> str:
    """Leave the network, the mounts and the names of the machine.

    Root leaves with what it may; others by becoming root of a namespace of their own.
    """
    flags = _NEW_MOUNTS | _NEW_NAMES | _NEW_NETWORK
    if os.geteuid() == 0:
        try:
            _checked(_libc.unshare(flags))
        except OSError:
            pass
        else:
            return "own network, mounts, names"
    user, group = os.geteuid(), os.getegid()
    _checked(_libc.unshare(flags | _NEW_USERS))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{_NOBODY} {user} 1"),
        ("gid_map", f"{_NOBODY} {group} 1"),
    ):
        try:
            Path(f"/proc/self/{name}").write_text(text)
        except OSError:
            continue  # without a map the process is nobody all the same
    return "own users, network, mounts, names"


def empty_root() -> str:
    """Make an empty folder that cannot be written the root of all files."""
    folder = tempfile.gettempdir().encode()
    _checked(_libc.mount(None, b"/", None, _PRIVATE, None))
    _checked(_libc.mount(b"none", folder, b"tmpfs", _EMPTY, b"size=4k,nr_inodes=2,mode=555"))
    os.chdir(folder)
    try:
        _syscall(_PIVOT_ROOT[os.uname().machine], b".", b".")
        _checked(_libc.umount2(b".", _DETACH))
        got = "empty, by pivot_root"
    except (OSError, KeyError):
        os.chroot(folder)
        got = "empty, by chroot"
    os.chdir("/")
    _checked(_libc.mount(None, b"/", None, _READ_ONLY | _EMPTY, None))
    return got


def drop_identity() -> str:
    """Be nobody, with no capability."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    return f"uid {os.geteuid()}"


def drop_capabilities() -> str:
    """Give up every capability, for now and for later."""
    for number in range(64):
        try:
            prctl(_DROP_BOUND, number, 0, 0, 0)
        except OSError:
            break  # the last one was the one before, or we have no right to: then we have none
    with suppress(OSError):
        prctl(_AMBIENT, _CLEAR_AMBIENT, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    none = (ctypes.c_uint32 * 6)()
    _checked(_libc.capset(header, none))
    return "none"


def die_with(parent: int) -> str:
    """Be killed when the server ends, and let nobody look into this process."""
    prctl(_DUMPABLE, 0, 0, 0, 0)
    prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise OSError("the server has ended")
    return "with the server"


def landlock() -> str:
    """Give up every right on files and networks."""
    version = _syscall(_LANDLOCK_CREATE, None, 0, 1)
    known = min(version, len(_FILE_RIGHTS) - 1)
    rights = [_FILE_RIGHTS[known]]
    if version >= 4:
        rights.append(_NETWORK_RIGHTS)
    rules = (ctypes.c_uint64 * len(rights))(*rights)
    ruleset = _syscall(_LANDLOCK_CREATE, rules, ctypes.sizeof(rules), 0)
    try:
        prctl(38, 1, 0, 0, 0)
        _syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return f"version {version}"
