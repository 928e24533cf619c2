"""Tables and flows in the words that people write them in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...metadata.types import RelationKind
from ...metadata.values import listed_options
from ..kinds import SOURCE, STEP_DEFAULTS, WITHIN, Item
from ..tables import whole_column, whole_relation
from .words import DefinitionError, read_table

_ORDER = (
    "was", "alias", "description", "isSingleRecord", "validateBody", "metadata", "adopt", "columns",
    "relations", "uniques", "indexes",
)  # fmt: skip
_STEP_ORDER = ("key", *STEP_DEFAULTS, *WITHIN)
_RETRY = "retry"


# -- tables ---------------------------------------------------------------------------------------


def worded_table(item: Mapping[str, Any]) -> Item:
    """Give a table as the cell of `%%enfyra table` has it, without its name.

    Example:
        >>> worded_table({"name": "post", "uniques": [["no"]], "columns": [
        ...     {"name": "no", "type": "int", "isNullable": False}]})
        {'columns': {'no': 'int! unique'}}
    """
    uniques = [list(group) for group in item.get("uniques", ())]
    columns: dict[str, Any] = {}
    for column in item.get("columns", ()):
        alone = [column["name"]]
        text = _column_text(column, unique=alone in uniques)
        if text is not None and alone in uniques:
            uniques.remove(alone)
        columns[column["name"]] = text or _without(column, "name")
    relations = {
        one["propertyName"]: _relation_text(one) or _without(one, "propertyName")
        for one in item.get("relations", ())
    }
    groups = {"uniques": uniques, "indexes": item.get("indexes", ())}
    worded: Item = {
        **_without(item, "name"),
        "columns": columns,
        "relations": relations,
        **{name: [_group(one) for one in found] for name, found in groups.items()},
    }
    return {name: worded[name] for name in _ORDER if worded.get(name) not in (None, [], {})}


def _group(names: Any) -> Any:
    return names[0] if len(names) == 1 else names


def _without(item: Mapping[str, Any], *names: str) -> Item:
    return {name: value for name, value in item.items() if name not in names}


def column_text(column: Mapping[str, Any]) -> str:
    """Give a column in short words, as far as these can say it.

    Example:
        >>> column_text({"name": "mood", "type": "enum", "options": ["good", "so so"],
        ...              "defaultValue": "good", "isNullable": False})
        'enum(good, so so)! = good'
    """
    text = str(column.get("type"))
    options = listed_options(column.get("options"))
    if options:
        text += f"({', '.join(map(str, options))})"
    if not column.get("isNullable", True) and not column.get("isPrimary"):
        text += "!"
    if column.get("isPrimary"):
        text += " primary"
    if not column.get("isPublished", True):
        text += " hidden"
    if column.get("was") is not None:
        text += f" was {column['was']}"
    default = column.get("defaultValue")
    if default is not None:
        text += f" = {_default_text(default)}"
    return text


def _default_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _column_text(column: Mapping[str, Any], *, unique: bool) -> str | None:
    """Give a column in short words if these say all of it."""
    text = column_text(column)
    if unique:
        head, sign, default = text.partition(" = ")
        text = f"{head} unique{sign}{default}"
    try:
        read = read_table({"columns": {column["name"]: text}})
    except DefinitionError:
        return None
    if read["uniques"] != ([[column["name"]]] if unique else []):
        return None
    same = whole_column(read["columns"][0]) == whole_column(column)
    return text if same and _same_kinds(read["columns"][0], column) else None


def _same_kinds(read: Mapping[str, Any], column: Mapping[str, Any]) -> bool:
    # 1 and 1.0 and True are equal.
    return type(read.get("defaultValue")) is type(column.get("defaultValue"))


def relation_text(relation: Mapping[str, Any]) -> str:
    """Give a relation in short words, as far as these can say it.

    Example:
        >>> relation_text({"propertyName": "author", "type": "many-to-one",
        ...                "targetTable": "person", "inversePropertyName": "posts"})
        'person inverse posts'
    """
    kind = relation.get("type")
    text = "" if kind == RelationKind.MANY_TO_ONE else f"{kind} "
    text += str(relation.get("targetTable"))
    if not relation.get("isNullable", True):
        text += "!"
    if relation.get("inversePropertyName") is not None:
        text += f" inverse {relation['inversePropertyName']}"
    if relation.get("onDelete") is not None:
        text += f" on-delete {str(relation['onDelete']).lower().replace(' ', '-')}"
    if not relation.get("isPublished", True):
        text += " hidden"
    if relation.get("was") is not None:
        text += f" was {relation['was']}"
    return text


def _relation_text(relation: Mapping[str, Any]) -> str | None:
    text = relation_text(relation)
    try:
        read = read_table({"relations": {relation["propertyName"]: text}})["relations"][0]
    except DefinitionError:
        return None
    return text if whole_relation(read) == whole_relation(relation) else None


# -- flows ----------------------------------------------------------------------------------------


def worded_step(item: Mapping[str, Any]) -> Item:
    """Give a step of a flow as the cell of `%%enfyra flow` has it.

    Example:
        >>> worded_step({"key": "a", "sourceCode": "return 1", "onError": "retry",
        ...              "retryAttempts": 2})
        {'key': 'a', 'retry': 2, 'source': 'return 1'}
    """
    step: Item = {}
    for name in _STEP_ORDER:
        if name not in item:
            continue
        value = item[name]
        if name == SOURCE:
            step["source"] = value
        elif name in WITHIN:
            step[name] = [worded_step(one) for one in value]
        else:
            step[name] = value
    if step.get("onError") == _RETRY and step.get("retryAttempts"):
        step = {
            _RETRY if name == "onError" else name: value
            for name, value in step.items()
            if name != "retryAttempts"
        }
        step[_RETRY] = item["retryAttempts"]
    return step


def plain_step(step: Mapping[str, Any]) -> Item:
    """Give a step by the API's names."""
    item = dict(step)
    if "source" in item:
        item[SOURCE] = item.pop("source")
    if _RETRY in item:
        item |= {"onError": _RETRY, "retryAttempts": item.pop(_RETRY)}
    for name in WITHIN:
        if isinstance(item.get(name), list):
            item[name] = [plain_step(one) if isinstance(one, dict) else one for one in item[name]]  # pyright: ignore[reportUnknownArgumentType]
    return item
