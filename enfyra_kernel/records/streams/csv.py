"""Records as CSV: RFC 4180, with a header, in UTF-8.

Null is an empty cell, an empty text is `""`. A related record is columns like `author.name`; lists
and documents are JSON texts. All values but texts are written as in a JSON answer.
"""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv  # pyright: ignore[reportUnusedImport] - it is used as pa.csv

from .sink import Sink
from .values import json_texts, plain_texts

# What makes a formula of a cell, for programs that calculate.
FORMULA = r"^[=+\-@\t\r]"


class CsvEncoder:
    """Writes CSV.

    Args:
        safe: Whether texts that a spreadsheet would take for formulas get an apostrophe in front.
    """

    def __init__(self, *, safe: bool = False) -> None:
        self._sink = Sink()
        self._safe = safe
        self._writer: Any = None

    def begin(self, schema: Any) -> bytes:
        """Give the header."""
        cells = self._cells(pa.RecordBatch.from_pylist([], schema=schema))
        self._writer = pa.csv.CSVWriter(self._sink, cells.schema)
        return self._sink.take()

    def write(self, batch: Any) -> bytes:
        """Give lines."""
        self._writer.write_batch(self._cells(batch))
        return self._sink.take()

    def end(self) -> bytes:
        """Give nothing: CSV has no end."""
        self._writer.close()
        return self._sink.take()

    def _cells(self, batch: Any) -> Any:
        names: list[str] = []
        arrays: list[Any] = []

        def add(name: str, array: Any) -> None:
            names.append(name)
            arrays.append(array)

        for field, array in zip(batch.schema, batch.columns, strict=True):
            self._add(field, array, field.name, add)
        return pa.RecordBatch.from_arrays(arrays, names=names)

    def _add(self, field: Any, array: Any, name: str, add: Callable[[str, Any], None]) -> None:
        if pa.types.is_struct(field.type):
            # What is below a null is null.
            for inner, below in zip(field.type, array.flatten(), strict=True):
                self._add(inner, below, f"{name}.{inner.name}", add)
        elif pa.types.is_list(field.type):
            add(name, json_texts(field, array))
        elif pa.types.is_string(field.type):
            add(name, self._harmless(array))
        else:
            add(name, plain_texts(array))

    def _harmless(self, array: Any) -> Any:
        if not self._safe:
            return array
        suspicious = pc.match_substring_regex(array, FORMULA)
        return pc.if_else(suspicious, pc.binary_join_element_wise("'", array, ""), array)
