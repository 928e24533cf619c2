"""Shuts a worker in, step by step, before it runs its first script."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Callable

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_DROP = 24
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_REC, _MS_PRIVATE = 32, 16384, 1 << 18
_MNT_DETACH = 2
_NOBODY = 65534
# Without these a worker does not start on Linux.
REQUIRED = ("limits", "no new privileges", "system calls")


class NotShutIn(Exception):
    """A layer that is needed cannot be had."""


def _call(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def limits(memory: int) -> None:
    """Limit memory, and forbid files, processes and core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    if hasattr(resource, "RLIMIT_NPROC"):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def namespaces() -> None:
    """Leave the machine's network, users, hosts and mounts behind."""
    flags = _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS | _CLONE_NEWNS
    if os.geteuid() != 0:
        flags |= _CLONE_NEWUSER
    _call(_libc.unshare(flags))


def empty_root() -> None:
    """Have nothing but an empty folder that cannot be written to."""
    _call(_libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    _call(_libc.mount(b"tmpfs", b"/tmp", b"tmpfs", flags, b"size=4k,mode=555"))
    os.chdir("/tmp")  # noqa: S108 - that of a namespace of our own
    _call(_libc.syscall(_NUMBERS["pivot_root"], b".", b"."))
    _call(_libc.umount2(b".", _MNT_DETACH))
    remount = ctypes.c_ulong(_MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    _call(_libc.mount(None, b"/", None, remount, None))
    os.chdir("/")


def drop_rights() -> None:
    """Be nobody, without any capability."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    header = struct.pack("Ii", 0x20080522, 0)
    _call(_libc.syscall(_NUMBERS["capset"], header, bytes(24)))


def no_new_privileges() -> None:
    """Never get more rights, not be looked into, and end with the host."""
    _call(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))
    _call(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0))


def landlock() -> None:
    """Forbid every kind of access to files, and the network where the kernel can."""
    version = _libc.syscall(444, None, 0, 1)
    if version < 1:
        raise OSError(errno.ENOSYS, "the kernel has no Landlock")
    rights = (1 << {1: 13, 2: 14, 3: 15}.get(version, 15)) - 1
    if version >= 5:
        rights |= 1 << 15
    content = struct.pack("Q", rights)
    if version >= 4:
        content += struct.pack("Q", 3)
    rules = _libc.syscall(444, content, len(content), 0)
    if rules < 0:
        _call(-1)
    try:
        _call(_libc.syscall(446, rules, 0))
    finally:
        os.close(rules)


# -- system calls ---------------------------------------------------------------------------------

_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X86 = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9,
    "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "readv": 19, "writev": 20, "sched_yield": 24, "mremap": 25, "madvise": 28,
    "nanosleep": 35, "getpid": 39, "sendto": 44, "recvfrom": 45, "sendmsg": 46, "recvmsg": 47,
    "shutdown": 48, "exit": 60, "gettimeofday": 96, "getrusage": 98, "times": 100, "getuid": 102,
    "getgid": 104, "geteuid": 107, "getegid": 108, "sigaltstack": 131, "gettid": 186, "time": 201,
    "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219, "clock_gettime": 228,
    "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "epoll_wait": 232,
    "epoll_ctl": 233, "ppoll": 271, "epoll_pwait": 281, "getrandom": 318, "membarrier": 324,
    "rseq": 334, "epoll_pwait2": 441, "pivot_root": 155, "capset": 126,
}  # fmt: skip
_ARM = {
    "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "mmap": 222, "mprotect": 226,
    "munmap": 215, "brk": 214, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139,
    "readv": 65, "writev": 66, "sched_yield": 124, "mremap": 216, "madvise": 233, "nanosleep": 101,
    "getpid": 172, "sendto": 206, "recvfrom": 207, "sendmsg": 211, "recvmsg": 212, "shutdown": 210,
    "exit": 93, "gettimeofday": 169, "getrusage": 165, "times": 153, "getuid": 174, "getgid": 176,
    "geteuid": 175, "getegid": 177, "sigaltstack": 132, "gettid": 178, "futex": 98,
    "sched_getaffinity": 123, "restart_syscall": 128, "clock_gettime": 113, "clock_getres": 114,
    "clock_nanosleep": 115, "exit_group": 94, "epoll_ctl": 21, "ppoll": 73, "epoll_pwait": 22,
    "getrandom": 278, "membarrier": 283, "rseq": 293, "epoll_pwait2": 441, "pivot_root": 41,
    "capset": 91,
}  # fmt: skip
_NUMBERS = _ARM if platform.machine() == "aarch64" else _X86
_NOT_LATER = ("pivot_root", "capset")
_WITHOUT_EXEC = ("mmap", "mprotect")
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_LOAD, _EQUAL, _SET, _GREATER, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_PROT_EXEC = 4
_X32 = 0x40000000


def system_calls() -> None:
    """Allow the few system calls that running needs; all others are refused."""
    arch = _ARCHES.get(platform.machine())
    if arch is None:
        raise OSError(errno.ENOSYS, f"there is no list for {platform.machine()}")
    program = _program(arch)
    buffer = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _call(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filter_, 0, 0))


def _program(arch: int) -> bytes:
    """Give the filter: the number is looked up in the list, and memory that runs is refused."""
    allowed = [
        number
        for name, number in _NUMBERS.items()
        if name not in _NOT_LATER and name not in _WITHOUT_EXEC
    ]
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_GREATER, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for name in _WITHOUT_EXEC:
        steps += [
            (_EQUAL, 0, 4, _NUMBERS[name]),
            # The third argument says what the memory is for.
            (_LOAD, 0, 0, 32),
            (_SET, 0, 1, _PROT_EXEC),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    for number in allowed:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    steps.append((_RETURN, 0, 0, _REFUSE))
    return b"".join(struct.pack("HBBI", *step) for step in steps)


# -- all of it ------------------------------------------------------------------------------------


def shut_in(memory: int) -> tuple[list[str], dict[str, str]]:
    """Take every layer that can be had; give those, and why the others could not.

    Args:
        memory: Bytes of address space.

    Raises:
        NotShutIn: One that is needed is missing.
    """
    steps: list[tuple[str, Callable[[], None]]] = [("limits", lambda: limits(memory))]
    if sys.platform == "linux":
        steps = [
            ("namespaces", namespaces),
            ("empty root", empty_root),
            ("rights dropped", drop_rights),
            ("no new privileges", no_new_privileges),
            ("landlock", landlock),
            ("limits", lambda: limits(memory)),
            ("system calls", system_calls),
        ]
    layers: list[str] = []
    missing: dict[str, str] = {}
    for name, step in steps:
        if name == "empty root" and "namespaces" in missing:
            missing[name] = "it needs namespaces"
            continue
        try:
            step()
        except OSError as error:
            if sys.platform == "linux" and name in REQUIRED:
                raise NotShutIn(f"{name}: {error.strerror or error}") from error
            missing[name] = error.strerror or str(error)
        else:
            layers.append(name)
    return layers, missing
