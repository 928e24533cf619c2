"""What the host and a worker say to each other: typed frames over a socket.

Values of scripts are JSON within the frames, so that bodies and rows pass through undecoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from .script import Language, Outcome, Problem, Stage

# Bytes that one frame may have: to a worker, and from one, which may be hostile.
LARGEST_TO_WORKER = 128 << 20
LARGEST_TO_HOST = 32 << 20
_LENGTH = struct.Struct("!I")


class Source(msgspec.Struct, frozen=True):
    """A script as a worker gets it; without a source where it has had that before."""

    name: str
    stage: Stage
    language: Language
    timeout: int
    digest: str
    source: str | None


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Run scripts one after another."""

    call: int
    scripts: Sequence[Source]
    sections: Mapping[str, bytes]


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    """The answer to a request of a script: a value, or what it failed with."""

    call: int
    number: int
    value: bytes | None = None
    refused: Mapping[str, Any] | None = None


class Check(msgspec.Struct, frozen=True, tag="check"):
    """Say what is wrong with a source."""

    call: int
    language: Language
    source: str


class Abandon(msgspec.Struct, frozen=True, tag="abandon"):
    """Break a call off: nobody waits for it any more."""

    call: int


ToWorker = Run | Reply | Check | Abandon


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker has shut itself in, and can begin.

    Attributes:
        layers: What keeps it in.
        missing: What could not be had, and why.
    """

    layers: Sequence[str]
    missing: Mapping[str, str]


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """A script of a call begins: its time runs from now."""

    call: int
    index: int


class Request(msgspec.Struct, frozen=True, tag="request"):
    """A script asks the host for something."""

    call: int
    number: int
    name: str
    arguments: bytes


class Done(msgspec.Struct, frozen=True, tag="done"):
    """What came of a run."""

    call: int
    outcome: Outcome


class Checked(msgspec.Struct, frozen=True, tag="checked"):
    """What is wrong with a source."""

    call: int
    problems: Sequence[Problem]


ToHost = Ready | Begun | Request | Done | Checked

_encoder = msgspec.msgpack.Encoder()
to_worker = msgspec.msgpack.Decoder(ToWorker)
to_host = msgspec.msgpack.Decoder(ToHost)


def packed(frame: ToWorker | ToHost) -> bytes:
    """Give a frame as it is sent.

    Example:
        >>> packed(Abandon(7))[:4]
        b'\\x00\\x00\\x00\\x14'
    """
    content = _encoder.encode(frame)
    return _LENGTH.pack(len(content)) + content


class FrameError(Exception):
    """What came is no frame."""


class Frames:
    """Cuts what comes from a socket into frames.

    Args:
        largest: Bytes that one may have.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._buffer = bytearray()

    def fed(self, data: bytes) -> Iterator[bytes]:
        """Take some bytes, and give the frames that are whole.

        Raises:
            FrameError: One is larger than it may be.
        """
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer)
            if length > self._largest:
                raise FrameError(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(buffer) < end:
                return
            frame = bytes(buffer[_LENGTH.size : end])
            del buffer[:end]
            yield frame
