"""The kinds of columns and relations."""

from __future__ import annotations

from enum import StrEnum


class ColumnType(StrEnum):
    """What a column holds; the names are those of the definitions."""

    INT = "int"
    BIGINT = "bigint"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    VARCHAR = "varchar"
    TEXT = "text"
    CODE = "code"
    RICHTEXT = "richtext"
    ENUM = "enum"
    UUID = "uuid"
    DATE = "date"
    DATETIME = "datetime"
    TIMESTAMP = "timestamp"
    SIMPLE_JSON = "simple-json"
    ARRAY_SELECT = "array-select"
    OBJECT_ID = "ObjectId"


INTEGERS = frozenset({ColumnType.INT, ColumnType.BIGINT})
NUMBERS = INTEGERS | {ColumnType.FLOAT, ColumnType.DECIMAL}
LONG_TEXTS = frozenset({ColumnType.TEXT, ColumnType.CODE, ColumnType.RICHTEXT})
TEXTS = LONG_TEXTS | {ColumnType.VARCHAR, ColumnType.ENUM}
INSTANTS = frozenset({ColumnType.DATETIME, ColumnType.TIMESTAMP})
DATES = INSTANTS | {ColumnType.DATE}
DOCUMENTS = frozenset({ColumnType.SIMPLE_JSON, ColumnType.ARRAY_SELECT})
# How long a choice's ciphertext is would tell which one it is.
ENCRYPTABLE = LONG_TEXTS | NUMBERS | DATES | {ColumnType.VARCHAR, ColumnType.SIMPLE_JSON}


class RelationKind(StrEnum):
    """How many records of one table belong to how many of the other."""

    MANY_TO_ONE = "many-to-one"
    ONE_TO_ONE = "one-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"

    @property
    def to_one(self) -> bool:
        """Whether the property holds one record (or none) rather than a list."""
        return self in {RelationKind.MANY_TO_ONE, RelationKind.ONE_TO_ONE}

    @property
    def inverse(self) -> RelationKind:
        """The kind of the same relation, seen from the other table."""
        return _INVERSE[self]


_INVERSE = {
    RelationKind.MANY_TO_ONE: RelationKind.ONE_TO_MANY,
    RelationKind.ONE_TO_MANY: RelationKind.MANY_TO_ONE,
    RelationKind.ONE_TO_ONE: RelationKind.ONE_TO_ONE,
    RelationKind.MANY_TO_MANY: RelationKind.MANY_TO_MANY,
}


class OnDelete(StrEnum):
    """What happens to a record when the one that it refers to is deleted."""

    CASCADE = "CASCADE"
    RESTRICT = "RESTRICT"
    SET_NULL = "SET NULL"


class RuleType(StrEnum):
    """What a column rule asks of a value."""

    MIN = "min"
    MAX = "max"
    MIN_LENGTH = "minLength"
    MAX_LENGTH = "maxLength"
    PATTERN = "pattern"
    FORMAT = "format"
    MIN_ITEMS = "minItems"
    MAX_ITEMS = "maxItems"
