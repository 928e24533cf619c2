"""Bodies: what clients send to be stored, checked whole against a table's definition."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from ..errors import did_you_mean
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, StoredColumn, Table, refuse_write, stored
from ..metadata.types import NUMBERS, ColumnType
from ..metadata.uuid7 import new_uuid
from ..query.visibility import Access, Field, Use
from .body_fields import BodyField, defaults_of, fields_of
from .content import Content, Reading
from .increments import is_increment, read_increment
from .related import IGNORED, Invalid, Nested
from .rules import Violations, items_broken, lines_of, wrong_without

# Relations on the way from the body to the innermost record in it.
MAX_DEPTH = 7


class Within(NamedTuple):
    """What a nested record is part of.

    Attributes:
        depth: How many relations lead to it.
        inverse: Its relation that leads back and is stored in it, so that it is set anyway.
        key: The key of the record that it is part of, if that is there.
    """

    depth: int = 0
    inverse: str | None = None
    key: Any = None


_WHOLE = Within()


class BodyReader:
    """Reads bodies for one table; made once for each state of its definition.

    Args:
        of: Gives the reader of another table by its name, for nested records.
    """

    def __init__(self, table: Table, snapshot: Snapshot, of: Callable[[str], BodyReader]) -> None:
        self._table = table
        self._of = of
        self._fields = fields_of(table, snapshot)
        self._required = tuple(
            name
            for name, one in self._fields.items()
            if not one.nullable and _nobody_fills(table, name)
        )
        self._lists = {
            name: wrong
            for name, relation in table.relations.items()
            if (wrong := wrong_without(relation))
        }
        self._defaults = defaults_of(table)
        self._stored = {one.name: one for one in map(stored, table.columns.values())}
        self._stored |= {
            one.store.name: one.store for one in self._fields.values() if one.store is not None
        }
        self._key_is_given = (
            table.primary.type is not ColumnType.UUID
            and not table.primary.is_generated
            and table.addressable
        )

    def stored_column(self, name: str) -> StoredColumn:
        """Give a stored column by its name in the database."""
        return self._stored[name]

    # -- whole bodies ---------------------------------------------------------------------------

    def create(
        self, body: Any, reading: Reading, place: str = "", within: Within = _WHOLE
    ) -> Content:
        """Read the body of a new record; problems are noted in `reading`."""
        refuse_write(self._table, "POST")
        content = Content(self._table, place)
        if not self._read(content, body, reading, within):
            return content
        reading.problems += self._missing(content, body, within)
        content.given = len(content.columns)
        self._fill(content, reading.now)
        return content

    def _missing(self, content: Content, body: Any, within: Within) -> Iterator[str]:
        """Say what a new record needs beside what its body names."""
        primary, addressable = self._table.primary, self._table.addressable
        place = _dotted(content.place)
        for name in self._required:
            own_key = name == primary.name and addressable
            if name not in body and not own_key and name != within.inverse:
                yield f"{place}{name} is required"
        for name in self._lists.keys() - body.keys():
            yield from lines_of(f"{place}{name}", Violations(self._lists[name]))
        if self._key_is_given and primary.physical not in content.columns:
            yield f"{place}{primary.name} is required"
        if not addressable:
            # It is found again by its whole key, which the database must not make up.
            for one in self._table.keys:
                if content.columns.get(one.physical) is None and one.name not in self._required:
                    yield f"{place}{one.name} is required: it is part of the key"

    def update(
        self, key: Any, body: Any, reading: Reading, place: str = "", within: Within = _WHOLE
    ) -> Content:
        """Read the body of a change: only what it names is changed."""
        refuse_write(self._table, "PATCH")
        content = Content(self._table, place, key, exists=True)
        if self._read(content, body, reading, within):
            self._touch(content, reading.now)
        return content

    def found(self, content: Content, reading: Reading, key: Collection[str]) -> None:
        """Note that a record read as a new one is there: what it names is changed, but its key."""
        given = {*list(content.columns)[: content.given], *content.links, *content.parents}
        content.conditional = frozenset()
        for name, one in self._fields.items():
            stored_as = one.store.name if one.store is not None else name
            if stored_as not in given and name not in given:
                continue
            verdict = name in key or reading.access.verdict(one.field, "update")
            if verdict is False:
                reading.denied.append(f"{_dotted(content.place)}{name}")
            elif verdict is not True:
                content.conditional |= {name}

    def replace(self, key: Any, body: Any, reading: Reading) -> Content:
        """Read the body of a replacement: what it does not name gets its default."""
        refuse_write(self._table, "PUT")
        content = Content(self._table, "", key, exists=True)
        if not self._read(content, body, reading, _WHOLE):
            return content
        primary = self._table.primary.name
        for name, one in self._fields.items():
            if name in body or name == primary:
                continue
            if reading.access.verdict(one.field, "update") is not True:
                # What the caller may not set is not the caller's to replace.
                continue
            if one.read_only is not None or _database_fills(self._table, name):
                # Of adopted tables: the value is the database's to give.
                continue
            if name in self._required:
                reading.problems.append(f"{name} is required")
            elif one.updatable and not self._is_kept(one, reading.access):
                self._empty(content, name, one, reading)
        self._touch(content, reading.now)
        return content

    def _empty(self, content: Content, name: str, one: BodyField, reading: Reading) -> None:
        """Give a field that a replacement does not name its default."""
        if name in self._lists:
            reading.problems += lines_of(name, Violations(self._lists[name]))
        if one.store is None:
            content.links[name] = []
        else:
            content.columns[one.store.name] = self._default_of(one.store.name, reading.now)

    def _read(self, content: Content, body: Any, reading: Reading, within: Within) -> bool:
        """Read the fields that a body names; say whether it is a body at all."""
        if not isinstance(body, Mapping):
            place = content.place
            reading.problems.append(f"{place or 'The body'} must be a JSON object")
            return False
        place = _dotted(content.place)
        for name, value in cast("Mapping[str, Any]", body).items():
            one = self._fields.get(name)
            use = "update" if content.exists else "create"
            verdict = one is not None and reading.access.verdict(one.field, use)
            if one is None or (verdict is False and _is_hidden(one.field, reading.access)):
                if name not in IGNORED and self._table.definition.validate_body:
                    reading.problems.append(f"{place}{self._unknown(name, reading.access)}")
                continue
            if content.exists and name == self._table.primary.name:
                continue
            if verdict is False:
                reading.denied.append(f"{place}{name}")
                continue
            if verdict is not True:
                content.conditional |= {name}
            try:
                if name == within.inverse:
                    _check_inverse(one, value, within)
                elif one.read_only is not None:
                    raise Invalid(one.read_only)
                elif content.exists and not one.updatable:
                    raise Invalid("cannot be changed")
                else:
                    self._put(content, name, one, value, reading, within)
            except (Invalid, ValueError) as error:
                reading.problems += lines_of(f"{place}{name}", error)
        return True

    def _put(
        self,
        content: Content,
        name: str,
        one: BodyField,
        value: Any,
        reading: Reading,
        within: Within,
    ) -> None:
        if content.exists and not self._may_take(one, reading, f"{_dotted(content.place)}{name}"):
            return
        if value is None:
            if not one.nullable:
                raise Invalid("must not be null")
            if name in self._lists:
                raise Violations(self._lists[name])
            if one.store is not None:
                content.columns[one.store.name] = None
            else:
                content.links[name] = []
        elif one.relation is not None:
            self._relate(content, name, one, value, reading, within)
        elif one.store is not None:
            if content.exists and one.store.type in NUMBERS and is_increment(value):
                content.columns[one.store.name] = read_increment(value, one.read)
                content.added |= {one.store.name}
            else:
                content.columns[one.store.name] = one.read(value)

    def _unknown(self, name: str, access: Access) -> str:
        for relation in self._table.relations.values():
            if name == relation.foreign_key and relation.holds_key and access.sees(relation):
                return f"{name} is not allowed. Use the relation '{relation.name}'"
        known = [name for name, one in self._fields.items() if access.sees(one.field)]
        return f"{name} is not allowed.{did_you_mean(name, known)}"

    # -- related records ------------------------------------------------------------------------

    def _relate(
        self,
        content: Content,
        name: str,
        one: BodyField,
        value: Any,
        reading: Reading,
        within: Within,
    ) -> None:
        place = f"{_dotted(content.place)}{name}"
        if one.store is not None:
            item = self._item(content, one, value, reading, place, within)
            if isinstance(item, Content):
                content.parents[name] = item
                item = item.key
            content.columns[one.store.name] = item
        elif one.relation is not None and one.relation.kind.to_one:
            content.links[name] = [self._item(content, one, value, reading, place, within)]
        else:
            items: list[Any] = []
            seen: set[Any] = set()
            for position, given in enumerate(one.read(value)):
                where = f"{place}[{position}]"
                item = self._item(content, one, given, reading, where, within)
                key = item.key if isinstance(item, Content) else item
                if key is not None and key in seen:
                    if isinstance(item, Content):
                        reading.problems.append(f"{where} names {key} once more")
                    continue
                seen.add(key)
                items.append(item)
            if (broken := items_broken(items, one.relation)) is not None:
                reading.problems += lines_of(place, broken)
            content.links[name] = items

    def _other_side(self, one: BodyField) -> Relation | None:
        """Give the field of other records that a relation sets, if it is not stored here."""
        relation = one.relation
        if relation is None or one.store is not None or relation.inverse is None:
            return None
        return self._of(relation.target)._table.relations[relation.inverse]

    def _is_kept(self, one: BodyField, access: Access) -> bool:
        """Say whether a replacement leaves a relation as it is: it is other records' field."""
        other = self._other_side(one)
        if other is None:
            return False
        theirs = one.relation is not None and one.relation.junction is None
        return (theirs and not access.unpublished) or access.verdict(other, "update") is not True

    def _may_take(self, one: BodyField, reading: Reading, place: str) -> bool:
        """Note that a relation of records that are there is set; say whether the caller may."""
        other = self._other_side(one)
        if other is None or one.relation is None:
            return True
        if reading.access.verdict(other, "update") is False:
            reading.denied.append(place)
            return False
        if one.relation.junction is None:
            # It is their field, as if it were set over their own route.
            reading.touched.setdefault((one.relation.target, "PATCH"), place)
        return True

    def _item(
        self,
        content: Content,
        one: BodyField,
        value: Any,
        reading: Reading,
        place: str,
        within: Within,
    ) -> Any:
        """Read one related record: its key, or what to write of it."""
        relation, read = one.relation, one.item
        if relation is None or read is None:
            raise ValueError("is no relation")
        try:
            item = read(value)
        except (Invalid, ValueError) as error:
            reading.problems.append(f"{place} {error}")
            return None
        if one.settled and not (isinstance(item, Nested) and item.key is None):
            reading.problems.append(
                f"{place} must be a new '{relation.target}': {relation.inverse} of one that is "
                "there cannot be changed"
            )
            return None
        if not (isinstance(item, Nested) and item.key is None) and not self._may_take(
            one, reading, place
        ):
            return None
        if not isinstance(item, Nested):
            return item
        if within.depth >= MAX_DEPTH:
            reading.problems.append(f"{place} is nested too deeply: {MAX_DEPTH} relations at most")
            return None
        other = self._of(relation.target)
        method = "POST" if item.key is None else "PATCH"
        if not reading.enter(other._table, method, place):
            return None
        stored_there = relation.junction is None and not relation.holds_key
        inner = Within(within.depth + 1, relation.inverse if stored_there else None, content.key)
        if item.key is None:
            made = other.create(item.body, reading, place, inner)
            self._may_give(one, made, reading, "create")
            return made
        changed = other.update(item.key, item.body, reading, place, inner)
        self._may_give(one, changed, reading, "update")
        return changed

    def _may_give(self, one: BodyField, nested: Content, reading: Reading, use: Use) -> None:
        """Note that a nested record gets the one around it in a field of its own."""
        other = self._other_side(one)
        verdict = True if other is None else reading.access.verdict(other, use)
        if verdict is False:
            reading.denied.append(nested.place)
        elif verdict is not True and other is not None:
            nested.conditional |= {other.name}

    # -- what the server fills in ---------------------------------------------------------------

    def _fill(self, content: Content, now: datetime) -> None:
        for name in self._table.made_uuids:
            if name not in content.columns:
                content.columns[name] = new_uuid()
        for name in self._defaults:
            if name not in content.columns:
                content.columns[name] = self._default_of(name, now)
        for name in self._table.timestamps:
            content.columns[name] = now

    def _touch(self, content: Content, now: datetime) -> None:
        if "updatedAt" in self._table.timestamps and (content.columns or content.links):
            content.columns["updatedAt"] = now

    def _default_of(self, name: str, now: datetime) -> Any:
        default = self._defaults.get(name)
        return default(now) if default is not None else None


def _is_hidden(field: Field, access: Access) -> bool:
    """Say whether a field is none for the caller, rather than one that is denied by its name."""
    published = field.published if isinstance(field, Relation) else field.is_published
    return not published and not access.sees(field)


def _dotted(place: str) -> str:
    return f"{place}." if place else ""


def _check_inverse(one: BodyField, value: Any, within: Within) -> None:
    """Refuse a nested record that names another record than the one it is part of."""
    try:
        same = one.item is not None and one.item(value) == within.key and within.key is not None
    except (Invalid, ValueError):
        same = False
    if not same:
        raise Invalid("is the record around it; leave it out")


def _nobody_fills(table: Table, name: str) -> bool:
    column = table.columns.get(name)
    return column is None or (column.default_value is None and not column.is_generated)


def _database_fills(table: Table, name: str) -> bool:
    column = table.columns.get(name)
    return column is not None and column.is_generated and table.definition.is_adopted
