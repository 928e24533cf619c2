"""Column types in Arrow, and back: what data frames see, and what is made of their columns."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import pyarrow as pa

from .tables import StoredColumn
from .types import ColumnType
from .values import precision_of

# Marks a text column that holds JSON, so that whoever reads it can tell.
TYPE_KEY = b"enfyra:type"

# Longer decimals need 256 bits.
MAX_DIGITS = 38

_TYPES: dict[ColumnType, Any] = {
    ColumnType.INT: pa.int32(),
    ColumnType.BIGINT: pa.int64(),
    ColumnType.FLOAT: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.DATETIME: pa.timestamp("us", "UTC"),
    ColumnType.TIMESTAMP: pa.timestamp("us", "UTC"),
    ColumnType.ARRAY_SELECT: pa.list_(pa.string()),
}


def arrow_type(type_: ColumnType, options: Any = None) -> Any:
    """Give the Arrow type of a column.

    Example:
        >>> arrow_type(ColumnType.DECIMAL, {"precision": 10, "scale": 2})
        Decimal128Type(decimal128(10, 2))
    """
    if type_ is ColumnType.DECIMAL:
        precision, scale = precision_of(options)
        return (pa.decimal128 if precision <= MAX_DIGITS else pa.decimal256)(precision, scale)
    return _TYPES.get(type_, pa.string())


def document_field(name: str, column: StoredColumn) -> Any:
    """Give the Arrow field of a column, marked when it holds JSON."""
    metadata = None
    if column.type is ColumnType.SIMPLE_JSON:
        metadata = {TYPE_KEY: column.type.value.encode()}
    return pa.field(name, arrow_type(column.type, column.options), metadata=metadata)


def is_document(field: Any) -> bool:
    """Say whether a field is marked as one that holds JSON.

    Example:
        >>> is_document(document_field("facts", StoredColumn("facts", ColumnType.SIMPLE_JSON)))
        True
    """
    metadata = field.metadata or {}
    return metadata.get(TYPE_KEY) == ColumnType.SIMPLE_JSON.value.encode()
