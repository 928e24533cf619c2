"""Data to be sent: data frames and Arrow tables, batch by batch, in the types that a table has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa
from enfyra_kernel.errors import did_you_mean
from enfyra_kernel.metadata.arrow import arrow_type
from enfyra_kernel.metadata.types import ColumnType

from .documents import (
    DataError,
    decoded,
    document_array,
    documents_of,
    table_of_frame,
    table_of_rows,
)
from .schema import Schema, TableInfo

ROWS = 20_000


class Source:
    """Rows of a data frame, an Arrow table, or anything else that speaks Arrow.

    Args:
        data: A pandas or Polars DataFrame, an Arrow table, a ResultFrame, a list of dictionaries.
        renames: Other names for columns.
        related: Names of relations: dictionaries there are records, and elsewhere JSON.

    Raises:
        DataError: If it is none of these, or a name to be changed is not there.

    Example:
        >>> source = Source([{"n": 1}, {"n": 2}])
        >>> source.rows, source.whole().column_names
        (2, ['n'])
    """

    def __init__(
        self,
        data: Any,
        renames: Mapping[str, str] | None = None,
        related: Collection[str] = (),
    ) -> None:
        self._renames = dict(renames or {})
        self._related = related
        if hasattr(data, "to_frame") and not hasattr(data, "columns"):
            data = data.to_frame()  # a Series
        self.is_pandas = type(data).__module__.split(".")[0] == "pandas" and hasattr(data, "iloc")
        self._data = data
        if self.is_pandas:
            self._data = _plain_frame(data)
        elif isinstance(data, list) and all(isinstance(row, Mapping) for row in data):
            self._data = table_of_rows(data, self._is_related)
        elif isinstance(data, pa.RecordBatch):
            self._data = pa.table(data)
        elif not isinstance(data, pa.Table) and not hasattr(data, "__arrow_c_stream__"):
            raise DataError(
                f"A {type(data).__name__} holds no rows; give a DataFrame or an Arrow table"
            )
        self._check_renames()
        self._documents = documents_of(self._data, self._is_related) if self.is_pandas else []

    @property
    def rows(self) -> int | None:
        """How many there are, if that can be told beforehand."""
        try:
            return len(self._data)
        except TypeError:
            return None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows as record batches, whose types may differ from one to the next."""
        if self.is_pandas:
            yield from self._pandas_batches()
        else:
            with self._reader() as reader:
                for whole in reader:
                    for start in range(0, whole.num_rows, ROWS):
                        yield self._renamed(whole.slice(start, ROWS))

    def whole(self) -> pa.Table:
        """Give everything as one table."""
        if self.is_pandas:
            return self._renamed(table_of_frame(self._data, self._documents))
        with self._reader() as reader:
            return self._renamed(reader.read_all())

    def schema(self) -> pa.Schema:
        """Give names and types, as far as the beginning tells."""
        first = next(self.batches(), None)
        if first is not None:
            return first.schema
        return self.whole().schema

    def _reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_stream(self._data)

    def _pandas_batches(self) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(self._data), ROWS):
            part = self._data.iloc[start : start + ROWS]
            # Texts that pandas keeps in several pieces come out in several pieces.
            yield from (
                self._renamed(table_of_frame(part, self._documents, start))
                .combine_chunks()
                .to_batches()
            )

    def _renamed(self, data: Any) -> Any:
        if not self._renames:
            return data
        return data.rename_columns([self._renames.get(one, one) for one in data.schema.names])

    def _is_related(self, name: str) -> bool:
        return self._renames.get(name, name) in self._related

    def _names(self) -> list[str]:
        if self.is_pandas:
            return [str(name) for name in self._data.columns]
        if isinstance(self._data, pa.Table):
            return self._data.column_names
        with self._reader() as reader:
            return reader.schema.names

    def _check_renames(self) -> None:
        known = self.is_pandas or isinstance(self._data, pa.Table)
        names = self._names() if self._renames or known else []
        for name in self._renames:
            if name not in names:
                raise DataError(f"There is no column '{name}'.{did_you_mean(name, names)}")
        sent = [self._renames.get(name, name) for name in names]
        if len(set(sent)) < len(sent):
            twice = next(name for name in sent if sent.count(name) > 1)
            raise DataError(f"The column '{twice}' is there twice")


