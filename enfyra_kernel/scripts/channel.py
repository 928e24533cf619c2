"""What the server and a worker say to each other: frames over a socket pair.

A frame is four bytes with its length, most significant first, and msgpack. Values of users travel
as JSON within it, so that neither side decodes what it does not look into. What comes from a
worker is decoded with its types and its size is limited: a worker may be in the hands of a script.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from .script import Language, Stage

MEBIBYTE = 1 << 20
# What a worker may send at once; a result of more is refused in the worker with a clear message.
MAX_FROM_WORKER = 32 * MEBIBYTE
MAX_FROM_HOST = 256 * MEBIBYTE
# What one call may send altogether, and ask for at the same time.
MAX_CALL_BYTES = 128 * MEBIBYTE
MAX_RPCS = 10_000
MAX_RPCS_AT_ONCE = 64
MAX_LOG_LINE = 4096
MAX_LOG = 65_536
MAX_MESSAGE = 2000

_LENGTH = struct.Struct(">I")


class ChannelError(Exception):
    """The other side has said something that it may not say."""


class Fault(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A failure, or a problem of a source, on its way.

    Attributes:
        details: JSON.
    """

    code: str
    message: str
    line: int | None = None
    column: int | None = None
    text: str = ""
    hint: str | None = None
    details: bytes | None = None
    thrown: bool = False
    status: int | None = None


class Source(msgspec.Struct, array_like=True, frozen=True):
    """A script as it is sent to a worker; `timeout` is in milliseconds."""

    name: str
    stage: Stage
    language: Language
    source: str
    timeout: int
    digest: str


class RanScript(msgspec.Struct, array_like=True, frozen=True):
    """How one script has run."""

    index: int
    milliseconds: float
    logs: list[str]
    returned: bool
    fault: Fault | None


# -- from the host ------------------------------------------------------------------------------


class Run(msgspec.Struct, array_like=True, frozen=True, tag="run"):
    """Run these scripts, one after another."""

    call: int
    scripts: list[Source]
    sections: dict[str, bytes]


class Reply(msgspec.Struct, array_like=True, frozen=True, tag="reply"):
    """The answer to a request of a script: a value as JSON, or the error."""

    call: int
    rpc: int
    value: bytes
    fault: Fault | None


class Cancel(msgspec.Struct, array_like=True, frozen=True, tag="cancel"):
    """Nobody waits for this call any more."""

    call: int


class Check(msgspec.Struct, array_like=True, frozen=True, tag="check"):
    """Say what is wrong with a source."""

    call: int
    language: Language
    source: str


# -- from a worker ------------------------------------------------------------------------------


class Ready(msgspec.Struct, array_like=True, frozen=True, tag="ready"):
    """The worker can begin; or it cannot, for that reason.

    Attributes:
        layers: What each layer of the sandbox has got.
    """

    layers: dict[str, str]
    problem: str = ""


class Next(msgspec.Struct, array_like=True, frozen=True, tag="next"):
    """Another script of the call begins.

    Attributes:
        fault: The failure so far, of the script `failed`.
    """

    call: int
    index: int
    fault: Fault | None
    failed: int


class Log(msgspec.Struct, array_like=True, frozen=True, tag="log"):
    """What a script has logged so far, when it is long in running."""

    call: int
    index: int
    lines: list[str]


class Rpc(msgspec.Struct, array_like=True, frozen=True, tag="rpc"):
    """A script asks for something; arguments are a JSON list."""

    call: int
    rpc: int
    name: str
    arguments: bytes


class Done(msgspec.Struct, array_like=True, frozen=True, tag="done"):
    """The call is over.

    Attributes:
        fault: The failure of the pre-hook, handler or post-hook that decides.
        failed: The number of the script that it belongs to.
        worn: The worker should be replaced.
    """

    call: int
    sections: dict[str, bytes]
    result: bytes | None
    fault: Fault | None
    failed: int
    ran: list[RanScript]
    worn: bool


class Checked(msgspec.Struct, array_like=True, frozen=True, tag="checked"):
    """What is wrong with a source."""

    call: int
    problems: list[Fault]


FromHost = Run | Reply | Cancel | Check
FromWorker = Ready | Next | Log | Rpc | Done | Checked

_encoder = msgspec.msgpack.Encoder()


def frame(message: FromHost | FromWorker) -> bytes:
    """Give the bytes of a message.

    Example:
        >>> frame(Cancel(7))
        b'\\x00\\x00\\x00\\t\\x92\\xa6cancel\\x07'
    """
    payload = bytearray(_LENGTH.size)
    _encoder.encode_into(message, payload, _LENGTH.size)
    _LENGTH.pack_into(payload, 0, len(payload) - _LENGTH.size)
    return bytes(payload)


class Frames:
    """Takes bytes as they come and gives the messages in them.

    Args:
        types: What the other side may say.
        limit: The most bytes of a frame.

    Example:
        >>> frames = Frames(FromHost, 100)
        >>> whole = frame(Cancel(7))
        >>> frames.feed(whole[:6]), frames.feed(whole[6:])
        ([], [Cancel(call=7)])
    """

    def __init__(self, types: Any, limit: int) -> None:
        self._decode = msgspec.msgpack.Decoder(types).decode
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Give the messages that are complete now.

        Raises:
            ChannelError: A frame is too long, or is none of what may be said.
        """
        rest = self._rest
        if rest:
            rest += data
            if not self._complete(rest):
                return []
            data = bytes(rest)
            rest.clear()
        messages: list[Any] = []
        start, end = 0, len(data)
        while end - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, start)
            if length > self._limit:
                raise ChannelError(f"a frame of {length} bytes; {self._limit} are allowed")
            stop = start + _LENGTH.size + length
            if stop > end:
                break
            try:
                messages.append(self._decode(memoryview(data)[start + _LENGTH.size : stop]))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise ChannelError(f"a frame that means nothing: {error}") from None
            start = stop
        if start < end:
            rest += data[start:]
            self._complete(rest)
        return messages

    def _complete(self, rest: bytearray) -> bool:
        """Whether the first frame of what has come is there as a whole."""
        if len(rest) < _LENGTH.size:
            return False
        (length,) = _LENGTH.unpack_from(rest)
        if length > self._limit:
            raise ChannelError(f"a frame of {length} bytes; {self._limit} are allowed")
        return len(rest) >= _LENGTH.size + length
