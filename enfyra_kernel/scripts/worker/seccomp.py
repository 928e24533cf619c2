"""The system calls that a worker may still make: no file, no socket, no process, no code."""

from __future__ import annotations

import ctypes
import platform
import struct
from collections.abc import Callable, Mapping

_NO_NEW_PRIVS = 38
_SET_SECCOMP = 22
_FILTER = 2
_LOAD, _EQUALS, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050001  # EPERM
_KILL = 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _THIRD_ARGUMENT = 0, 4, 16, 32
_EXECUTABLE = 4
_ANY_NAMESPACE = 0x7E020080
# Calls of the 32-bit ABI on x86-64 would pass by their numbers.
_FOREIGN = 0x40000000

_X86_64: Mapping[str, int] = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "munmap": 11, "brk": 12,
    "rt_sigprocmask": 14, "rt_sigreturn": 15, "select": 23, "sched_yield": 24, "mremap": 25,
    "madvise": 28, "setitimer": 38, "getpid": 39, "sendto": 44, "recvfrom": 45, "exit": 60,
    "gettimeofday": 96, "getrusage": 98, "sigaltstack": 131, "gettid": 186, "time": 201,
    "futex": 202, "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229,
    "clock_nanosleep": 230, "exit_group": 231, "epoll_wait": 232, "epoll_ctl": 233, "ppoll": 271,
    "epoll_pwait": 281, "getrandom": 318, "epoll_pwait2": 441,
}  # fmt: skip
_AARCH64: Mapping[str, int] = {
    "epoll_ctl": 21, "epoll_pwait": 22, "close": 57, "lseek": 62, "read": 63, "write": 64,
    "pselect6": 72, "ppoll": 73, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
    "setitimer": 103, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115,
    "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132, "rt_sigprocmask": 135,
    "rt_sigreturn": 139, "getrusage": 165, "gettimeofday": 169, "getpid": 172, "gettid": 178,
    "sendto": 206, "recvfrom": 207, "brk": 214, "munmap": 215, "mremap": 216, "madvise": 233,
    "getrandom": 278, "epoll_pwait2": 441,
}  # fmt: skip
# What a process needs to fork others, and those to get ready. It runs no scripts, and they have
# the shorter list before they do.
_FORKING_X86_64: Mapping[str, int] = {
    "rt_sigaction": 13, "ioctl": 16, "sendmsg": 46, "recvmsg": 47, "getsockname": 51,
    "socketpair": 53, "getsockopt": 55, "wait4": 61, "kill": 62, "fcntl": 72, "getrlimit": 97,
    "getppid": 110, "prctl": 157, "setrlimit": 160, "set_tid_address": 218,
    "set_robust_list": 273, "epoll_create1": 291, "prlimit64": 302, "rseq": 334,
}  # fmt: skip
_FORKING_AARCH64: Mapping[str, int] = {
    "epoll_create1": 20, "fcntl": 25, "ioctl": 29, "set_tid_address": 96, "set_robust_list": 99,
    "kill": 129, "rt_sigaction": 134, "getrlimit": 163, "setrlimit": 164, "prctl": 167,
    "getppid": 173, "socketpair": 199, "getsockname": 204, "getsockopt": 209, "sendmsg": 211,
    "recvmsg": 212, "wait4": 260, "prlimit64": 261, "rseq": 293,
}  # fmt: skip
# By machine: its number for the kernel, the calls, and those that may map no executable memory.
_MACHINES: Mapping[str, tuple[int, Mapping[str, int], tuple[int, int]]] = {
    "x86_64": (0xC000003E, _X86_64, (9, 10)),
    "aarch64": (0xC00000B7, _AARCH64, (222, 226)),
}
# By machine: the calls for forking, and that which makes a process.
_FORKING: Mapping[str, tuple[Mapping[str, int], int]] = {
    "x86_64": (_FORKING_X86_64, 56),
    "aarch64": (_FORKING_AARCH64, 220),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def program(machine: str, *, forking: bool = False) -> bytes | None:
    """Give the filter for a machine, or None for a machine that we do not know.

    Args:
        forking: Whether the process may fork others.

    Example:
        >>> len(program("x86_64")) % 8, program("vax")
        (0, None)
    """
    if machine not in _MACHINES:
        return None
    architecture, calls, mapping = _MACHINES[machine]
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUALS, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _FOREIGN),
        (_RETURN, 0, 0, _KILL),
    ]
    if forking:
        more, clone = _FORKING[machine]
        calls = {**calls, **more}
        lines += _unless(clone, _FIRST_ARGUMENT, _ANY_NAMESPACE)
    for number in calls.values():
        lines += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in mapping:
        lines += _unless(number, _THIRD_ARGUMENT, _EXECUTABLE)
    lines.append((_RETURN, 0, 0, _REFUSE))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _unless(number: int, argument: int, bits: int) -> list[tuple[int, int, int, int]]:
    """Allow a call unless its argument has one of these bits."""
    return [
        (_EQUALS, 0, 4, number),
        (_LOAD, 0, 0, argument),
        (_HAS_BITS, 0, 1, bits),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]


def restrict(prctl: Callable[..., int], *, forking: bool = False) -> str:
    """Refuse this process all other calls, for ever; give what came of it.

    Raises:
        OSError: The system does not let us, or it is a machine that we do not know.
    """
    prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    machine = platform.machine()
    code = program(machine, forking=forking)
    if code is None:
        raise OSError(f"no list of system calls for the machine {machine}")
    kept = ctypes.create_string_buffer(code, len(code))
    filtering = _Program(len(code) // 8, ctypes.addressof(kept))
    prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(filtering), 0, 0)
    left = len(_MACHINES[machine][1]) + 2 + (len(_FORKING[machine][0]) + 1 if forking else 0)
    return f"{left} system calls are left"
