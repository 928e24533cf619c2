"""Whether a document can be read: nothing in it that nobody knows, or that names what is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from ..errors import EnfyraError, did_you_mean
from ..metadata.definitions import METHODS
from ..metadata.system import SYSTEM_NAMES
from ..schema.payload import COLUMN_KEYS, RELATION_KEYS, RULE_KEYS, TABLE_KEYS, read_table
from ..schema.raw import Problems
from .kinds import (
    FLOWS,
    FORMAT,
    GUARD_RULE,
    GUARDS,
    KINDS,
    QUERIES,
    ROUTES,
    STEP_DEFAULTS,
    SYSTEM_TABLES,
    TABLES,
    WITHIN,
    Document,
    Kind,
)
from .routes import RouteDefaults
from .wholes import METHOD_FIELDS

_EXTRA = ("format", "secrets")
# Beside the fields of the key, what there has to be.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "fieldPermissions": ("action",),
    "rowPolicies": ("table", "name"),
    "routePermissions": ("route",),
    "preHooks": ("name",),
    "postHooks": ("name",),
}
_ONLY = frozenset({"roles", TABLES, ROUTES, FLOWS, "handlers", "corsOrigins", "packages",
                   QUERIES, "bootstrapScripts", SYSTEM_TABLES})  # fmt: skip


# Lists of names, and names of what else there is.
_TEXTS = METHOD_FIELDS | {"allowedUsers"}
_NAMES = frozenset({"targetTable", "mappedBy", "inversePropertyName", "was"})


class Problem(NamedTuple):
    """Something that is wrong, and where: the keys that lead there in the document."""

    at: tuple[Any, ...]
    text: str


def refuse(problems: Sequence[Problem]) -> None:
    """Refuse a document, if anything is wrong.

    Raises:
        EnfyraError: INVALID_BODY, with the places of the problems in its details.
    """
    if problems:
        raise EnfyraError(
            "INVALID_BODY",
            problems=[f"{_place(one.at)}: {one.text}" for one in problems],
            details={"places": [{"at": list(one.at), "problem": one.text} for one in problems]},
        )


def _place(at: Sequence[Any]) -> str:
    text = ""
    for one in at:
        text += f"[{one}]" if isinstance(one, int) else f".{one}" if text else str(one)
    return text or "the document"


def read_document(source: Any) -> Document:
    """Read a document; what it names is looked at later.

    Raises:
        EnfyraError: INVALID_BODY with every problem.
    """
    if not isinstance(source, dict):
        raise EnfyraError("INVALID_BODY", "The document must be a JSON object")
    document = cast("Document", source)
    problems = list(_problems(document))
    refuse(problems)
    return document


def _problems(document: Document) -> Iterator[Problem]:
    for name in document:
        if name not in KINDS and name not in _EXTRA:
            yield Problem((name,), f"there is no such section.{did_you_mean(name, KINDS)}")
    if document.get("format", FORMAT) != FORMAT:
        yield Problem(("format",), f"must be {FORMAT}")
    for section, kind in KINDS.items():
        items = document.get(section, [])
        if not isinstance(items, list):
            yield Problem((section,), "must be a list")
            continue
        seen: set[Any] = set()
        for number, item in enumerate(cast("list[Any]", items)):
            at = (section, number)
            if not isinstance(item, dict):
                yield Problem(at, "must be an object")
                continue
            named = cast("dict[str, Any]", item)
            yield from _item(kind, named, at)
            key = str(kind.key_of(named))
            if section in _ONLY and key in seen:
                yield Problem(at, f"the {kind.label(named)} is there twice")
            seen.add(key)


def _item(kind: Kind, item: Mapping[str, Any], at: tuple[Any, ...]) -> Iterator[Problem]:
    known = (*TABLE_KEYS, "was") if kind.section == TABLES else kind.fields
    yield from _unknown(item, known, at, f"a {kind.word}")
    needed = _NEEDED.get(kind.section, kind.key)
    for name in needed:
        value = item.get(name)
        if not isinstance(value, str) or not value:
            yield Problem((*at, name), f"{name} is required, as a text")
    for name in kind.key:
        value = item.get(name)
        if name not in needed and value is not None and not isinstance(value, str):
            yield Problem((*at, name), f"{name} must be a name")
    for name in kind.defaults:
        if isinstance(kind.defaults[name], list) and not isinstance(item.get(name, []), list):
            yield Problem((*at, name), f"{name} must be a list")
    for name in _TEXTS.intersection(item):
        if not _is_texts(item[name]):
            yield Problem((*at, name), f"{name} must be a list of names")
    if kind.section == TABLES:
        yield from _groups(item, at)
        yield from _parts(item, "columns", "name", COLUMN_KEYS, at)
        yield from _parts(item, "relations", "propertyName", RELATION_KEYS, at)
        yield from _of_schema(item, at)
    elif kind.section == GUARDS:
        yield from _parts(item, "rules", "type", GUARD_RULE.fields, at)
    elif kind.section == SYSTEM_TABLES:
        yield from _parts(item, "rules", "field", ("field", *RULE_KEYS), at)
        if str(item.get("name")) not in SYSTEM_NAMES:
            hint = did_you_mean(str(item.get("name")), SYSTEM_NAMES)
            yield Problem(at, f"the system has no table '{item.get('name')}'.{hint}")
    elif kind.section == FLOWS:
        yield from _steps(item.get("steps"), (*at, "steps"))


def _unknown(
    item: Mapping[str, Any], known: Iterable[str], at: tuple[Any, ...], what: str
) -> Iterator[Problem]:
    names = tuple(known)
    for name in item:
        if name not in names:
            hint = did_you_mean(name, names)
            yield Problem((*at, name), f"{what} has no '{name}'.{hint}")


def _parts(
    item: Mapping[str, Any], section: str, named: str, known: Iterable[str], at: tuple[Any, ...]
) -> Iterator[Problem]:
    parts: Any = item.get(section) or []
    if not isinstance(parts, list):
        yield Problem((*at, section), f"{section} must be a list")
        return
    for number, one in enumerate(cast("list[Any]", parts)):
        place = (*at, section, number)
        if not isinstance(one, dict):
            yield Problem(place, "must be an object")
            continue
        part = cast("dict[str, Any]", one)
        if not isinstance(part.get(named), str):
            yield Problem(place, f"{named} is required, as a text")
        yield from _unknown(part, known, place, f"'{part.get(named)}'")
        for name in _NAMES.intersection(part):
            if part[name] is not None and not isinstance(part[name], str):
                yield Problem((*place, name), f"{name} must be a name")
        if not _is_texts(part.get("users")):
            yield Problem((*place, "users"), "users must be a list of names")
        if section != "rules":
            yield from _parts(part, "rules", "ruleType", RULE_KEYS, place)


def _of_schema(item: Mapping[str, Any], at: tuple[Any, ...]) -> Iterator[Problem]:
    """Give what the schema's own reading finds: types, flags, options."""
    problems = Problems()
    try:
        read_table({name: value for name, value in item.items() if name != "was"}, problems)
    except EnfyraError as error:
        problems.found += [text for text in error.problems or () if text not in problems.found]
    yield from (Problem(at, text) for text in problems.found)


