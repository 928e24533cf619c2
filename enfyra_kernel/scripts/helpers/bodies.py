"""Reading what another server answers, no more of it than is wanted."""

from __future__ import annotations

import base64
import zlib
from collections.abc import AsyncIterable, Callable, Iterator
from typing import Any, Literal

from ...encoding import decode_json
from ...errors import EnfyraError

_PIECE = 1 << 16
# Some of Python's decoders take very long for a large text.
_CHARSETS = frozenset(
    (
        "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "iso-8859-2",
        "iso-8859-15", "windows-1250", "windows-1251", "windows-1252", "utf-16", "utf-16le",
        "utf-16be", "shift_jis", "euc-jp", "euc-kr", "gb2312", "gbk", "gb18030", "big5", "koi8-r",
    )
)  # fmt: skip


class TooLarge(Exception):
    """There is more of it than was wanted."""


async def read_body(
    pieces: AsyncIterable[bytes],
    encoding: str,
    *,
    most: int,
    take: Callable[[int], None],
) -> bytes:
    """Read and unpack a body.

    Args:
        encoding: The header Content-Encoding.
        most: Bytes that may be sent, and that it may have when it is unpacked.
        take: Called with the size of each piece, before the next one is read.

    Raises:
        TooLarge: There is more; `args[0]` is what has been read.
        EnfyraError: FETCH_FAILED when it cannot be unpacked.
    """
    unpack = _unpacker(encoding)
    body = bytearray()
    sent = 0
    async for piece in pieces:
        sent += len(piece)
        for part in unpack(piece):
            body += part
            take(len(part))
            if len(body) > most:
                raise TooLarge(bytes(body[:most]))
        if sent > most:
            raise TooLarge(bytes(body))
    for part in unpack(b""):
        body += part
    return bytes(body)


def _unpacker(encoding: str) -> Callable[[bytes], Iterator[bytes]]:
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return _as_it_is
    if name in {"gzip", "x-gzip"}:
        return _Inflater(16 + zlib.MAX_WBITS).unpack
    if name == "deflate":
        return _Inflater(zlib.MAX_WBITS).unpack
    raise EnfyraError(
        "FETCH_FAILED", f"The answer is packed as {name[:40]!r}, which was not asked for"
    )


def _as_it_is(piece: bytes) -> Iterator[bytes]:
    yield piece


class _Inflater:
    """Unpacks in pieces of a bounded size: a few bytes may stand for very many."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._inflate = zlib.decompressobj(window)
        self._begun = False

    def unpack(self, piece: bytes) -> Iterator[bytes]:
        """Give what a piece unpacks to; an empty piece says that it was the last one."""
        if not piece and self._begun and not self._inflate.eof:
            raise EnfyraError("FETCH_FAILED", "The answer ended before its end")
        while piece:
            if self._inflate.eof:
                # Packed texts may follow one another.
                self._inflate = zlib.decompressobj(self._window)
            self._begun = True
            try:
                part = self._inflate.decompress(piece, _PIECE)
            except zlib.error:
                raise EnfyraError("FETCH_FAILED", "The answer cannot be unpacked") from None
            piece = self._inflate.unconsumed_tail or self._inflate.unused_data
            yield part


def read_as(
    kind: Literal["json", "text", "arrayBuffer"], body: bytes, content_type: str, host: str
) -> Any:
    """Give a body as a script wants it; None for JSON that is not there at all.

    Raises:
        EnfyraError: FETCH_FAILED when it is not JSON.
    """
    if kind == "arrayBuffer":
        return base64.b64encode(body).decode()
    if kind == "text":
        return as_text(body, content_type)
    if not body:
        return None
    try:
        return decode_json(body)
    except EnfyraError as error:
        raise EnfyraError(
            "FETCH_FAILED",
            f"{host} answered with something that is no JSON: {error.message}",
            details={"body": as_text(body, content_type)[:1000]},
            hint="responseType: 'text' takes whatever it is",
        ) from None


def as_text(body: bytes, content_type: str) -> str:
    """Give a body as text, whatever it is.

    Example:
        >>> as_text("né".encode("latin-1"), "text/plain; charset=ISO-8859-1")
        'né'
    """
    charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    return body.decode(charset if charset in _CHARSETS else "utf-8", errors="replace")
