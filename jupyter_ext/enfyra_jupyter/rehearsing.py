"""What sending data into a table would do: rows that are new, changed or refused, and cells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .client import ApiError, Client
from .display import Listing, text_of
from .exports import flattened
from .frames import ResultFrame
from .inference import InferenceError, infer_definition
from .push import push
from .schema import Schema, TableInfo
from .sources import DataError, Fitting, Source

# So many cells are shown, and so many refused rows are looked for.
CELLS, REFUSED = 20, 10
# Of more rows than these, one that is refused is enough: each that is found sends all others again.
MANY = 20_000
# Keys that are asked for one by one; of more, the whole table is read.
ASKED = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """A value that would become another.

    Attributes:
        key: Which row, by its key.
    """

    key: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What sending data would do; nothing has been written.

    Attributes:
        rows: How many rows there are in the data.
        changed: How many rows that are there would be others; None where nobody knows.
        gone: How many rows would be deleted first.
        replaced: How many rows a later one with the same key would replace.
        refused: What is wrong with rows, as far as it was looked for.
        cells: The first cells that would change.
        columns: What the table would need: new columns, or wider ones, in words.
        blind: Columns that could not be compared.

    Example:
        >>> Rehearsal(table="post", mode="upsert", rows=3, new=1, changed=1, unchanged=1)
        Dry run: 3 rows into post (upsert): 1 new, 1 changed, 1 unchanged. Nothing was written
    """

    table: str
    mode: str
    rows: int
    new: int = 0
    changed: int | None = 0
    unchanged: int = 0
    gone: int = 0
    replaced: int = 0
    refused: Sequence[str] = ()
    cells: Sequence[Cell] = ()
    columns: Sequence[str] = ()
    blind: Sequence[str] = ()

    @property
    def summary(self) -> str:
        """All of it in a sentence."""
        counts = [f"{self.new:,} new"]
        if self.changed is not None and self.mode == "upsert":
            counts += [f"{self.changed:,} changed", f"{self.unchanged:,} unchanged"]
        if self.gone:
            counts.append(f"{self.gone:,} that are there would be deleted")
        if self.replaced:
            counts.append(f"{self.replaced:,} replaced by later ones with the same key")
        if self.refused:
            counts.append(f"{len(self.refused)} refused, so that nothing would be loaded")
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return (
            f"Dry run: {rows} into {self.table} ({self.mode}): {', '.join(counts)}. "
            "Nothing was written"
        )

    def listing(self) -> Listing:
        """Give it as tables to look at."""
        below: list[Listing] = []
        if self.columns:
            needed = [[one] for one in self.columns]
            title = f"What {self.table} lacks for the data"
            below.append(Listing(title, ["column"], needed))
        if self.refused:
            below.append(Listing("Refused", ["why"], [[one] for one in self.refused]))
        if self.cells:
            cells = [
                [one.key, one.name, text_of(one.before), text_of(one.after)] for one in self.cells
            ]
            below.append(Listing("Changes", ["key", "column", "is", "becomes"], cells))
        note = f"not compared: {', '.join(self.blind)}" if self.blind else ""
        return Listing(self.summary, (), (), note, below)

    def __repr__(self) -> str:
        return repr(self.listing())

    def _repr_html_(self) -> str:
        return self.listing()._repr_html_()


def rehearse(
    client: Client,
    source: Source,
    table: TableInfo,
    schema: Schema,
    *,
    mode: str = "append",
    key: Sequence[str] = (),
    missing: str = "error",
) -> Rehearsal:
    """Say what `push` would do. The server tries it, and takes it back.

    Raises:
        ApiError: What the server said of all of it, rather than of a row.
    """
    data = source.whole()
    columns, lacking = _needed(data, table, whole_floats=source.is_pandas)
    known = data.drop_columns(list(lacking)) if lacking else data
    fitted, refused = _fitted(known, table, schema)
    if not refused and known.num_columns:
        refused = _refusals(client, known, table, schema, mode=mode, key=key, missing=missing)
    facts: dict[str, Any] = {"table": table.name, "mode": mode, "rows": data.num_rows}
    facts |= {"refused": refused, "columns": columns}
    if mode == "upsert" and fitted is not None and set(key) <= set(fitted.column_names):
        return Rehearsal(**facts, **_compared(client, fitted, table, key))
    there = _count(client, table) if mode == "replace" else 0
    changed = None if mode == "upsert" else 0
    return Rehearsal(**facts, new=data.num_rows, changed=changed, gone=there)


