"""Which column of a stream goes where, and what the server fills in beside them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ...errors import EnfyraError, did_you_mean
from ...metadata.definitions import ColumnDefinition
from ...metadata.rules import Checks, checks_of
from ...metadata.snapshot import Snapshot
from ...metadata.tables import Relation, StoredColumn, Table, key_of, stored
from ...metadata.types import DOCUMENTS, ColumnType
from ...metadata.uuid7 import new_uuid
from ...metadata.values import reader
from ...query.visibility import Access, Field, Use
from ..rules import wrong_without
from .bodies.batch import Batch
from .values import unnested

MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Source:
    """One column of the stream and where its values go.

    Attributes:
        lookup: The related table and its field, when values name related records by that field.
        checks: The field's rules.
        hint: What else somebody may have meant whose values cannot be read.
    """

    name: str
    store: StoredColumn
    nullable: bool
    lookup: tuple[Table, ColumnDefinition] | None = None
    checks: Checks | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Filler:
    """A column that the stream does not have: a value for each row."""

    store: StoredColumn
    value: Callable[[], Any]


class Columns:
    """Matches the columns of streams with the fields of one table.

    Args:
        uses: What is done with fields, so that the caller must be allowed to.
    """

    def __init__(
        self, table: Table, snapshot: Snapshot, access: Access, uses: Sequence[Use]
    ) -> None:
        self._table = table
        self._snapshot = snapshot
        self._access = access
        self._uses = uses

    def sources(self, names: Sequence[str]) -> list[Source]:
        """Say where each column of a stream goes.

        Raises:
            EnfyraError: INVALID_BODY with every problem.
        """
        problems: list[str] = []
        sources: dict[str, Source] = {}
        keys = self._keys(names)
        for name in names:
            if name in self._table.timestamps or self._is_beside(name, keys):
                continue
            try:
                source = self._source(name)
            except ValueError as error:
                problems.append(str(error))
                continue
            if source.store.name in sources:
                problems.append(f"{name} is given twice")
            sources[source.store.name] = source
        problems += self._missing(sources)
        if not problems and not sources:
            problems.append(f"the stream holds no field of '{self._table.name}'")
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems[:MAX_PROBLEMS])
        return list(sources.values())

    def _keys(self, names: Sequence[str]) -> set[str]:
        """Give the relations whose related records are named by their keys."""
        return {
            name
            for name, relation in self._table.relations.items()
            if name in names or f"{name}.{self._primary_of(relation)}" in names
        }

    def _primary_of(self, relation: Relation) -> str:
        return self._snapshot.tables[relation.target].primary.name

    def _is_beside(self, name: str, keys: Container[str]) -> bool:
        """Say whether a column tells more of a related record whose key is there, too."""
        head, dot, field = name.partition(".")
        return bool(dot) and head in keys and field != self._primary_of(self._table.relations[head])

    def unnested(self, batch: Batch) -> Batch:
        """Give a batch whose related records are not objects but keys, or columns with a path.

        Of an object that holds the key, the key is all that counts, as in any body.
        """
        columns: list[tuple[str, Any]] = []
        for name, values in batch.columns:
            relation = self._table.relations.get(name)
            if relation is None or not relation.kind.to_one:
                columns.append((name, values))
            else:
                columns += unnested(name, values, self._primary_of(relation))
        return replace(batch, columns=tuple(columns))

    def _permit(self, name: str, field: Field) -> None:
        for use in self._uses:
            if self._access.verdict(field, use) is not True:
                raise EnfyraError(
                    "AUTHORIZATION_ERROR",
                    f"You are not allowed to set {name}",
                    details={"fields": [name]},
                )

    def _source(self, name: str) -> Source:
        column = self._table.columns.get(name)
        if column is not None and self._access.sees(column):
            self._permit(name, column)
            if column.read_only is not None:
                raise ValueError(f"{name} is read only: {column.read_only}")
            nullable = column.is_nullable and not column.is_primary
            return Source(name, stored(column), nullable, checks=checks_of(column))
        head, dot, field = name.partition(".")
        relation = self._table.relations.get(head)
        if relation is None or not self._access.sees(relation) or not relation.holds_key:
            raise ValueError(self._no_field(name))
        self._permit(name, relation)
        if relation.read_only is not None:
            raise ValueError(f"{name} {relation.read_only}")
        target = self._snapshot.tables[relation.target]
        key = key_of(relation, target)
        if not dot or field == target.primary.name:
            hint = (
                f"'{head}' takes keys of '{target.name}'. A column that is called "
                f"'{head}.FIELD' finds its records by another field"
            )
            return Source(name, key, relation.nullable, hint=hint)
        by = target.columns.get(field)
        if by is None or self._access.verdict(by) is not True:
            hint = did_you_mean(field, self._access.names(target))
            said = f"{name}: '{target.name}' has no '{field}'"
            raise ValueError(f"{said}.{hint}" if hint else said)
        if by.is_encrypted:
            raise ValueError(f"{name}: records cannot be found by an encrypted field")
        if by.type in DOCUMENTS:
            raise ValueError(f"{name}: a {by.type.value} does not tell records apart")
        return Source(name, key, relation.nullable, (target, by))

    def _no_field(self, name: str) -> str:
        listed = self._table.relations.get(name.partition(".")[0])
        if listed is not None and self._access.sees(listed) and not listed.holds_key:
            return f"{name}: '{listed.name}' is kept by '{listed.target}', load it there"
        for relation in self._table.relations.values():
            ours = relation.holds_key and name == relation.foreign_key
            if ours and self._access.sees(relation):
                return f"{name} is not allowed. Use the relation '{relation.name}'"
        hint = did_you_mean(name, self._access.names(self._table))
        said = f"{name} is no field of '{self._table.name}'"
        return f"{said}.{hint}" if hint else said

    def _missing(self, given: Container[str | None]) -> list[str]:
        missing: list[str] = []
        for name, column in self._table.columns.items():
            filled = column.is_generated or column.default_value is not None
            if not column.is_nullable and not filled and column.physical not in given:
                missing.append(f"{name} is required")
        for relation in self._table.relations.values():
            required = relation.holds_key and not relation.nullable
            if required and relation.foreign_key not in given and relation.read_only is None:
                missing.append(f"{relation.name} is required")
            missing += [wrong.of(relation.name) for wrong in wrong_without(relation)]
        return missing

    def fillers(self, sources: Iterable[Source], now: datetime) -> list[Filler]:
        """Give the columns that the server fills in."""
        given = {source.store.name for source in sources}
        fillers: list[Filler] = []
        for name, column in self._table.columns.items():
            if column.physical in given:
                continue
            if name in self._table.timestamps:
                fillers.append(Filler(stored(column), lambda: now))
            elif column.physical in self._table.made_uuids:
                fillers.append(Filler(stored(column), new_uuid))
            elif column.default_value is not None:
                fillers.append(_default_filler(column, now))
        return fillers


def _default_filler(column: ColumnDefinition, now: datetime) -> Filler:
    if column.default_value == "now":
        value: Any = now.date() if column.type is ColumnType.DATE else now
    else:
        value = reader(column.type, column.options)(column.default_value)
    return Filler(stored(column), lambda: value)
