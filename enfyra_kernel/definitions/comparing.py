"""What applying a document would change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from .kinds import KINDS, ROUTES, TABLES, Document, Item, Key, Kind
from .routes import RouteDefaults
from .wholes import whole, with_one_side

ADDED, CHANGED, EXTRA = "added", "changed", "extra"
# Fields whose items are told apart by their names.
_BY_NAME = frozenset({"columns", "relations", "steps"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that is going to be another.

    Attributes:
        path: Its name, with what it is within: `columns.title.type`.
    """

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An item that is going to be another.

    Attributes:
        what: `added`, `changed`, or `extra` for what is there and not in the document.
        number: Its place in the section of the document; None if it is in none.
        there: Its place in what is there; None if it is new.
        before: The whole item as it is.
        after: The whole item as it is going to be.
    """

    kind: Kind
    what: str
    label: str
    number: int | None = None
    there: int | None = None
    before: Item | None = None
    after: Item | None = None
    fields: tuple[FieldChange, ...] = ()


def compare(current: Document, wanted: Document, routes: RouteDefaults) -> list[Change]:
    """Compare what is with what a document wants; sections that it lacks are left out.

    Args:
        routes: What is there of routes anyway, now and then.

    Example:
        >>> there, asked = {"roles": [{"name": "A"}]}, {"roles": [{"name": "B"}]}
        >>> [(one.what, one.label) for one in compare(there, asked, RouteDefaults({}))]
        [('added', 'role B'), ('extra', 'role A')]
    """
    current, wanted = with_one_side(current), with_one_side(wanted)
    found: list[Change] = []
    for section, kind in KINDS.items():
        if section in wanted and section in current:
            found += _Section(kind, routes, current[section], wanted[section]).changes()
    return found


class _Section:
    """One section, as it is and as it shall be."""

    def __init__(
        self, kind: Kind, routes: RouteDefaults, current: Sequence[Item], wanted: Sequence[Item]
    ) -> None:
        self._kind = kind
        self._routes = routes
        self._current = current
        self._wanted = wanted

    def changes(self) -> Iterator[Change]:
        left: defaultdict[Key, list[int]] = defaultdict(list)
        for there, item in enumerate(self._current):
            left[self._kind.key_of(item)].append(there)
        found: list[Change] = []
        for number, there in self._pairs(left):
            change = self._pair(number, there)
            if change is not None:
                found.append(change)
        for there in sorted(one for rest in left.values() for one in rest):
            change = self._extra(there)
            if change is not None:
                found.append(change)
        return iter(found)

    def _pairs(self, left: defaultdict[Key, list[int]]) -> list[tuple[int, int | None]]:
        """Find for each item that is wanted the one that is there; equal ones first."""
        pairs: dict[int, int | None] = {}
        wholes = [self._whole(one) for one in self._current]
        for number, item in enumerate(self._wanted):
            asked = self._whole(item)
            same = [one for one in left[self._key(item, left)] if wholes[one] == asked]
            if same:
                pairs[number] = same[0]
                left[self._key(item, left)].remove(same[0])
        for number, item in enumerate(self._wanted):
            if number not in pairs:
                candidates = left[self._key(item, left)]
                pairs[number] = candidates.pop(0) if candidates else None
        return sorted(pairs.items())

    def _key(self, item: Item, left: Mapping[Key, Any]) -> Key:
        """Give the key that an item has there, which may be its former name's."""
        key = self._kind.key_of(item)
        before = item.get("was")
        if self._kind.section == TABLES and before is not None and not left.get(key):
            return (before,)
        return key

    def _whole(self, item: Item) -> Item:
        found = whole(self._kind, item, self._routes)
        found.pop("was", None)
        return found

    def _usual(self, item: Item) -> Item | None:
        """Give the whole of a route that comes by itself."""
        path = item.get("path")
        usual = self._routes.of_path(path) if self._kind.section == ROUTES else None
        return None if usual is None else {"path": path, **usual}

    def _pair(self, number: int, there: int | None) -> Change | None:
        kind, item = self._kind, self._wanted[number]
        asked = self._whole(item)
        label = kind.label(item)
        usual = self._usual(item)
        if there is None and (usual is None or item["path"] not in self._routes.there):
            if usual is not None and not _different(asked, usual):
                return None
            return Change(kind=kind, what=ADDED, label=label, number=number, after=asked)
        before = (usual or {}) if there is None else self._whole(self._current[there])
        return self._changed(label, before, asked, number=number, there=there)

    def _extra(self, there: int) -> Change | None:
        kind, item = self._kind, self._current[there]
        before = self._whole(item)
        label = kind.label(item)
        after = self._usual(item)
        if after is None:
            return Change(kind=kind, what=EXTRA, label=label, there=there, before=before)
        # A route that comes by itself, and of which nothing is said.
        return self._changed(label, before, after, there=there)

    def _changed(
        self,
        label: str,
        before: Item,
        after: Item,
        *,
        number: int | None = None,
        there: int | None = None,
    ) -> Change | None:
        """Give the change from one whole item to another; nothing if they are the same."""
        fields = tuple(_fields(before, after))
        if not fields:
            return None
        return Change(
            kind=self._kind,
            what=CHANGED,
            label=label,
            number=number,
            there=there,
            before=before,
            after=after,
            fields=fields,
        )


# -- fields ---------------------------------------------------------------------------------------


def _fields(before: Item, after: Item) -> list[FieldChange]:
    found: list[FieldChange] = []
    for name in {**before, **after}:
        was, now = before.get(name), after.get(name)
        if name in _BY_NAME and isinstance(was, dict) and isinstance(now, dict):
            found += _named_fields(name, cast("Item", was), cast("Item", now))
        elif _different(was, now):
            found.append(FieldChange(name, was, now))
    return found


def _named_fields(section: str, before: Item, after: Item) -> Iterator[FieldChange]:
    names = {
        one: facts["was"] if facts.get("was") in before and one not in before else one
        for one, facts in after.items()
    }
    for name, facts in after.items():
        was = before.get(names[name])
        now = {key: value for key, value in facts.items() if key != "was"}
        if was is None:
            yield FieldChange(f"{section}.{name}", None, now)
            continue
        for key in {**was, **now}:
            if _different(was.get(key), now.get(key)):
                yield FieldChange(f"{section}.{name}.{key}", was.get(key), now.get(key))
    for name in before:
        if name not in names.values():
            yield FieldChange(f"{section}.{name}", before[name], None)


def _different(one: Any, other: Any) -> bool:
    """Say whether values differ; numbers are no flags."""
    if isinstance(one, bool) is not isinstance(other, bool):
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        mine, theirs = cast("Item", one), cast("Item", other)
        return mine.keys() != theirs.keys() or any(_different(mine[k], theirs[k]) for k in mine)
    if isinstance(one, list) and isinstance(other, list):
        these, those = cast("list[Any]", one), cast("list[Any]", other)
        return len(these) != len(those) or any(map(_different, these, those))
    return bool(one != other)