def _count(client: Client, table: TableInfo) -> int:
    answer = client.get(table.path, limit=1, meta="totalCount")
    return int(answer["meta"]["totalCount"])


# -- columns --------------------------------------------------------------------------------------


def _needed(data: pa.Table, table: TableInfo, *, whole_floats: bool) -> tuple[list[str], list[str]]:
    """Give what the table would need for the data, in words, and the columns that it lacks."""
    told: list[str] = []
    lacking: list[str] = []
    for name in data.column_names:
        if name.partition(".")[0] in table.relations:
            continue
        one = data.select([name])
        try:
            wanted = infer_definition(one, whole_floats=whole_floats)["columns"][0]
        except InferenceError as error:
            if name not in table.columns:
                told.append(f"{name}: {error}")
                lacking.append(name)
            continue
        if name not in table.columns:
            lacking.append(name)
            told.append(f"+ {name}: {_worded(wanted)}")
            continue
        told += _wider(name, table.columns[name], wanted, one.column(name))
    return told, lacking


def _worded(column: Mapping[str, Any]) -> str:
    from enfyra_kernel.definitions.files.wording import column_text

    return column_text(column)


def _wider(
    name: str, column: Mapping[str, Any], wanted: Mapping[str, Any], values: pa.ChunkedArray
) -> list[str]:
    told: list[str] = []
    length = (column.get("options") or {}).get("length") if column["type"] == "varchar" else None
    needed = (wanted.get("options") or {}).get("length")
    if length is not None and wanted["type"] in {"varchar", "text"}:
        longest = pc.max(pc.utf8_length(values.cast(pa.large_string()))).as_py() or 0
        if longest > length:
            wider = f"varchar({needed})" if needed else "text"
            told.append(f"~ {name}: {_worded(column)} becomes {wider} ({longest} characters)")
    if column["type"] == "int" and wanted["type"] == "bigint":
        told.append(f"~ {name}: int becomes bigint")
    if not column.get("isNullable", True) and values.null_count and not column.get("isPrimary"):
        told.append(f"~ {name}: has {values.null_count:,} empty values, and must have one")
    return told


# -- rows that are refused ------------------------------------------------------------------------


def _fitted(data: pa.Table, table: TableInfo, schema: Schema) -> tuple[pa.Table | None, list[str]]:
    """Give the data in the types of the table, or what is wrong with it."""
    fitting = Fitting(data.schema, table, schema)
    batches: list[pa.RecordBatch] = []
    before = 0
    try:
        for batch in data.combine_chunks().to_batches():
            batches.append(fitting.fit(batch, before))
            before += batch.num_rows
    except DataError as error:
        return None, [str(error)]
    return pa.Table.from_batches(batches, fitting.schema), []


def _refusals(
    client: Client, data: pa.Table, table: TableInfo, schema: Schema, **options: Any
) -> list[str]:
    """Have the server try the rows, and those that are left without the ones that it refuses."""
    told: list[str] = []
    numbers = list(range(data.num_rows))
    while True:
        left = data.take(numbers) if len(numbers) < data.num_rows else data
        try:
            push(client, Source(left), table, schema, dry_run=True, progress=False, **options)
        except ApiError as error:
            row = _row_of(error)
            if row is None or row >= len(numbers):
                if not told and error.status >= 500:
                    raise
                return [*told, error.message]
            told.append(error.message.replace(f"row {row}", f"row {numbers[row]}", 1))
            del numbers[row]
        else:
            return told
        if data.num_rows > MANY or len(told) == REFUSED or not numbers:
            return told


