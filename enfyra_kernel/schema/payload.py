"""What clients send to define tables, columns and relations: read, with every problem named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ..errors import EnfyraError, did_you_mean
from ..metadata.types import LONG_TEXTS, ColumnType, OnDelete, RelationKind
from ..metadata.values import reader

MAX_VARCHAR = 16_000
MAX_ENUM_VALUE = 255
MAX_PRECISION = 65
NOW = "now"

TABLE_KEYS = (
    "name", "alias", "description", "isSingleRecord", "validateBody", "metadata", "columns",
    "relations", "uniques", "indexes", "adopt",
)  # fmt: skip
COLUMN_KEYS = (
    "id", "name", "was", "type", "isPrimary", "isGenerated", "isNullable", "isUpdatable",
    "isPublished", "isEncrypted", "defaultValue", "options", "description", "placeholder",
    "metadata", "table",
)  # fmt: skip
RELATION_KEYS = (
    "id", "propertyName", "was", "type", "targetTable", "inversePropertyName", "mappedBy",
    "isNullable", "onDelete", "isPublished", "isUpdatable", "description", "metadata",
    "sourceTable",
)  # fmt: skip
# What answers hold and clients send back unchanged.
IGNORED_KEYS = frozenset(
    {"createdAt", "updatedAt", "isSystem", "id", "isAdopted", "physicalName", "physicalType",
     "foreignKeyColumn", "referencedColumn", "constraintName", "junctionTableName",
     "junctionSourceColumn", "junctionTargetColumn", "isEncrypted", "inverse", "routes",
     "readOnly", "keyFields"}
)  # fmt: skip
ABSENT: Any = object()


class Problems:
    """Collects what is wrong, each with its place."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, place: str, problem: str) -> None:
        """Note a problem."""
        self.found.append(f"{place} {problem}" if place else problem)

    def check(self, code: str = "VALIDATION_ERROR") -> None:
        """Raise what was found, if anything."""
        if self.found:
            raise EnfyraError(code, problems=self.found)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnInput:
    """A column as sent; `values` holds the keys that were there."""

    id: int | None
    was: str | None
    values: Mapping[str, Any]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationInput:
    """A relation as sent."""

    id: int | None
    was: str | None
    target: int | str | None
    inverse: str | None
    mapped_by: int | str | None
    values: Mapping[str, Any]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableInput:
    """A table as sent; `columns` and the like are None where they were not."""

    values: Mapping[str, Any]
    columns: tuple[ColumnInput, ...] | None
    relations: tuple[RelationInput, ...] | None
    uniques: tuple[tuple[str, ...], ...] | None
    indexes: tuple[tuple[str, ...], ...] | None
    adopt: bool = field(default=False)


def read_table(source: Any, problems: Problems) -> TableInput:
    """Read the definition of a table; problems are collected."""
    raw = _object(source, "the body", problems)
    _known_keys(raw, TABLE_KEYS, "", problems)
    values = {
        "name": raw.get("name", ABSENT),
        "alias": _text(raw, "alias", "", problems),
        "description": _text(raw, "description", "", problems),
        "isSingleRecord": _flag(raw, "isSingleRecord", "", problems),
        "validateBody": _flag(raw, "validateBody", "", problems),
        "metadata": raw.get("metadata", ABSENT),
    }
    columns = _list(raw, "columns", problems)
    relations = _list(raw, "relations", problems)
    return TableInput(
        values=_present(values),
        columns=None
        if columns is None
        else tuple(
            read_column(one, f"columns[{number}]", problems) for number, one in enumerate(columns)
        ),
        relations=None
        if relations is None
        else tuple(
            read_relation(one, f"relations[{number}]", problems)
            for number, one in enumerate(relations)
        ),
        uniques=_groups(raw, "uniques", problems),
        indexes=_groups(raw, "indexes", problems),
        adopt=_flag(raw, "adopt", "", problems) is True,
    )