def _is_texts(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and all(isinstance(one, str) for one in cast("list[Any]", value))


def _groups(item: Mapping[str, Any], at: tuple[Any, ...]) -> Iterator[Problem]:
    if item.get("was") is not None and not isinstance(item["was"], str):
        yield Problem((*at, "was"), "was must be a name")
    for name in ("uniques", "indexes"):
        groups: Any = item.get(name) or []
        if not isinstance(groups, list) or not all(
            isinstance(one, str) or (one and isinstance(one, list) and _is_texts(one))
            for one in cast("list[Any]", groups)
        ):
            yield Problem((*at, name), f"{name} must be a list of fields, or of lists of fields")


def _steps(steps: Any, at: tuple[Any, ...]) -> Iterator[Problem]:
    if not isinstance(steps, list):
        if steps is not None:
            yield Problem(at, "must be a list")
        return
    for number, one in enumerate(cast("list[Any]", steps)):
        place = (*at, number)
        if not isinstance(one, dict):
            yield Problem(place, "must be an object")
            continue
        step = cast("dict[str, Any]", one)
        if not isinstance(step.get("key"), str):
            yield Problem(place, "key is required, as a text")
        known = ("key", *STEP_DEFAULTS, *WITHIN)
        yield from _unknown(step, known, place, f"step '{step.get('key')}'")
        for name in WITHIN:
            yield from _steps(step.get(name), (*place, name))


# -- names ----------------------------------------------------------------------------------------


def unknown_names(
    document: Document, current: Document, users: Iterable[str], routes: RouteDefaults
) -> list[Problem]:
    """Give the names of what is neither there nor in the document.

    Args:
        users: The accounts that there are, as far as they are named.
    """
    return list(_Names(document, current, users, routes).problems())


def users_of(document: Document) -> set[str]:
    """Give the e-mail addresses that a document names."""
    found: set[str] = set()
    for section in KINDS:
        for item in document.get(section, ()):
            found.update(map(str, item.get("allowedUsers") or ()))
            for rule in (item.get("rules") or ()) if section == GUARDS else ():
                found.update(map(str, rule.get("users") or ()))
    return found


class _Names:
    def __init__(
        self, document: Document, current: Document, users: Iterable[str], routes: RouteDefaults
    ) -> None:
        self._document = document
        self._users = set(users)
        both = (current, document)
        self._tables = {one["name"] for each in both for one in each.get(TABLES, ())}
        self._tables |= SYSTEM_NAMES
        paths = {one["path"] for each in both for one in each.get(ROUTES, ())}
        self._paths = paths | {f"/{name}" for name in self._tables} | routes.paths()
        self._roles = {one["name"] for each in both for one in each.get("roles", ())}
        self._guards = {one["name"] for each in both for one in each.get(GUARDS, ())}

    def problems(self) -> Iterator[Problem]:
        for section in KINDS:
            if section in {TABLES, FLOWS}:
                # The schema's own checks tell of these.
                continue
            for number, item in enumerate(self._document.get(section, ())):
                yield from self._of_item(item, (section, number))

    def _of_item(self, item: Mapping[str, Any], at: tuple[Any, ...]) -> Iterator[Problem]:
        for field, names, word in (
            ("route", self._paths, "route"),
            ("role", self._roles, "role"),
            ("table", self._tables, "table"),
            ("mainTable", self._tables, "table"),
            ("parent", self._guards, "guard"),
            ("method", set(METHODS), "method"),
        ):
            if item.get(field) is not None:
                yield from self._known(item[field], names, word, (*at, field))
        for field in sorted(METHOD_FIELDS.intersection(item)):
            for name in item[field] or ():
                yield from self._known(name, set(METHODS), "method", (*at, field))
        for name in item.get("allowedUsers") or ():
            yield from self._known(name, self._users, "user", (*at, "allowedUsers"))
        rules: list[dict[str, Any]] = (item.get("rules") or []) if at[0] == GUARDS else []
        for number, rule in enumerate(rules):
            for name in rule.get("users") or ():
                yield from self._known(name, self._users, "user", (*at, "rules", number))

    def _known(
        self, name: Any, names: set[str], word: str, at: tuple[Any, ...]
    ) -> Iterator[Problem]:
        if not isinstance(name, str) or name not in names:
            yield Problem(at, f"there is no {word} '{name}'.{did_you_mean(str(name), names)}")
