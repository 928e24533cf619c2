"""Bodies: what clients send to be stored, checked whole against a table's definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from ..errors import EnfyraError, did_you_mean
from ..metadata.definitions import ColumnDefinition
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, StoredColumn, Table, key_of, refuse_write, stored
from ..metadata.types import INSTANTS, ColumnType
from ..metadata.uuid7 import new_uuid
from ..metadata.values import Reader, reader
from ..query.plan import Access
from .rules import Violations, lines_of, with_relation_rules, with_rules, wrong_without

# Sent back by clients as they got them; the server keeps its own. The key of a new record can be
# given; that of an existing one is in the path.
IGNORED = frozenset({"_id", "createdAt", "updatedAt"})
NOW = "now"
MAX_PROBLEMS = 50


@dataclass(slots=True)
class Content:
    """A checked body.

    Attributes:
        columns: Canonical values by stored column's name.
        links: For each relation that is stored elsewhere, the keys of the related records.
    """

    columns: dict[str, Any] = field(default_factory=dict[str, Any])
    links: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])


class _Invalid(Exception):
    """One value is not right; the message follows the field's name."""


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field of a body is read."""

    store: StoredColumn | None
    relation: Relation | None
    read: Reader
    nullable: bool
    updatable: bool
    published: bool
    read_only: str | None = None


class BodyReader:
    """Reads bodies for one table; made once for each state of its definition."""

    def __init__(self, table: Table, snapshot: Snapshot) -> None:
        self._table = table
        self._fields = _fields(table, snapshot)
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
        self._defaults = _defaults(table)
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

    def create(self, body: Any, now: datetime, access: Access, place: str = "") -> Content:
        """Read the body of a new record.

        Raises:
            EnfyraError: INVALID_BODY with every problem.
        """
        refuse_write(self._table, "POST")
        problems: list[str] = []
        content = self._read(body, access, problems, place, updating=False)
        addressable = self._table.addressable
        for name in self._required:
            if name not in body and (name != self._table.primary.name or not addressable):
                problems.append(f"{place}{name} is required")
        for name in self._lists.keys() - body.keys():
            problems += lines_of(f"{place}{name}", Violations(self._lists[name]))
        if self._key_is_given and self._table.primary.physical not in content.columns:
            problems.append(f"{place}{self._table.primary.name} is required")
        if not self._table.addressable:
            problems += self._missing_parts_of_key(content, place)
        _raise(problems)
        self._fill(content, now)
        return content

    def _missing_parts_of_key(self, content: Content, place: str) -> list[str]:
        """The record is found again by its whole key, which the database must not make up."""
        return [
            f"{place}{one.name} is required: it is part of the key"
            for one in self._table.keys
            if content.columns.get(one.physical) is None and one.name not in self._required
        ]

    def update(self, body: Any, now: datetime, access: Access) -> Content:
        """Read the body of a change: only what it names is changed."""
        refuse_write(self._table, "PATCH")
        problems: list[str] = []
        content = self._read(body, access, problems, "", updating=True)
        _raise(problems)
        self._touch(content, now)
        return content

    def replace(self, body: Any, now: datetime, access: Access) -> Content:
        """Read the body of a replacement: what it does not name gets its default."""
        refuse_write(self._table, "PUT")
        problems: list[str] = []
        content = self._read(body, access, problems, "", updating=True)
        for name in self._required:
            hidden = not self._fields[name].published and not access.unpublished
            if name not in body and name != self._table.primary.name and not hidden:
                problems.append(f"{name} is required")
        for name, one in self._fields.items():
            if name in body or not one.updatable or name == self._table.primary.name:
                continue
            if one.read_only is not None or _database_fills(self._table, name):
                # Of adopted tables: the value is the database's to give.
                continue
            if not one.published and not access.unpublished:
                # What the caller cannot see is not the caller's to replace.
                continue
            if name in self._lists:
                problems += lines_of(name, Violations(self._lists[name]))
            if one.store is None:
                content.links[name] = []
            else:
                content.columns[one.store.name] = self._default_of(one.store.name, now)
        _raise(problems)
        self._touch(content, now)
        return content

    def _read(
        self, body: Any, access: Access, problems: list[str], place: str, *, updating: bool
    ) -> Content:
        if not isinstance(body, Mapping):
            raise EnfyraError("INVALID_BODY", f"{place or 'The body '}must be a JSON object")
        content = Content()
        for name, value in cast("Mapping[str, Any]", body).items():
            one = self._fields.get(name)
            if one is None or (not one.published and not access.unpublished):
                if name not in IGNORED and self._table.definition.validate_body:
                    problems.append(f"{place}{self._unknown(name, access)}")
                continue
            if updating and name == self._table.primary.name:
                continue
            if one.read_only is not None:
                problems.append(f"{place}{name} {one.read_only}")
                continue
            if updating and not one.updatable:
                problems.append(f"{place}{name} cannot be changed")
                continue
            try:
                self._put(content, name, one, value)
            except (_Invalid, ValueError) as error:
                problems += lines_of(f"{place}{name}", error)
        return content

    def _put(self, content: Content, name: str, one: _Field, value: Any) -> None:
        if value is None:
            if not one.nullable:
                raise _Invalid("must not be null")
            if name in self._lists:
                raise Violations(self._lists[name])
            if one.store is not None:
                content.columns[one.store.name] = None
            else:
                content.links[name] = []
        elif one.store is not None:
            content.columns[one.store.name] = one.read(value)
        else:
            content.links[name] = one.read(value)

    def _unknown(self, name: str, access: Access) -> str:
        for relation in self._table.relations.values():
            if name == relation.foreign_key and relation.holds_key and access.sees(relation):
                return f"{name} is not allowed. Use the relation '{relation.name}'"
        known = [
            field for field, one in self._fields.items() if one.published or access.unpublished
        ]
        return f"{name} is not allowed.{did_you_mean(name, known)}"

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


def _fields(table: Table, snapshot: Snapshot) -> dict[str, _Field]:
    fields: dict[str, _Field] = {}
    for name, column in table.columns.items():
        if name in table.timestamps:
            continue
        fields[name] = _Field(
            stored(column),
            None,
            with_rules(reader(column.type, column.options), column),
            column.is_nullable and not (column.is_primary and table.addressable),
            column.is_updatable and not column.is_primary,
            column.is_published and not column.is_secret,
            None if column.read_only is None else f"is read only: {column.read_only}",
        )
    for name, relation in table.relations.items():
        target = snapshot.tables[relation.target]
        store = key_of(relation, target) if relation.holds_key else None
        read = _key_reader(target) if relation.kind.to_one else _keys_reader(target)
        if relation.kind.to_one and store is None:
            read = _one_key_reader(target)
        if not relation.kind.to_one:
            read = with_relation_rules(read, relation)
        fields[name] = _Field(
            store,
            relation,
            read,
            relation.nullable or store is None or relation.read_only is not None,
            relation.updatable,
            relation.published,
            relation.read_only,
        )
    return fields


def _key_reader(target: Table) -> Reader:
    """Read a related record's key: as it is, or as `{"id": key}`."""
    primary = target.primary
    read = reader(primary.type, primary.options)

    def read_key(value: Any) -> Any:
        if isinstance(value, Mapping):
            named = cast("Mapping[str, Any]", value)
            value = named.get(primary.name, named.get("_id"))
            if value is None:
                raise _Invalid(
                    f"must name an existing record of '{target.name}' by its {primary.name}"
                )
        try:
            return read(value)
        except ValueError as error:
            raise _Invalid(f"must be the {primary.name} of a '{target.name}': it {error}") from None

    return read_key