def _plain_frame(data: Any) -> Any:
    """Give a DataFrame with one name for each column, and none of them sparse.

    An index that has a name becomes columns; rows that are just numbered lose the numbers.

    Raises:
        DataError: If the index has labels and no name, which nobody would miss until they are gone.
    """
    frame = data
    if any(frame.index.names):
        frame = frame.reset_index()
    elif len(frame) and frame.index.inferred_type != "integer":
        raise DataError(
            "the index has labels and no name: with a name, as by .rename_axis('label'), it is "
            "sent as a column; .reset_index(drop=True) leaves it out"
        )
    if frame.columns.nlevels > 1:
        frame = frame.set_axis(["_".join(filter(None, map(str, name))) for name in frame], axis=1)
    sparse = [name for name in frame.columns if hasattr(frame[name], "sparse")]
    return frame.assign(**{name: frame[name].sparse.to_dense() for name in sparse})


# -- types ----------------------------------------------------------------------------------------


class Fitting:
    """Brings batches into one schema: the types of a table's columns, where they can be cast.

    Texts stay texts, since the server reads dates, decimals and the like from them and names rows
    that it cannot read.
    """

    def __init__(self, given: pa.Schema, table: TableInfo | None, schema: Schema) -> None:
        fields: list[pa.Field] = []
        self._types: list[str | None] = []
        for one in given:
            if table is not None and one.name in table.relations and pa.types.is_struct(one.type):
                # A related record of a result: the server finds its key in there.
                self._types.append(None)
                fields.append(pa.field(one.name, one.type))
                continue
            column = _column_of(one.name, table, schema)
            self._types.append(None if column is None else column["type"])
            fields.append(pa.field(one.name, _travelling(one.type, column)))
        self.schema = pa.schema(fields)

    def fit(self, batch: pa.RecordBatch, before: int) -> pa.RecordBatch:
        """Give a batch in the one schema.

        Args:
            before: How many rows came before it.

        Raises:
            DataError: Naming the first value that does not fit.
        """
        arrays = [
            _cast(batch.column(number), field, self._types[number], before)
            for number, field in enumerate(self.schema)
        ]
        return pa.record_batch(arrays, schema=self.schema)


def _column_of(name: str, table: TableInfo | None, schema: Schema) -> Mapping[str, Any] | None:
    """Give the column that values are for: the table's own, or that by which records are named."""
    if table is None:
        return None
    *path, field = name.split(".")
    target = schema.follow(table, path)
    if target is None:
        return None
    if field in target.relations:
        target = schema.follow(target, [field])
        field = target.key if target is not None else "id"
    return target.columns.get(field) if target is not None else None


def _travelling(given: pa.DataType, column: Mapping[str, Any] | None) -> pa.DataType:
    """Choose the type in which values travel."""
    types = pa.types
    if types.is_dictionary(given):
        given = given.value_type
    if types.is_large_string(given) or types.is_string_view(given):
        given = pa.string()
    if isinstance(given, pa.UuidType):
        return pa.string()
    if column is None:
        return _plain(given)
    wanted = arrow_type(ColumnType(column["type"]), column.get("options"))
    if types.is_null(given):
        return wanted
    numbers = (types.is_integer, types.is_floating)
    for kinds in (numbers, (types.is_timestamp,), (types.is_date,), (types.is_list,)):
        if any(is_(given) for is_ in kinds) and any(is_(wanted) for is_ in kinds):
            return wanted
    return _plain(given)


def _plain(given: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_nested(given) else given


def _cast(array: pa.Array, field: pa.Field, type_: str | None, before: int) -> pa.Array:
    wanted = field.type
    if array.type == wanted:
        return array
    if pa.types.is_nested(array.type) and pa.types.is_string(wanted):
        return document_array(field.name, array.to_pylist(), before)
    if pa.types.is_dictionary(array.type):
        array = decoded(array)
    if isinstance(array.type, pa.UuidType):
        return pa.array([None if v is None else str(v) for v in array.to_pylist()], wanted)
    # Nanoseconds end at what is stored: microseconds.
    safe = not pa.types.is_timestamp(array.type)
    try:
        return array.cast(wanted, safe=safe)
    except pa.ArrowException:
        row = _offender(array, wanted, safe=safe)
        value = array[row].as_py()
        shown = repr(value) if len(repr(value)) < 60 else f"{repr(value)[:59]}…"
        raise DataError(
            f"row {before + row}: {field.name} is {shown}, which is no {type_ or wanted}"
        ) from None


def _offender(array: pa.Array, wanted: pa.DataType, *, safe: bool) -> int:
    """Find the first value that cannot be cast, in halves."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            array.slice(low, middle - low).cast(wanted, safe=safe)
        except pa.ArrowException:
            high = middle
        else:
            low = middle
    return low
