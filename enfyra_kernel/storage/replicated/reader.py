"""Who reads and writes in a context, so far as replicas have to know."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Reader:
    """What a request has to do with its reads.

    Attributes:
        caller: Who sent it, if he is known: he reads from the primary until the replicas have what
            he wrote.
        fresh: Whether everything is read from the primary, as a request that is about to write
            does: what it decides must not rest on old data.
        wrote: Whether something has been written; from then on the primary is read.
    """

    caller: str | None = None
    fresh: bool = False
    wrote: bool = False


_current: ContextVar[Reader | None] = ContextVar("reader", default=None)


def current_reader() -> Reader | None:
    """Give the reader of this context; None for code of the process itself."""
    return _current.get()


def reads_as(caller: str) -> None:
    """Note who sent the request of this context, as soon as that is known."""
    reader = _current.get()
    if reader is not None:
        reader.caller = caller


@contextmanager
def reading(reader: Reader) -> Generator[Reader, None, None]:
    """Read and write as a reader in a block, and in the tasks that are begun there.

    Example:
        >>> with reading(Reader()):
        ...     reads_as("ann")
        ...     current_reader()
        Reader(caller='ann', fresh=False, wrote=False)
    """
    token = _current.set(reader)
    try:
        yield reader
    finally:
        _current.reset(token)
