"""Answers to queries: the first page to look at, and all rows when they are asked for."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from enfyra_kernel.pieces import PieceFile
from IPython.core.error import UsageError

from .client import ApiError, Client, encoded
from .display import html_table, text_table, visible, wrapped
from .explanation import Explanation

if TYPE_CHECKING:
    import httpx
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from .widgets.grid import Grid
    from .widgets.shelf import Shelf

PAGE = 20
# From so many rows on, a bar tells how far a download is.
MANY = 50_000
_READ = 1 << 16


class LastPageError(StopIteration):
    """There is no page behind this one."""

    def _render_traceback_(self) -> list[str]:
        """Tell a notebook that a line says it all."""
        return [str(self)]


class ResultFrame:
    """The rows that a query finds; they stay on the server until they are asked for.

    What is shown is the first page. `DataFrame()`, `arrow()`, `reader()` and `to_parquet()` get all
    rows, as an Arrow stream; so does everything that speaks Arrow (Polars, DuckDB, pandas), by
    `__arrow_c_stream__`.

    Args:
        client: The connection.
        path: The table's route.
        query: `filter`, `sort`, `fields`, `deep`, `aggregate`, `dimensions`, `measures`, and
            `limit` for all of the result.
        page: Which page is shown, from 1.
        related: Says whether a path of names is a related record, rather than a JSON column.
        shelf: Gives where its widgets stand.

    Attributes:
        limit: How many rows it has at most; 0 if it has all there are.
        aggregate: The figures that were asked for beside the rows: by field, and by what it is.
        progress: Whether a bar tells how far a download is; None for one of many rows.
        note: What else stands below the rows.

    Raises:
        ApiError: What the server says is wrong with the query.

    Example:
        >>> frame = ResultFrame(client, "/post", {"sort": "-views"})  # doctest: +SKIP
        >>> frame.DataFrame().head()  # doctest: +SKIP
    """

    note = ""

    def __init__(
        self,
        client: Client,
        path: str,
        query: Mapping[str, Any],
        *,
        page: int = 1,
        related: Callable[[tuple[str, ...]], bool] = lambda _: True,
        shelf: Callable[[], Shelf] | None = None,
    ) -> None:
        self.progress: bool | None = None
        self.path = path
        self.query = dict(query)
        self.page = page
        self.client = client
        self._related = related
        self._shelf = shelf
        self.total = 0
        self.limit = int(self.query.get("limit") or 0)
        self._begin()

    def _begin(self) -> None:
        begin = time.perf_counter()
        asked = {
            **self.query,
            "limit": min(self.limit or PAGE, PAGE),
            "page": self.page,
        }
        if not self.grouped:
            asked["meta"] = "filterCount"
        answer = self.client.get(self.path, **asked)
        found = self._number(answer)
        self.aggregate: dict[str, dict[str, Any]] = answer.get("meta", {}).get("aggregate", {})
        self.milliseconds = (time.perf_counter() - begin) * 1000
        self.total = min(found, self.limit) if self.limit else found
        left = max(self.total - (self.page - 1) * PAGE, 0)
        self.rows: list[dict[str, Any]] = answer["data"][:left]

    @property
    def grouped(self) -> bool:
        """Whether its rows are groups, rather than records."""
        return "dimensions" in self.query or "measures" in self.query

    def _number(self, answer: Mapping[str, Any]) -> int:
        """Give how many rows there are."""
        if not self.grouped:
            return int(answer["meta"]["filterCount"])
        # Nothing but the groups says how many there are.
        shown = len(answer["data"])
        return shown if self.page == 1 and shown < PAGE else self.arrow().num_rows

    # -- looking at it --------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """The names of what is shown; fields of a related record are `relation.field`."""
        names: dict[str, None] = {}
        for row in self.rows:
            names |= dict.fromkeys(self._flat(row))
        # A related record that is missing in some rows has left its bare name there.
        return [name for name in names if not any(other.startswith(f"{name}.") for other in names)]

    def _cells(self) -> list[list[Any]]:
        columns = self.columns
        flat = [self._flat(row) for row in self.rows]
        return [[row.get(name) for name in columns] for row in flat]

    def _flat(self, row: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
        """Give a row without records in it: `{"author": {"name": 1}}` is `{"author.name": 1}`."""
        result: dict[str, Any] = {}
        for name, value in row.items():
            here = (*path, name)
            if isinstance(value, Mapping) and value and self._related(here):
                result |= self._flat(value, here)
            else:
                result[".".join(here)] = value
        return result

    def _summary(self) -> str:
        first = (self.page - 1) * PAGE
        rows = f"{self.total:,} row{'' if self.total == 1 else 's'}"
        if len(self.rows) < self.total:
            rows += f", {first + 1:,} to {first + len(self.rows):,} shown"
        figures = [
            f"{field}.{name} {'none' if value is None else value}"
            for field, figures in self.aggregate.items()
            for name, value in figures.items()
        ]
        end = [f"{self.milliseconds:.0f} ms", f"GET {self.path}", *filter(None, [self.note])]
        return visible(" · ".join([rows, *figures, *end]))

    @property
    def url(self) -> str:
        """The same query as an address, for curl or a browser."""
        query = urlencode(encoded(self.query))
        return f"{self.client.url}{self.path}" + (f"?{query}" if query else "")

    def __repr__(self) -> str:
        if not self.rows:
            return self._summary()
        return f"{text_table(self.columns, self._cells())}\n{self._summary()}"

    def html(self) -> str:
        """Give what is shown as HTML, without the frame."""
        from html import escape

        table = html_table(self.columns, self._cells()) if self.rows else ""
        return f'{table}<div class="note">{escape(self._summary())}</div>'

    def _repr_html_(self) -> str:
        return wrapped(self.html())

    def __len__(self) -> int:
        return self.total

    def next(self) -> ResultFrame:
        """Give the same result with the next page shown.

        Raises:
            LastPageError: After the last page; it is a StopIteration.
        """
        if self.page * PAGE >= self.total:
            raise LastPageError("This is the last page")
        following = ResultFrame(
            self.client,
            self.path,
            self.query,
            page=self.page + 1,
            related=self._related,
            shelf=self._shelf,
        )
        following.progress = self.progress
        return following

    def explain(self) -> Explanation:
        """Say how the server answers: its statements, and the database's plan of each.

        Raises:
            ApiError: That is for administrators.
        """
        told = self.client.get(self.path, **self.query, explain=True)
        return Explanation.of(told["data"])

    def grid(self) -> Grid:
        """Give all rows as a table to scroll, sort, filter and change.

        A cell that runs again keeps its place, its order, its filters and its widths.

        Raises:
            ApiError: What the server says, as when the table is gone.
        """
        from .widgets.grid import Grid

        grid = Grid(self)
        return self._shelf().put(grid, self.path) if self._shelf is not None else grid

    # -- getting it -----------------------------------------------------------------------------

    @contextmanager
    def reader(self) -> Generator[pa.RecordBatchReader, None, None]:
        """Give all rows batch by batch, for results larger than memory.

        Example:
            >>> with frame.reader() as batches:  # doctest: +SKIP
            ...     for batch in batches:
            ...         print(batch.num_rows)
        """
        # Here and below: it takes long to import, and a first page needs none of it.
        import pyarrow as pa

        with self._stream(self.limit) as answer:
            pieces = answer.iter_raw(_READ)
            source = io.BufferedReader(PieceFile(lambda: next(pieces, None)), _READ)
            try:
                with pa.ipc.open_stream(source) as reader, self._bar() as bar:
                    yield reader if bar is None else _counted(reader, bar)
            except pa.ArrowInvalid as error:
                raise ApiError("INVALID_STREAM", str(error).partition("\n")[0]) from None

    def shape(self) -> pa.Schema:
        """Give the names and types of all columns, also of a result without rows.

        Raises:
            ApiError: What the server says is wrong with the query.
        """
        import pyarrow as pa

        with self._stream(1) as answer:
            return pa.ipc.open_stream(answer.read()).schema

    def _stream(self, limit: int) -> AbstractContextManager[httpx.Response]:
        """Ask for so many rows as Arrow; for all if that is 0."""
        query = {name: value for name, value in self.query.items() if name != "aggregate"}
        return self.client.stream(self.path, {**query, "limit": limit})

    def _known_total(self) -> int | None:
        """Give how many rows there are, if that is known without asking."""
        return self.total

    @contextmanager
    def _bar(self) -> Generator[Any, None, None]:
        """Show how far a download is, if it is a long one."""
        total = self._known_total()
        if not (self.progress if self.progress is not None else (total or 0) > MANY):
            yield None
            return
        from tqdm.auto import tqdm

        name = self.path.rpartition("/")[2]
        with tqdm(total=total, desc=name, unit=" rows", unit_scale=True, miniters=1) as bar:
            yield bar

    def arrow(self) -> pa.Table:
        """Give all rows as an Arrow table; a related record is a struct."""
        with self.reader() as reader:
            return reader.read_all()

    def DataFrame(self, **options: Any) -> pd.DataFrame:  # noqa: N802 - what users of SQL magics type
        """Give all rows as a pandas DataFrame.

        Fields of a related record become columns named `relation.field`, which `%enfyra push`
        takes back. A `bigint` with gaps is of pandas' `Int64`, since floats have fewer digits.

        Args:
            options: As for `pyarrow.Table.to_pandas`.
        """
        import pandas
        import pyarrow as pa
        from enfyra_kernel.metadata.arrow import is_document

        from .exports import flattened

        table = flattened(self.arrow())
        frame = table.to_pandas(**options)
        for field in table.schema:
            column = table.column(field.name)
            if is_document(field):
                values = [None if text is None else json.loads(text) for text in column.to_pylist()]
                frame[field.name] = pandas.Series(values, dtype=object)
            elif not options and pa.types.is_int64(field.type) and column.null_count:
                frame[field.name] = pandas.Int64Dtype().__from_arrow__(column)
        return frame

    def polars(self) -> pl.DataFrame:
        """Give all rows as a Polars DataFrame; a related record is a struct.

        Raises:
            UsageError: Polars is not installed.
        """
        try:
            import polars
        except ImportError:
            raise UsageError(
                "Polars is not installed: pip install 'enfyra-kernel[polars]'"
            ) from None
        return polars.DataFrame(self)

    def to_csv(self, path: str | Path, *, formulas: bool = False, **options: Any) -> Path:
        """Write all rows as CSV; fields of a related record are columns named `relation.field`.

        Args:
            formulas: Whether texts may be formulas to a spreadsheet. One that begins with `=`,
                `+`, `-`, `@`, a tab or a carriage return gets an apostrophe in front otherwise.
            options: As for `pyarrow.csv.WriteOptions`.
        """
        from .exports import whole_file, write_csv

        with whole_file(path) as partial, self.reader() as reader:
            write_csv(reader, partial, formulas=formulas, **options)
        return Path(path)

    def to_feather(self, path: str | Path, *, compression: str | None = None) -> Path:
        """Write all rows as an Arrow file, which pandas and Polars can map into memory.

        Args:
            compression: None, lz4 or zstd.
        """
        from .exports import whole_file, write_feather

        with whole_file(path) as partial, self.reader() as reader:
            write_feather(reader, partial, compression=compression)
        return Path(path)

    def to_parquet(self, path: str | Path, **options: Any) -> Path:
        """Write all rows into a Parquet file, a few thousand at a time.

        The file is there when it is whole, or not at all, as with `to_csv` and `to_feather`.

        Args:
            options: As for `pyarrow.parquet.ParquetWriter`.
        """
        from .exports import whole_file, write_parquet

        with whole_file(path) as partial, self.reader() as reader:
            write_parquet(reader, partial, **options)
        return Path(path)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give all rows one by one, as dictionaries."""
        with self.reader() as reader:
            for batch in reader:
                yield from batch.to_pylist()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand all rows to a library that speaks Arrow."""
        import pyarrow as pa

        def batches() -> Iterator[pa.RecordBatch]:
            with opened as reader:
                yield from reader

        opened = _Opened(self.reader())
        stream = pa.RecordBatchReader.from_batches(opened.schema, batches())
        return stream.__arrow_c_stream__(requested_schema)


def _counted(reader: pa.RecordBatchReader, bar: Any) -> pa.RecordBatchReader:
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            yield batch
            bar.update(batch.num_rows)

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


class _Opened:
    """A reader that is opened before it is entered, since its schema is wanted first."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._reader = manager.__enter__()
        self.schema = self._reader.schema

    def __enter__(self) -> pa.RecordBatchReader:
        return self._reader

    def __exit__(self, *raised: Any) -> Any:
        return self._manager.__exit__(*raised)