def read_column(source: Any, place: str, problems: Problems) -> ColumnInput:
    """Read the definition of a column."""
    raw = _object(source, place, problems)
    place = _named(place, raw.get("name"))
    raw = _with_newer_spelling(raw)
    _known_keys(raw, COLUMN_KEYS, place, problems)
    values = {
        "name": _name(raw, "name", place, problems),
        "type": _choice(raw, "type", ColumnType, place, problems),
        "options": raw.get("options", ABSENT),
        "defaultValue": raw.get("defaultValue", ABSENT),
        "metadata": raw.get("metadata", ABSENT),
        "description": _text(raw, "description", place, problems),
        "placeholder": _text(raw, "placeholder", place, problems),
    }
    for key in ("isPrimary", "isGenerated", "isNullable", "isUpdatable", "isPublished"):
        values[key] = _flag(raw, key, place, problems)
    if _flag(raw, "isEncrypted", place, problems) is True:
        problems.add(place, "isEncrypted is not available in this version")
    return ColumnInput(
        id=_id(raw, place, problems),
        was=_was(raw, place, problems),
        values=_present(values),
        place=place,
    )


def read_relation(source: Any, place: str, problems: Problems) -> RelationInput:
    """Read the definition of a relation."""
    raw = _object(source, place, problems)
    place = _named(place, raw.get("propertyName"))
    raw = _with_newer_spelling(raw)
    _known_keys(raw, RELATION_KEYS, place, problems)
    values = {
        "propertyName": _name(raw, "propertyName", place, problems),
        "type": _choice(raw, "type", RelationKind, place, problems),
        "onDelete": _choice(raw, "onDelete", OnDelete, place, problems, nullable=True),
        "metadata": raw.get("metadata", ABSENT),
        "description": _text(raw, "description", place, problems),
    }
    for key in ("isNullable", "isPublished", "isUpdatable"):
        values[key] = _flag(raw, key, place, problems)
    inverse = _text(raw, "inversePropertyName", place, problems)
    return RelationInput(
        id=_id(raw, place, problems),
        was=_was(raw, place, problems),
        target=_reference(raw, "targetTable", place, problems),
        inverse=None if inverse is ABSENT else inverse,
        mapped_by=_reference(raw, "mappedBy", place, problems),
        values=_present(values),
        place=place,
    )


# -- the type's options and the default -----------------------------------------------------------


def check_type(
    type_: ColumnType, options: Any, default: Any, place: str, problems: Problems, *, engine: str
) -> None:
    """Check a column's options and default against its type."""
    before = len(problems.found)
    named: Mapping[str, Any] = cast("Any", options) if isinstance(options, Mapping) else {}
    if type_ is ColumnType.OBJECT_ID and engine != "mongodb":
        problems.add(place, "the type ObjectId exists on MongoDB only; use uuid")
    elif type_ is ColumnType.VARCHAR:
        _check_number(named, "length", 1, MAX_VARCHAR, place, problems)
    elif type_ is ColumnType.DECIMAL:
        _check_decimal(named, place, problems, engine=engine)
    elif type_ is ColumnType.ENUM:
        _check_values(options, place, problems, required=True)
    elif type_ is ColumnType.ARRAY_SELECT:
        _check_values(options, place, problems, required=False)
    if default is None or len(problems.found) > before:
        return
    if default == NOW and type_ in {ColumnType.DATETIME, ColumnType.TIMESTAMP, ColumnType.DATE}:
        return
    try:
        reader(type_, options)(default)
    except ValueError as error:
        problems.add(place, f"defaultValue {error}")


def _check_number(
    options: Mapping[str, Any], key: str, low: int, high: int, place: str, problems: Problems
) -> None:
    value = options.get(key)
    if value is not None and (type(value) is not int or not low <= value <= high):
        problems.add(place, f"options.{key} must be a whole number from {low} to {high}")


def _check_decimal(
    options: Mapping[str, Any], place: str, problems: Problems, *, engine: str
) -> None:
    most = 15 if engine == "sqlite" else MAX_PRECISION
    _check_number(options, "precision", 1, most, place, problems)
    _check_number(options, "scale", 0, 30, place, problems)
    precision, scale = options.get("precision", 12), options.get("scale", 2)
    if type(precision) is int and type(scale) is int and scale > precision:
        problems.add(place, "options.scale must not be larger than options.precision")


def _check_values(options: Any, place: str, problems: Problems, *, required: bool) -> None:
    if isinstance(options, Mapping):
        options = cast("Mapping[str, Any]", options).get("values")
    if options is None and not required:
        return
    if not isinstance(options, list) or not options:
        problems.add(place, "options must be a list of the allowed values")
        return
    values = cast("list[Any]", options)
    if not all(isinstance(value, str) and 0 < len(value) <= MAX_ENUM_VALUE for value in values):
        problems.add(place, f"options must be texts of 1 to {MAX_ENUM_VALUE} characters")
    elif len(set(values)) != len(values):
        problems.add(place, "options must not repeat a value")


