"""Records of CSV with a header: all cells are texts, which the table gives a meaning."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.csv as pa_csv

from ....errors import EnfyraError
from .batch import ROWS, Batch, invalid, unreadable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

WHAT = "CSV file in UTF-8"
# The longest record.
BLOCK = 4 << 20
MAX_HEADER = 1 << 20
_BOM = b"\xef\xbb\xbf"


def csv_batches(file: BinaryIO) -> Iterator[Batch]:
    """Give the records of CSV; the first batch has only names.

    An empty cell is null, and `""` an empty text.

    Raises:
        EnfyraError: BAD_REQUEST, or INVALID_BODY naming the row.
    """
    names = _header(file)
    yield Batch(tuple((name, pa.array([], pa.string())) for name in names), range(0))
    counted = _Counted(file)
    # By number: two columns of one name are refused by those who know the table.
    labels = [str(number) for number in range(len(names))]
    first = 0
    try:
        for batch in _opened(counted, labels) or ():
            for start in range(0, batch.num_rows, ROWS):
                piece = batch.slice(start, ROWS)
                rows = range(first, first + piece.num_rows)
                texts = [
                    _text(column, name, first)
                    for name, column in zip(names, piece.columns, strict=True)
                ]
                yield Batch(tuple(zip(names, texts, strict=True)), rows, is_text=True)
                first += piece.num_rows
    except pa.ArrowException as error:
        raise _explained(counted, error, first) from None
    except OSError as error:
        raise unreadable(WHAT, error) from None
    if counted.quotes % 2:
        raise unreadable(WHAT, "a quoted cell has no end")


def _header(file: BinaryIO) -> list[str]:
    line = b""
    try:
        # A line feed between quotes belongs to a name.
        while not line or line.count(b'"') % 2:
            more = file.readline(MAX_HEADER)
            line += more
            if not more or len(line) > MAX_HEADER:
                break
        text = line.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise unreadable(WHAT, "its header is not UTF-8") from None
    except OSError as error:
        raise unreadable(WHAT, error) from None
    names = next(csv.reader(io.StringIO(text, newline="")), []) if text.strip() else []
    if not names:
        raise unreadable(WHAT, "it has no header with the names of fields")
    return [name.strip() for name in names]


def _opened(counted: _Counted, labels: list[str]) -> Any:
    """Open what comes after the header; give None if nothing does."""
    file = io.BufferedReader(counted, 1 << 16)
    if not file.peek(1):
        return None
    return pa_csv.open_csv(
        file,
        read_options=pa_csv.ReadOptions(column_names=labels, block_size=BLOCK, use_threads=False),
        parse_options=pa_csv.ParseOptions(
            newlines_in_values=True,
            invalid_row_handler=counted.refuse,
            # With one column only, an empty line is a null.
            ignore_empty_lines=len(labels) > 1,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(labels, pa.binary()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _text(column: Any, name: str, first: int) -> Any:
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        for row, value in enumerate(column.to_pylist(), first):
            try:
                (value or b"").decode()
            except UnicodeDecodeError:
                raise invalid(row, "must be UTF-8", name) from None
        raise


def _explained(counted: _Counted, error: Exception, first: int) -> EnfyraError:
    if counted.refused is not None:
        row, cells, wanted = counted.refused
        return invalid(row, f"has {cells} cells, the header {wanted}")
    if "straddling" in str(error):
        return invalid(first, f"a record longer than {BLOCK >> 20} MB, or a quote without an end")
    return unreadable(WHAT, error)


class _Counted(io.RawIOBase):
    """A file that counts quotes as it is read.

    Attributes:
        quotes: How many there were; an odd number leaves a cell open.
        refused: The row that has not as many cells as the header: its number, how many it has,
            and how many it should have.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = cast("io.BufferedReader", file)
        self.quotes = 0
        self.refused: tuple[int, int, int] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer)
        size = self._file.readinto1(target)
        self.quotes += bytes(target[:size]).count(b'"')
        return size

    def refuse(self, row: Any) -> str:
        """Keep what is wrong with a row for the message."""
        self.refused = (row.number - 1, row.actual_columns, row.expected_columns)
        return "error"
