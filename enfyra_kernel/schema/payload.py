"""What clients send to define tables, columns and relations: read, with every problem named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ..metadata.types import LONG_TEXTS, ColumnType, OnDelete, RelationKind
from ..metadata.values import reader
from .raw import (
    ABSENT,
    Problems,
    check_keys,
    choice_of,
    flag_of,
    id_of,
    list_of,
    object_of,
    place_of,
    present,
    reference_of,
    text_of,
    was_of,
    with_newer_spelling,
)

MAX_VARCHAR = 16_000
MAX_MESSAGE = 255
MAX_ENUM_VALUE = 255
MAX_PRECISION = 65
# Decimals are 64-bit floats in SQLite, and Decimal128 in MongoDB.
_PRECISIONS = {"sqlite": 15, "mongodb": 34}
NOW = "now"

TABLE_KEYS = (
    "name", "alias", "description", "isSingleRecord", "validateBody", "metadata", "columns",
    "relations", "uniques", "indexes", "adopt",
)  # fmt: skip
COLUMN_KEYS = (
    "id", "name", "was", "type", "isPrimary", "isGenerated", "isNullable", "isUpdatable",
    "isPublished", "isEncrypted", "defaultValue", "options", "description", "placeholder",
    "metadata", "table", "rules",
)  # fmt: skip
RELATION_KEYS = (
    "id", "propertyName", "was", "type", "targetTable", "inversePropertyName", "mappedBy",
    "isNullable", "onDelete", "isPublished", "isUpdatable", "description", "metadata",
    "sourceTable", "rules",
)  # fmt: skip
RULE_KEYS = (
    "id", "ruleType", "value", "message", "isEnabled", "description", "column", "relation",
)  # fmt: skip
_COLUMN_FLAGS = (
    "isPrimary", "isGenerated", "isNullable", "isUpdatable", "isPublished", "isEncrypted",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInput:
    """A rule as sent; `values` holds the keys that were there."""

    id: int | None
    column: int | str | None
    relation: int | str | None
    values: Mapping[str, Any]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnInput:
    """A column as sent; `values` holds the keys that were there, `rules` is None without any."""

    id: int | None
    was: str | None
    values: Mapping[str, Any]
    rules: tuple[RuleInput, ...] | None
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
    rules: tuple[RuleInput, ...] | None
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
    raw = object_of(source, "the body", problems)
    check_keys(raw, TABLE_KEYS, "", problems)
    values = {
        "name": raw.get("name", ABSENT),
        "alias": text_of(raw, "alias", "", problems),
        "description": text_of(raw, "description", "", problems),
        "isSingleRecord": flag_of(raw, "isSingleRecord", "", problems),
        "validateBody": flag_of(raw, "validateBody", "", problems),
        "metadata": raw.get("metadata", ABSENT),
    }
    columns = list_of(raw, "columns", problems)
    relations = list_of(raw, "relations", problems)
    return TableInput(
        values=present(values),
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
        adopt=flag_of(raw, "adopt", "", problems) is True,
    )


def read_column(source: Any, place: str, problems: Problems) -> ColumnInput:
    """Read the definition of a column."""
    raw = object_of(source, place, problems)
    place = place_of(place, raw.get("name"))
    raw = with_newer_spelling(raw)
    check_keys(raw, COLUMN_KEYS, place, problems)
    values = {
        "name": _name(raw, "name", place, problems),
        "type": choice_of(raw, "type", ColumnType, place, problems),
        "options": raw.get("options", ABSENT),
        "defaultValue": raw.get("defaultValue", ABSENT),
        "metadata": raw.get("metadata", ABSENT),
        "description": text_of(raw, "description", place, problems),
        "placeholder": text_of(raw, "placeholder", place, problems),
    }
    for key in _COLUMN_FLAGS:
        values[key] = flag_of(raw, key, place, problems)
    return ColumnInput(
        id=id_of(raw, place, problems),
        was=was_of(raw, place, problems),
        values=present(values),
        rules=_rules(raw, place, problems),
        place=place,
    )


def read_relation(source: Any, place: str, problems: Problems) -> RelationInput:
    """Read the definition of a relation."""
    raw = object_of(source, place, problems)
    place = place_of(place, raw.get("propertyName"))
    raw = with_newer_spelling(raw)
    check_keys(raw, RELATION_KEYS, place, problems)
    values = {
        "propertyName": _name(raw, "propertyName", place, problems),
        "type": choice_of(raw, "type", RelationKind, place, problems),
        "onDelete": choice_of(raw, "onDelete", OnDelete, place, problems, nullable=True),
        "metadata": raw.get("metadata", ABSENT),
        "description": text_of(raw, "description", place, problems),
    }
    for key in ("isNullable", "isPublished", "isUpdatable"):
        values[key] = flag_of(raw, key, place, problems)
    inverse = text_of(raw, "inversePropertyName", place, problems)
    return RelationInput(
        id=id_of(raw, place, problems),
        was=was_of(raw, place, problems),
        target=reference_of(raw, "targetTable", place, problems),
        inverse=None if inverse is ABSENT else inverse,
        mapped_by=reference_of(raw, "mappedBy", place, problems),
        values=present(values),
        rules=_rules(raw, place, problems),
        place=place,
    )


def read_rule(source: Any, place: str, problems: Problems) -> RuleInput:
    """Read a rule; whether it fits its field is seen when the whole table is there."""
    raw = object_of(source, place, problems)
    place = place_of(place, raw.get("ruleType"))
    check_keys(raw, RULE_KEYS, place, problems)
    values = {
        "ruleType": raw.get("ruleType", ABSENT),
        "value": _rule_value(raw.get("value", ABSENT)),
        "message": text_of(raw, "message", place, problems),
        "description": text_of(raw, "description", place, problems),
        "isEnabled": flag_of(raw, "isEnabled", place, problems),
    }
    if isinstance(values["message"], str) and len(values["message"]) > MAX_MESSAGE:
        problems.add(place, f"message must be at most {MAX_MESSAGE} characters long")
    return RuleInput(
        id=id_of(raw, place, problems),
        column=reference_of(raw, "column", place, problems),
        relation=reference_of(raw, "relation", place, problems),
        values=present(values),
        place=place,
    )


def _rule_value(value: Any) -> Any:
    """Give a rule's value as it is stored; `5` is short for `{"v": 5}`."""
    if value is ABSENT or value is None or isinstance(value, Mapping):
        return cast("Any", value)
    return {"v": value}


def _rules(raw: Mapping[str, Any], place: str, problems: Problems) -> tuple[RuleInput, ...] | None:
    rules = list_of(raw, "rules", problems, place)
    if rules is None:
        return None
    return tuple(
        read_rule(one, f"{place} rules[{number}]".strip(), problems)
        for number, one in enumerate(rules)
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
    most = _PRECISIONS.get(engine, MAX_PRECISION)
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


def _name(raw: Mapping[str, Any], key: str, place: str, problems: Problems) -> Any:
    """Read a field's name; whether it is a good one is seen when the whole table is there."""
    value = raw.get(key, ABSENT)
    if value is not ABSENT and not isinstance(value, str):
        problems.add(place, f"{key} must be a text")
        return ABSENT
    return value


def _groups(
    raw: Mapping[str, Any], key: str, problems: Problems
) -> tuple[tuple[str, ...], ...] | None:
    groups = list_of(raw, key, problems)
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
