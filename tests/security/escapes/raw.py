"""Hardens itself as a worker does, then tries what a script would that has got past the rules.

Run as a program; it prints what it has reached, as JSON.
"""

# ruff: noqa: PTH107, PTH116, PTH123, PTH208 - an attacker takes the shortest way
from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from enfyra_kernel.scripts.worker import linux, seccomp  # noqa: F401 - while there are files
from enfyra_kernel.scripts.worker.hardening import harden, harden_child, harden_zygote


def attempts(secret: str, port: int, parent: int) -> dict[str, Callable[[], Any]]:
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: Any) -> int:
        result = libc.syscall(number, *arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), "refused")
        return result

    def executable_memory() -> None:
        area = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        area.close()

    def protect() -> None:
        area = mmap.mmap(-1, 4096)
        address = ctypes.addressof(ctypes.c_char.from_buffer(area))
        if libc.mprotect(ctypes.c_void_p(address), 4096, 7) < 0:
            raise OSError(ctypes.get_errno(), "refused")

    def raise_limit() -> None:
        unlimited = resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_AS, (unlimited, unlimited))

    return {
        "read a file": lambda: open(secret).read(),
        "write a file": lambda: open(secret + ".new", "w"),
        "list the root": lambda: os.listdir("/"),
        "stat a file": lambda: os.stat(secret),
        "remove a file": lambda: os.remove(secret),
        "read its environment": lambda: open("/proc/self/environ").read(),
        "read the server's memory": lambda: open(f"/proc/{parent}/mem", "rb"),
        "make a device": lambda: os.mknod("/null", 0o20666, os.makedev(1, 3)),
        "connect": lambda: socket.create_connection(("127.0.0.1", port), timeout=1),
        "listen": lambda: socket.socket().bind(("127.0.0.1", 0)),
        "unix socket": lambda: socket.socket(socket.AF_UNIX),
        "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "fork": os.fork,
        "execute": lambda: os.execv("/bin/true", ["true"]),
        "a process": lambda: subprocess.run(["true"]),
        "a thread": lambda: threading.Thread(target=print).start(),
        "kill the server": lambda: os.kill(parent, signal.SIGTERM),
        "kill everybody": lambda: os.kill(-1, 0),
        "become root": lambda: os.setuid(0),
        "mount": lambda: call(165, b"none", b"/", b"tmpfs", 0, None),
        "trace the server": lambda: call(101, 16, parent, 0, 0),
        "read another's memory": lambda: call(310, parent, 0, 0, 0, 0, 0),
        "open by number": lambda: call(2, secret.encode(), 0),
        "openat2": lambda: call(437, -100, secret.encode(), 0, 24),
        "io_uring": lambda: call(425, 8, 0),
        "bpf": lambda: call(321, 0, 0, 0),
        "keys": lambda: call(250, 0, 0),
        "memfd": lambda: os.memfd_create("x"),
        "new users": lambda: call(272, 0x10000000),
        "executable memory": executable_memory,
        "memory made executable": protect,
        "more memory": raise_limit,
        "another name": lambda: socket.sethostname("x"),
        "change the root": lambda: os.chroot("/"),
        "undo the filter": lambda: call(157, 22, 0, 0),
        "a pipe": os.pipe,
        "too much memory": lambda: bytearray(2 << 30),
    }


def forked() -> dict[str, str]:
    """Be the hardened child of a hardened process; it waits for this one."""
    layers = harden_zygote(64 << 20, os.getppid())
    zygote = os.getpid()
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return layers | harden_child(zygote)


def main() -> None:
    secret, port = sys.argv[1], int(sys.argv[2])
    tries = attempts(secret, port, os.getppid())
    "x".encode("idna")
    if len(sys.argv) > 3:
        os.setresuid(*[int(sys.argv[3])] * 3)
        linux.prctl(4, 1, 0, 0, 0)  # as a process has it that was started by that user
    layers = forked() if os.environ.get("FORKED") else harden(64 << 20, os.getppid())
    reached: list[str] = []
    for name, attempt in tries.items():
        try:
            attempt()
        except (OSError, RuntimeError, MemoryError, ValueError):
            continue
        reached.append(name)
    gc.disable()
    print(json.dumps({"layers": layers, "reached": reached, "tried": len(tries)}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
