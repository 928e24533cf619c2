"""Bytes that come in pieces, as a file to those who read files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class PieceFile(io.RawIOBase):
    """A file made of pieces of any size.

    Args:
        next_piece: Gives the next piece, perhaps an empty one; None at the end. It may block.

    Example:
        >>> pieces = iter([b"ab", b"", b"c"])
        >>> PieceFile(lambda: next(pieces, None)).readall()
        b'abc'
    """

    def __init__(self, next_piece: Callable[[], bytes | None]) -> None:
        self._next_piece = next_piece
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer as far as one piece goes; 0 at the end."""
        while not self._rest:
            piece = self._next_piece()
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        target = memoryview(buffer)
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
