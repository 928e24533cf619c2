"""Parts of a raw definition: each is read, and what is wrong with it is noted with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..errors import EnfyraError, did_you_mean
from ..metadata.types import ColumnType, OnDelete, RelationKind

# What answers hold and clients send back unchanged.
IGNORED_KEYS = frozenset(
    {"createdAt", "updatedAt", "isSystem", "id", "isAdopted", "physicalName", "physicalType",
     "foreignKeyColumn", "referencedColumn", "constraintName", "junctionTableName",
     "junctionSourceColumn", "junctionTargetColumn", "inverse", "routes", "readOnly", "keyFields"}
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


def object_of(source: Any, place: str, problems: Problems) -> Mapping[str, Any]:
    """Give an object; anything else ends the reading."""
    if isinstance(source, Mapping):
        return cast("Mapping[str, Any]", source)
    problems.add(place, "must be an object")
    problems.check()
    return {}


def place_of(place: str, name: Any) -> str:
    """Give a place in a list with the name of what stands there."""
    return f"{place} ({name})" if isinstance(name, str) and len(name) < 80 else place


def with_newer_spelling(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give an input with `isPublished` for the older `isHidden`."""
    if "isHidden" not in raw:
        return raw
    rest = {key: value for key, value in raw.items() if key != "isHidden"}
    return {"isPublished": raw["isHidden"] is not True, **rest}


def check_keys(
    raw: Mapping[str, Any], known: tuple[str, ...], place: str, problems: Problems
) -> None:
    """Note keys that nobody knows."""
    for key in raw:
        if key not in known and key not in IGNORED_KEYS:
            problems.add(place, f"knows no '{key}'.{did_you_mean(key, known)}".strip())


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values that were sent."""
    return {key: value for key, value in values.items() if value is not ABSENT}


def text_of(raw: Mapping[str, Any], key: str, place: str, problems: Problems) -> Any:
    """Read a text or null; ABSENT if it is not there, or wrong."""
    value = raw.get(key, ABSENT)
    if value is ABSENT or value is None or isinstance(value, str):
        return value
    problems.add(place, f"{key} must be a text".strip())
    return ABSENT


def flag_of(raw: Mapping[str, Any], key: str, place: str, problems: Problems) -> Any:
    """Read true or false; ABSENT if it is not there, or wrong."""
    value = raw.get(key, ABSENT)
    if value is ABSENT or isinstance(value, bool):
        return value
    problems.add(place, f"{key} must be true or false".strip())
    return ABSENT


def choice_of(
    raw: Mapping[str, Any],
    key: str,
    kind: type[ColumnType | RelationKind | OnDelete],
    place: str,
    problems: Problems,
    *,
    nullable: bool = False,
) -> Any:
    """Read one of the values of an enumeration."""
    value = raw.get(key, ABSENT)
    if value is ABSENT or (value is None and nullable):
        return value
    values = [one.value for one in kind]
    if value in values:
        return kind(value)
    hint = did_you_mean(value, values) if isinstance(value, str) else ""
    problems.add(place, f"{key} must be one of {', '.join(values)}.{hint}")
    return ABSENT


def id_of(raw: Mapping[str, Any], place: str, problems: Problems) -> int | None:
    """Read the id of a definition, if there is one."""
    value = raw.get("id")
    if value is None or type(value) is int:
        return value
    problems.add(place, "id must be a number")
    return None


def was_of(raw: Mapping[str, Any], place: str, problems: Problems) -> str | None:
    """Read a field's former name, if there is one."""
    value = text_of(raw, "was", place, problems)
    return value if isinstance(value, str) else None


def reference_of(
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


def list_of(
    raw: Mapping[str, Any], key: str, problems: Problems, place: str = ""
) -> list[Any] | None:
    """Read a list; None if it is not there, or wrong."""
    value = raw.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        problems.add(f"{place} {key}".strip(), "must be a list")
        return None
    return cast("list[Any]", value)