def _one_key_reader(target: Table) -> Reader:
    read = _key_reader(target)
    return lambda value: [read(value)]


def _keys_reader(target: Table) -> Reader:
    read = _key_reader(target)

    def read_keys(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _Invalid("must be a list")
        return list(dict.fromkeys(read(item) for item in cast("list[Any]", value)))

    return read_keys


def _nobody_fills(table: Table, name: str) -> bool:
    column = table.columns.get(name)
    return column is None or (column.default_value is None and not column.is_generated)


def _database_fills(table: Table, name: str) -> bool:
    column = table.columns.get(name)
    return column is not None and column.is_generated and table.definition.is_adopted


def _defaults(table: Table) -> dict[str, Callable[[datetime], Any]]:
    return {
        column.physical: _default(column)
        for column in table.columns.values()
        if column.default_value is not None
    }


def _default(column: ColumnDefinition) -> Callable[[datetime], Any]:
    if column.default_value == NOW and column.type in INSTANTS:
        return lambda now: now
    if column.default_value == NOW and column.type is ColumnType.DATE:
        return lambda now: now.date()
    value = reader(column.type, column.options)(column.default_value)
    return lambda _now: value


def _raise(problems: list[str]) -> None:
    if not problems:
        return
    shown = problems[:MAX_PROBLEMS]
    if len(problems) > len(shown):
        shown.append(f"... and {len(problems) - len(shown)} more")
    raise EnfyraError("INVALID_BODY", problems=shown)