def _row_of(error: ApiError) -> int | None:
    row = error.details.get("row") if isinstance(error.details, Mapping) else None
    return row if isinstance(row, int) else None


# -- rows that are there --------------------------------------------------------------------------


def _compared(
    client: Client, data: pa.Table, table: TableInfo, key: Sequence[str]
) -> dict[str, Any]:
    """Compare rows with those that are there; give the counts, and the first cells."""
    places: dict[Any, int] = {}
    for number, one in enumerate(_keys(data, key)):
        # A null is equal to nothing.
        places[(number, *one) if None in one else one] = number
    there = _existing(client, table, data, key)
    known = {one: number for number, one in enumerate(_keys(there, key))}
    pairs = [(number, known[one]) for one, number in places.items() if one in known]
    pairs.sort()
    mine = data.take(pa.array([one for one, _ in pairs], pa.int64()))
    theirs = there.take(pa.array([one for _, one in pairs], pa.int64()))
    changed = pa.array([False] * len(pairs), pa.bool_())
    different: dict[str, pa.Array] = {}
    blind: list[str] = []
    for name in data.column_names:
        if name in key:
            continue
        found = _different(mine, theirs, name, table)
        if found is None:
            blind.append(name)
            continue
        different[name] = found
        changed = pc.or_(changed, found)
    count = pc.sum(changed).as_py() or 0
    return {
        "new": len(places) - len(pairs),
        "changed": count,
        "unchanged": len(pairs) - count,
        "replaced": data.num_rows - len(places),
        "cells": _cells(mine, theirs, changed, different, key),
        "blind": blind,
    }


def _keys(data: pa.Table, key: Sequence[str]) -> list[tuple[Any, ...]]:
    columns = [[_plain(one) for one in data.column(name).to_pylist()] for name in key]
    return list(zip(*columns, strict=True))


def _plain(value: Any) -> Any:
    # An id travels as a text, whatever case it is written in.
    return value.lower() if isinstance(value, str) and len(value) == 36 else value


def _existing(client: Client, table: TableInfo, data: pa.Table, key: Sequence[str]) -> pa.Table:
    """Get the rows that the data may meet, in the columns that it has."""
    query: dict[str, Any] = {"fields": list(dict.fromkeys([*key, *data.column_names]))}
    if data.num_rows <= ASKED and len(key) == 1:
        values = [one for one in data.column(key[0]).to_pylist() if one is not None]
        query["filter"] = {key[0]: {"_in": [_asked(one) for one in values]}}
    frame = ResultFrame(client, table.path, query)
    frame.progress = False
    return flattened(frame.arrow())


def _asked(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else str(value)


def _different(mine: pa.Table, theirs: pa.Table, name: str, table: TableInfo) -> pa.Array | None:
    """Say of each pair of rows whether a column differs; None where that cannot be told."""
    if name not in theirs.column_names:
        return None
    before = theirs.column(name).combine_chunks()
    after = mine.column(name).combine_chunks()
    column = table.columns.get(name)
    if column is not None and column["type"] == "simple-json":
        pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
        return pa.array([_document(one) != _document(other) for one, other in pairs], pa.bool_())
    try:
        if after.type != before.type:
            after = after.cast(before.type)
        unlike = pc.fill_null(pc.not_equal(before, after), False)
    except pa.ArrowException:
        return None
    return pc.or_(unlike, pc.xor(pc.is_null(before), pc.is_null(after)))


def _document(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _cells(
    mine: pa.Table,
    theirs: pa.Table,
    changed: pa.Array,
    different: Mapping[str, pa.Array],
    key: Sequence[str],
) -> list[Cell]:
    cells: list[Cell] = []
    for row in pc.indices_nonzero(changed).to_pylist():
        shown = " ".join(text_of(mine.column(name)[row].as_py()) for name in key)
        for name, found in different.items():
            if found[row].as_py():
                before, after = theirs.column(name)[row].as_py(), mine.column(name)[row].as_py()
                cells.append(Cell(shown, name, before, after))
            if len(cells) == CELLS:
                return cells
    return cells
