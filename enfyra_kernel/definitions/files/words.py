"""Definitions of tables as people write them, read into what the API takes.

A column is `TYPE[(...)][!] [primary] [unique] [hidden] [was NAME] [= DEFAULT]`, a relation
`[KIND] TABLE[!] [inverse NAME] [on-delete RULE] [hidden] [was NAME]`; both can be written out as
objects with the API's own names instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ...errors import did_you_mean
from ...metadata.types import ColumnType, OnDelete, RelationKind
from .yamls import read_yaml

TABLE_KEYS = (
    "columns", "relations", "uniques", "indexes", "alias", "description", "isSingleRecord",
    "validateBody", "metadata", "adopt", "was",
)  # fmt: skip
COLUMN_TYPES = tuple(one.value for one in ColumnType)
RELATION_KINDS = tuple(one.value for one in RelationKind)
COLUMN_WORDS = ("primary", "unique", "hidden", "was", "=")
RELATION_WORDS = ("inverse", "on-delete", "hidden", "was")
ON_DELETE = tuple(one.value.lower().replace(" ", "-") for one in OnDelete)

_TYPE = re.compile(r"\s*(?P<name>[A-Za-z][\w-]*)\s*(?:\((?P<inside>[^)]*)\))?\s*(?P<required>!?)")
_TARGET = re.compile(r"(?P<name>[^\s!]+)(?P<required>!?)")


class DefinitionError(ValueError):
    """What is wrong with a definition; each line of the message begins with the place."""


def read_table(source: Any, what: str = "The table") -> dict[str, Any]:
    """Read a table's definition, without its name, into the API's payload.

    The key `was`, which names the table as it has been called, is left in.

    Args:
        what: What the definition stands in, for people.

    Raises:
        DefinitionError: With all that is wrong.

    Example:
        >>> read_table({"columns": {"title": "varchar(60)!"}})["columns"]
        [{'name': 'title', 'type': 'varchar', 'isNullable': False, 'options': {'length': 60}, \
'defaultValue': None}]
    """
    if not isinstance(source, Mapping):
        raise DefinitionError(f"{what} must hold `columns:`, `relations:` and the like")
    named = cast("Mapping[str, Any]", source)
    for key in named:
        if key not in TABLE_KEYS:
            raise DefinitionError(f"A table has no '{key}'.{did_you_mean(str(key), TABLE_KEYS)}")
    return _Definition(named).read()


class _Definition:
    def __init__(self, source: Mapping[str, Any]) -> None:
        self._source = source
        self._problems: list[str] = []
        self._uniques: list[list[str]] = []

    def read(self) -> dict[str, Any]:
        payload = {
            key: value for key, value in self._source.items() if key not in {"uniques", "indexes"}
        }
        if "columns" in payload:
            payload["columns"] = list(self._entries("columns", "name", self._column))
        if "relations" in payload:
            payload["relations"] = list(self._entries("relations", "propertyName", self._relation))
        for key in ("uniques", "indexes"):
            if key in self._source or (key == "uniques" and self._uniques):
                payload[key] = self._groups(key)
        if "uniques" in payload:
            payload["uniques"] += [one for one in self._uniques if one not in payload["uniques"]]
        elif "columns" in payload:
            # A column that is no longer marked unique loses its unique index.
            payload["uniques"] = []
        if self._problems:
            raise DefinitionError("\n".join(self._problems))
        return payload

    def _entries(self, key: str, named: str, read: Any) -> Iterator[dict[str, Any]]:
        """Give the entries of a section, whichever way they are written."""
        section = self._source[key]
        entries: list[tuple[Any, Any]] = []
        if isinstance(section, Mapping):
            given = cast("Mapping[Any, Any]", section)
            entries = [(str(name), value) for name, value in given.items()]
        elif isinstance(section, list):
            for number, item in enumerate(cast("list[Any]", section)):
                is_object = isinstance(item, Mapping)
                one: Mapping[str, Any] = cast("Mapping[str, Any]", item) if is_object else {}
                if not one:
                    self._problems.append(f"{key}[{number}] must be an object with '{named}'")
                elif named in one or len(one) > 1:
                    entries.append((one.get(named), {k: v for k, v in one.items() if k != named}))
                else:
                    entries += [(str(name), value) for name, value in one.items()]
        else:
            self._problems.append(f"{key} must list names, each with what it is")
            return
        for name, value in entries:
            place = f"{key}.{name}"
            if isinstance(value, Mapping):
                yield {named: name, **value}
            elif isinstance(value, str):
                found = read(name, value, place)
                if found is not None:
                    yield found
            else:
                example = "varchar(60)!" if key == "columns" else "author!"
                self._problems.append(f"{place} says not what it is, such as '{example}'")

    def _groups(self, key: str) -> list[list[str]]:
        groups: Any = self._source.get(key) or []
        if not isinstance(groups, list):
            self._problems.append(f"{key} must be a list of fields, or of lists of fields")
            return []
        return [[one] if isinstance(one, str) else one for one in cast("list[Any]", groups)]

    # -- columns --------------------------------------------------------------------------------

    def _column(self, name: str, text: str, place: str) -> dict[str, Any] | None:
        head, has_default, default = text.partition("=")
        found = _TYPE.match(head)
        if found is None:
            self._problems.append(f"{place}: '{text}' does not begin with a type")
            return None
        type_ = found["name"]
        if type_ not in COLUMN_TYPES:
            hint = did_you_mean(type_, COLUMN_TYPES) or f" There are: {', '.join(COLUMN_TYPES)}"
            self._problems.append(f"{place}: there is no type '{type_}'.{hint}")
            return None
        column: dict[str, Any] = {"name": name, "type": type_}
        words = self._words(head[found.end() :], COLUMN_WORDS, {"was"}, place)
        if "primary" in words or name == "id":
            column["isPrimary"] = True
        else:
            column["isNullable"] = not found["required"]
            column["options"] = self._options(type_, found["inside"], place)
            column["defaultValue"] = _value(type_, default) if has_default else None
        if "hidden" in words:
            column["isPublished"] = False
        if "was" in words:
            column["was"] = words["was"]
        if "unique" in words:
            self._uniques.append([name])
        return column

    def _options(self, type_: str, inside: str | None, place: str) -> Any:
        if inside is None:
            return None
        parts = [part.strip().strip("'\"") for part in inside.split(",") if part.strip()]
        if type_ in {"enum", "array-select"}:
            return parts
        if type_ not in {"varchar", "decimal"}:
            self._problems.append(f"{place}: {type_} takes nothing in parentheses")
            return None
        if not all(part.isdigit() for part in parts) or not parts:
            self._problems.append(f"{place}: '({inside})' must be whole numbers")
            return None
        numbers = [int(part) for part in parts]
        names = ("length",) if type_ == "varchar" else ("precision", "scale")
        if len(numbers) > len(names):
            self._problems.append(f"{place}: {type_} takes {' and '.join(names)}, no more")
            return None
        if type_ == "decimal" and len(numbers) == 1:
            numbers.append(0)
        return dict(zip(names, numbers, strict=False))

    # -- relations ------------------------------------------------------------------------------

    def _relation(self, name: str, text: str, place: str) -> dict[str, Any] | None:
        first, _, rest = text.strip().partition(" ")
        kind = RelationKind.MANY_TO_ONE.value
        if first in RELATION_KINDS:
            kind, text = first, rest
        elif "-" in first:
            # No table's name has a hyphen.
            hint = did_you_mean(first, RELATION_KINDS)
            self._problems.append(f"{place}: there is no kind of relation '{first}'.{hint}")
            return None
        found = _TARGET.match(text.strip())
        if found is None:
            self._problems.append(f"{place} names no table")
            return None
        after = text.strip()[found.end() :]
        words = self._words(after, RELATION_WORDS, {"inverse", "on-delete", "was"}, place)
        relation: dict[str, Any] = {
            "propertyName": name,
            "type": kind,
            "targetTable": found["name"],
            "isNullable": not found["required"],
        }
        if "inverse" in words:
            relation["inversePropertyName"] = words["inverse"]
        if "on-delete" in words:
            relation["onDelete"] = self._rule(words["on-delete"], place)
        if "hidden" in words:
            relation["isPublished"] = False
        if "was" in words:
            relation["was"] = words["was"]
        return relation

    def _rule(self, word: str, place: str) -> str:
        if word.lower() not in ON_DELETE:
            listed = ", ".join(ON_DELETE)
            self._problems.append(f"{place}: on-delete must be one of {listed}, not '{word}'")
        return word.upper().replace("-", " ")

    # -- words ----------------------------------------------------------------------------------

    def _words(
        self, text: str, known: tuple[str, ...], with_value: set[str], place: str
    ) -> dict[str, str]:
        words = iter(text.split())
        found: dict[str, str] = {}
        for word in words:
            if word not in known:
                hint = did_you_mean(word, known) or f" There are: {', '.join(known)}"
                self._problems.append(f"{place}: '{word}' is not understood.{hint}")
                break
            found[word] = next(words, "") if word in with_value else ""
            if word in with_value and not found[word]:
                self._problems.append(f"{place}: '{word}' must be followed by a name")
        return found


def _value(type_: str, text: str) -> Any:
    """Read a default; texts need no quotes."""
    text = text.strip()
    if type_ in {"varchar", "text", "code", "richtext", "enum", "uuid"} and text[:1] not in "'\"":
        return text
    return read_yaml(text)
