"""What the server says is wrong with a table, by the fields of the form that it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PLACE = re.compile(r"(columns|relations)\[(\d+)\](?: \([^)]*\))?\s*(.*)", re.DOTALL)
# How the server names a field that it knows by its name.
_ABOUT = (
    (re.compile(r"^(?:column|relation) '(?P<name>[^']*)' (?P<said>)"), "name"),
    (re.compile(r"^\w+ has the (?:field|column) '(?P<name>[^']*)'(?P<said>)"), "name"),
    (re.compile(r"^\w+\.(?P<name>[^:]*): the rule (?P<said>)"), "rules"),
    (re.compile(r"^\w+\.(?P<name>.*?):? (?P<said>\w.*)"), "name"),
)
_BETWEEN = re.compile(
    r"; (?=(?:columns|relations|column|uniques|indexes|[\w.]+(?::| has| must))\b)"
)
_KEYS = {
    "type": "type", "name": "name", "propertyName": "name", "options": "options",
    "length": "options", "precision": "options", "scale": "options", "defaultValue": "default",
    "targetTable": "target", "inversePropertyName": "inverse", "onDelete": "onDelete",
    "rules": "rules", "isNullable": "required",
}  # fmt: skip


def problems_of(message: str, draft: Mapping[str, Any]) -> list[dict[str, str]]:
    """Say which field of a form each problem is about.

    Example:
        >>> problems_of("columns[0] (title) type must be one of int", {"columns": []})
        [{'place': 'columns.0.type', 'message': 'type must be one of int'}]
    """
    return [_problem(one, draft) for one in _BETWEEN.split(message)]


def _problem(text: str, draft: Mapping[str, Any]) -> dict[str, str]:
    found = _PLACE.match(text)
    if found is not None:
        section, number, said = found.groups()
        key = _KEYS.get(re.split(r"\W", said, maxsplit=1)[0], "name")
        return {"place": f"{section}.{number}.{key}", "message": said}
    for group in ("uniques", "indexes"):
        if text.startswith(group):
            return {"place": group, "message": text}
    for pattern, key in _ABOUT:
        about = pattern.search(text)
        if about is not None:
            place = _place(about["name"], draft)
            said = _KEYS.get(re.split(r"\W", about["said"], maxsplit=1)[0], key)
            return {"place": f"{place}.{said}" if place else "name", "message": text}
    return {"place": "name", "message": text}


def _place(name: str, draft: Mapping[str, Any]) -> str | None:
    """Give where a field stands; of two of a name, the one that came later."""
    for section in ("relations", "columns"):
        for number, one in reversed(list(enumerate(draft[section]))):
            if one["name"].strip() == name:
                return f"{section}.{number}"
    return None
