"""Where writers of files write to: bytes that are taken away as they come."""

from __future__ import annotations

import io
from typing import Any


class Sink(io.RawIOBase):
    """A file whose content is handed on; what was taken is not kept.

    Example:
        >>> sink = Sink()
        >>> sink.write(b"abc"), sink.take(), sink.tell(), sink.take()
        (3, b'abc', 3, b'')
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: Any, /) -> int:
        """Take bytes."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Give how many bytes there have been."""
        return self._size

    def take(self) -> bytes:
        """Give what has come since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
