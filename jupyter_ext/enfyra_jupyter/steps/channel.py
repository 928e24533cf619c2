"""What is said between a step's process and the server that has started it.

Messages are JSON behind their length. They take the process's standard input and output, so that
these are free of anything else: what the step prints goes to the standard error, and to the log.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import sys
import threading
from typing import Any

_HEAD = struct.Struct(">I")


class Channel:
    """The way to the server."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    @classmethod
    def open(cls) -> Channel:
        """Take the standard streams."""
        source, sink = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        return cls(source, sink)

    def _listen(self) -> None:
        try:
            while True:
                (size,) = _HEAD.unpack(self._read(_HEAD.size))
                self._answers.put(json.loads(self._read(size)))
        except EOFError:
            # The server has gone: nobody waits for the result, and another one begins anew.
            end_everything()

    def _read(self, size: int) -> bytes:
        # Without a buffer, whose lock would be held when the interpreter ends.
        read = b""
        while len(read) < size:
            piece = os.read(self._source, size - len(read))
            if not piece:
                raise EOFError
            read += piece
        return read

    def say(self, say: str, **facts: Any) -> None:
        """Tell the server something."""
        self.send(json.dumps({"say": say, **facts}).encode())

    def send(self, body: bytes) -> None:
        """Send a message that is JSON already."""
        with self._lock:
            rest = memoryview(_HEAD.pack(len(body)) + body)
            while rest:
                rest = rest[os.write(self._sink, rest) :]

    def hear(self) -> dict[str, Any]:
        """Wait for the next message."""
        return self._answers.get()

    def ask(self, what: str) -> dict[str, Any]:
        """Ask for something, and wait for the answer."""
        self.say(what)
        return self.hear()


def end_everything() -> None:
    """Kill all processes of this step, this one last."""
    from enfyra_kernel.flows.steps.processes import MARK, marked

    for pid in marked(os.environ.get(MARK, "?")):
        if pid != os.getpid():
            os.kill(pid, signal.SIGKILL)
    os.killpg(0, signal.SIGKILL)


def end_on_signal() -> None:
    """Have SIGTERM unwind the stack, so that what the step holds is let go."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
