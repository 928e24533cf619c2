"""Definitions of tables for data that has none: from Arrow types, and what the values need."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from enfyra_kernel.errors import nearest
from enfyra_kernel.metadata.arrow import is_document
from enfyra_kernel.metadata.names import TIMESTAMPS, field_name_problem

from .documents import decoded

# Room to grow: a length is the next of these.
LENGTHS = (8, 16, 32, 64, 128, 255, 512)
MAX_INT = 2**31 - 1
DOCUMENT = {"type": "simple-json"}


class InferenceError(ValueError):
    """Why no definition can be made; the message names the columns."""


def infer_definition(
    table: pa.Table, key: Sequence[str] = (), *, whole_floats: bool = False
) -> dict[str, Any]:
    """Make the definition of a table that can hold given data.

    Args:
        table: The data; all values are looked at.
        key: The fields that tell rows apart; they get a unique index.
        whole_floats: Whether a column of floats that are all whole, with gaps, is of integers.
            pandas has no gaps in integers by default.

    Raises:
        InferenceError: If a column has a name or type that no table can have.

    Example:
        >>> infer_definition(pa.table({"n": [1, 2], "name": ["Ann", None]}))["columns"]
        [{'name': 'n', 'type': 'int', 'isNullable': False}, \
{'name': 'name', 'type': 'varchar', 'isNullable': True, 'options': {'length': 8}}]
    """
    problems = [problem for name in table.column_names if (problem := _name_problem(name))]
    columns: list[dict[str, Any]] = []
    for name in table.column_names:
        if name in TIMESTAMPS:
            continue  # Each table has them, and the server keeps them.
        values = table.column(name)
        if "." in name:
            problems.append(f"'{name}' names a relation: define the table first")
            continue
        is_json = is_document(table.schema.field(name))
        facts = DOCUMENT if is_json else _facts(values, whole_floats=whole_floats)
        if facts is None:
            problems.append(
                f"'{name}' is of the type {values.type}, which no column can hold:"
                " make texts or numbers of it"
            )
            continue
        if name == "id":
            columns.append({"name": name, "type": facts["type"], "isPrimary": True})
        else:
            nullable = values.null_count > 0 and name not in key
            columns.append({"name": name, "isNullable": nullable, **facts})
    if not table.column_names:
        problems.append("there are no columns")
    absent = [name for name in key if name not in table.column_names]
    for name in absent:
        meant = nearest(name, table.column_names)
        problems.append(
            f"the key '{name}' is no column." + (f" Did you mean '{meant}'?" if meant else "")
        )
    if problems:
        raise InferenceError("; ".join(problems))
    ordered = [{"name": one.pop("name"), "type": one.pop("type"), **one} for one in columns]
    unique = [list(key)] if key and list(key) != ["id"] else []
    return {"columns": ordered, "uniques": unique}


def _name_problem(name: str) -> str | None:
    if "." in name:
        return None
    problem = field_name_problem(name)
    if problem is None:
        return None
    better = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "column"
    better = better if better[0].isalpha() else f"column_{better}"
    return f"'{name}' {problem}; --rename '{name}={better}' gives another name"


def _facts(values: pa.ChunkedArray, *, whole_floats: bool) -> dict[str, Any] | None:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _facts(decoded(values), whole_floats=whole_floats)
    if pa.types.is_integer(kind):
        return _integer(values)
    if pa.types.is_floating(kind):
        return _integer(values) if whole_floats and _is_whole(values) else {"type": "float"}
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return {"type": "boolean" if pa.types.is_boolean(kind) else "text"}
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        return _text(values.cast(pa.large_string()))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return {"type": "datetime" if pa.types.is_timestamp(kind) else "date"}
    if pa.types.is_decimal(kind):
        return {
            "type": "decimal", "options": {"precision": kind.precision, "scale": kind.scale}
        }  # fmt: skip
    if isinstance(kind, pa.UuidType):
        return {"type": "uuid"}
    if pa.types.is_nested(kind):
        return DOCUMENT
    return None


def _integer(values: pa.ChunkedArray) -> dict[str, Any]:
    bounds: Mapping[str, Any] = pc.min_max(values).as_py()
    least, most = bounds["min"] or 0, bounds["max"] or 0
    return {"type": "int" if least >= -MAX_INT and most <= MAX_INT else "bigint"}


def _is_whole(values: pa.ChunkedArray) -> bool:
    if not values.null_count or values.null_count == len(values):
        return False
    whole = pc.all(pc.and_(pc.is_finite(values), pc.equal(values, pc.round(values))))
    return whole.as_py() is True and abs(pc.max(pc.abs(values)).as_py()) < 2**53


def _text(values: pa.ChunkedArray) -> dict[str, Any]:
    longest = pc.max(pc.utf8_length(values)).as_py() or 0
    for length in LENGTHS:
        if longest <= length:
            return {"type": "varchar", "options": {"length": length}}
    return {"type": "text"}