def can_be_unique(type_: ColumnType) -> bool:
    """Say whether every database can keep values of a type unique."""
    return type_ not in LONG_TEXTS | {ColumnType.SIMPLE_JSON, ColumnType.ARRAY_SELECT}


# -- parts of the raw input -----------------------------------------------------------------------


def _object(source: Any, place: str, problems: Problems) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return cast("Mapping[str, Any]", source)
    problems.add(place, "must be an object")
    problems.check()
    return {}


def _named(place: str, name: Any) -> str:
    return f"{place} ({name})" if isinstance(name, str) and len(name) < 80 else place


def _with_newer_spelling(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    if "isHidden" not in raw:
        return raw
    rest = {key: value for key, value in raw.items() if key != "isHidden"}
    return {"isPublished": raw["isHidden"] is not True, **rest}


def _known_keys(
    raw: Mapping[str, Any], known: tuple[str, ...], place: str, problems: Problems
) -> None:
    for key in raw:
        if key not in known and key not in IGNORED_KEYS:
            problems.add(place, f"knows no '{key}'.{did_you_mean(key, known)}".strip())


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not ABSENT}


def _name(raw: Mapping[str, Any], key: str, place: str, problems: Problems) -> Any:
    """Read a field's name; whether it is a good one is seen when the whole table is there."""
    value = raw.get(key, ABSENT)
    if value is not ABSENT and not isinstance(value, str):
        problems.add(place, f"{key} must be a text")
        return ABSENT
    return value


def _text(raw: Mapping[str, Any], key: str, place: str, problems: Problems) -> Any:
    value = raw.get(key, ABSENT)
    if value is ABSENT or value is None or isinstance(value, str):
        return value
    problems.add(place, f"{key} must be a text".strip())
    return ABSENT


def _flag(raw: Mapping[str, Any], key: str, place: str, problems: Problems) -> Any:
    value = raw.get(key, ABSENT)
    if value is ABSENT or isinstance(value, bool):
        return value
    problems.add(place, f"{key} must be true or false".strip())
    return ABSENT


def _choice(
    raw: Mapping[str, Any],
    key: str,
    kind: type[ColumnType | RelationKind | OnDelete],
    place: str,
    problems: Problems,
    *,
    nullable: bool = False,
) -> Any:
    value = raw.get(key, ABSENT)
    if value is ABSENT or (value is None and nullable):
        return value
    values = [one.value for one in kind]
    if value in values:
        return kind(value)
    hint = did_you_mean(value, values) if isinstance(value, str) else ""
    problems.add(place, f"{key} must be one of {', '.join(values)}.{hint}")
    return ABSENT


def _id(raw: Mapping[str, Any], place: str, problems: Problems) -> int | None:
    value = raw.get("id")
    if value is None or type(value) is int:
        return value
    problems.add(place, "id must be a number")
    return None


def _was(raw: Mapping[str, Any], place: str, problems: Problems) -> str | None:
    value = _text(raw, "was", place, problems)
    return value if isinstance(value, str) else None


def _reference(
    raw: Mapping[str, Any], key: str, place: str, problems: Problems
) -> int | str | None:
    """Read an id, a name, or an object that holds one of them."""
    value = raw.get(key)
    if isinstance(value, Mapping):
        named = cast("Mapping[str, Any]", value)
        value = named.get("id", named.get("name", named.get("propertyName")))
    if value is None or isinstance(value, str) or type(value) is int:
        return value
    problems.add(place, f"{key} must be an id, a name, or an object with one of them")
    return None


def _list(raw: Mapping[str, Any], key: str, problems: Problems) -> list[Any] | None:
    value = raw.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        problems.add(key, "must be a list")
        return None
    return cast("list[Any]", value)


def _groups(
    raw: Mapping[str, Any], key: str, problems: Problems
) -> tuple[tuple[str, ...], ...] | None:
    groups = _list(raw, key, problems)
    if groups is None:
        return None
    result: list[tuple[str, ...]] = []
    for number, group in enumerate(groups):
        parts = [group] if isinstance(group, str) else group
        if (
            not isinstance(parts, list)
            or not parts
            or not all(isinstance(part, str) for part in cast("list[Any]", parts))
        ):
            problems.add(f"{key}[{number}]", "must be a list of field names")
            continue
        result.append(tuple(cast("list[str]", parts)))
    return tuple(dict.fromkeys(result))
