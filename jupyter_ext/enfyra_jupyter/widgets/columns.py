"""The columns of a result: what each holds, and whether it can be sorted, filtered and changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from ..display import text_of
from ..schema import Schema, TableInfo

# What a column's type means to whoever looks at it: which editor, which filter.
KINDS = {
    "int": "integer",
    "bigint": "integer",
    "float": "number",
    "decimal": "decimal",
    "boolean": "boolean",
    "enum": "choice",
    "uuid": "uuid",
    "ObjectId": "uuid",
    "date": "date",
    "datetime": "instant",
    "timestamp": "instant",
    "simple-json": "json",
    "array-select": "list",
}
_TO_ONE = frozenset({"many-to-one", "one-to-one"})
_JSON = {b"enfyra:type": b"simple-json"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a grid.

    Attributes:
        name: As in `title`, or `author.name` for a field of a related record.
        kind: text, integer, number, decimal, boolean, choice, uuid, date, instant, json, list or
            related.
        choices: What a choice is made from.
        nullable: Whether it may have no value.
        editable: Whether whoever asks may change it, as far as the definitions tell.
        insertable: Whether it may be given for a new row.
        default: What it becomes in a new row without it; None for nothing.
        sets: The field that a change is sent as, if it is not `name`: a relation is set by its key.
    """

    name: str
    kind: str
    choices: tuple[str, ...] = ()
    nullable: bool = True
    editable: bool = False
    sets: str = ""
    insertable: bool = False
    default: str | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """The names that lead to it."""
        return tuple(self.name.split("."))

    @property
    def sortable(self) -> bool:
        """Whether rows can be sorted by it."""
        return self.kind not in {"json", "list", "related"}

    @property
    def filterable(self) -> bool:
        """Whether rows can be filtered by it."""
        return self.kind != "related"

    def value_in(self, row: Mapping[str, Any]) -> Any:
        """Give its value of a row; None where a related record is missing."""
        if self.name in row:
            # Groups name their fields by paths.
            return row[self.name]
        value: Any = row
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def facts(self) -> dict[str, Any]:
        """Give what a face has to know."""
        return {
            "name": self.name,
            "kind": self.kind,
            "choices": list(self.choices),
            "nullable": self.nullable,
            "editable": self.editable,
            "insertable": self.insertable,
            "default": self.default,
            # A record is chosen by its name.
            "picks": bool(self.sets),
            "sortable": self.sortable,
            "filterable": self.filterable,
        }


def columns_of(
    shape: pa.Schema,
    table: TableInfo | None,
    schema: Schema,
    *,
    writable: bool,
    creatable: bool = False,
) -> list[Column]:
    """Give the columns of a result.

    Args:
        shape: The schema of its Arrow stream.
        table: Where the rows are from; None if that is not known, or the rows are groups.
        writable: Whether whoever asks may change rows.
        creatable: Whether whoever asks may make rows.

    Example:
        >>> shape = pa.schema([("n", pa.int64()), ("author", pa.struct([("name", pa.string())]))])
        >>> [(one.name, one.kind) for one in columns_of(shape, None, Schema(), writable=False)]
        [('n', 'integer'), ('author.name', 'text')]
    """
    may = _May(writable, creatable)
    return [_column(path, field, table, schema, may) for path, field in _leaves(shape)]


class _May(NamedTuple):
    """What whoever asks may do with rows."""

    change: bool
    create: bool


def _leaves(
    fields: pa.Schema | pa.StructType, before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], pa.Field]]:
    for field in fields:
        path = (*before, field.name)
        if pa.types.is_struct(field.type):
            yield from _leaves(field.type, path)
        else:
            yield path, field


def _column(
    path: tuple[str, ...], field: pa.Field, table: TableInfo | None, schema: Schema, may: _May
) -> Column:
    name = ".".join(path)
    owner = schema.follow(table, path[:-1])
    known = owner.columns.get(path[-1]) if owner is not None else None
    if known is None:
        return Column(name, _kind_in_arrow(field))
    kind = KINDS.get(known["type"], "text")
    # Only a choice has a list there.
    options = known["options"] if isinstance(known["options"], list) else []
    choices = tuple(map(str, options)) if kind == "choice" else ()
    if len(path) == 1:
        free = not known["readOnly"]
        return Column(
            name,
            kind,
            choices,
            nullable=bool(known["isNullable"]),
            editable=may.change and free and bool(known["isUpdatable"]) and not known["isPrimary"],
            insertable=may.create and free and not known["isGenerated"],
            default=None if known["defaultValue"] is None else text_of(known["defaultValue"]),
        )
    relation = _set_by_key(path, known, table)
    if relation is None:
        return Column(name, kind, choices)
    return Column(
        name,
        kind,
        nullable=bool(relation["isNullable"]),
        editable=may.change and bool(relation["isUpdatable"]),
        insertable=may.create,
        sets=path[0],
    )


def _set_by_key(
    path: tuple[str, ...], known: Mapping[str, Any], table: TableInfo | None
) -> Mapping[str, Any] | None:
    """Give the relation that a related record's key sets."""
    if len(path) != 2 or not known["isPrimary"] or table is None:
        return None
    relation = table.relations[path[0]]
    return None if relation["readOnly"] or relation["type"] not in _TO_ONE else relation


def _kind_in_arrow(field: pa.Field) -> str:
    types = pa.types
    if field.metadata and field.metadata.items() >= _JSON.items():
        return "json"
    if types.is_list(field.type) or types.is_large_list(field.type):
        return "related" if types.is_struct(field.type.value_type) else "list"
    for kind, holds in (
        ("boolean", types.is_boolean),
        ("integer", types.is_integer),
        ("number", types.is_floating),
        ("decimal", types.is_decimal),
        ("date", types.is_date),
        ("instant", types.is_timestamp),
    ):
        if holds(field.type):
            return kind
    return "text"
