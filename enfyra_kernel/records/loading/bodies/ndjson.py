"""Records as lines of JSON, each an object as the body of a single record is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, BinaryIO, cast

from ....encoding import decode_json
from ....errors import EnfyraError
from .batch import ROWS, Batch, invalid, unreadable

WHAT = "file of JSON lines"
# The longest record, and what is read ahead.
MAX_LINE = 16 << 20
AHEAD = 4 << 20

Numbered = tuple[int, Mapping[str, Any]]


def ndjson_batches(file: BinaryIO, *, in_order: bool = False) -> Iterator[Batch]:
    """Give the records of lines; those that name the same fields come together.

    Args:
        in_order: Whether a record may not come before one that stands above it.

    Raises:
        EnfyraError: BAD_REQUEST, or INVALID_BODY naming the row.

    Example:
        >>> import io
        >>> lines = b'{"a": 1}\\n{"b": 2}\\n{"a": 3}\\n'
        >>> [(batch.names, batch.rows) for batch in ndjson_batches(io.BytesIO(lines))]
        [(('a',), [0, 2]), (('b',), [1])]
    """
    for some in _chunks(file):
        yield from (_batch(group) for group in _groups(some, in_order=in_order))


def _chunks(file: BinaryIO) -> Iterator[list[Numbered]]:
    some: list[Numbered] = []
    size = row = 0
    for line in _lines(file):
        if not line.strip():
            continue
        some.append((row, _record(line, row)))
        row += 1
        size += len(line)
        if len(some) >= ROWS or size >= AHEAD:
            yield some
            some, size = [], 0
    if some:
        yield some


def _lines(file: BinaryIO) -> Iterator[bytes]:
    try:
        while line := file.readline(MAX_LINE):
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                raise unreadable(WHAT, f"a line is longer than {MAX_LINE >> 20} MB")
            yield line
    except OSError as error:
        raise unreadable(WHAT, error) from None


def _record(line: bytes, row: int) -> Mapping[str, Any]:
    try:
        record = decode_json(line)
    except EnfyraError as error:
        raise invalid(row, error.message) from None
    if not isinstance(record, dict):
        raise invalid(row, "must be a JSON object")
    return cast("dict[str, Any]", record)


def _groups(some: list[Numbered], *, in_order: bool) -> Iterable[list[Numbered]]:
    fields: Callable[[Numbered], Hashable] = lambda one: frozenset(one[1])  # noqa: E731
    if in_order:
        return [list(group) for _, group in groupby(some, fields)]
    groups: dict[Hashable, list[Numbered]] = {}
    for one in some:
        groups.setdefault(fields(one), []).append(one)
    return groups.values()


def _batch(group: list[Numbered]) -> Batch:
    names = list(group[0][1])
    columns = tuple((name, [record[name] for _, record in group]) for name in names)
    return Batch(columns, [row for row, _ in group])
