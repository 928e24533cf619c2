"""Selections: which fields of the records are fetched, and the rows that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....metadata.tables import StoredColumn, Table, key_of, stored
from ....query.predicates import Predicate
from ....query.selection import (
    DEFAULT_LIMIT,
    Selected,
    SelectedColumn,
    SelectedMany,
    SelectedOne,
    Selection,
)
from ..values import decoder, field_of
from .conditions import where
from .lookups import lookup
from .orders import sort, sort_fields
from .scope import Document, Scope, Stage

Row = dict[str, Any]
Take = Callable[[Document], Any]


@dataclass(slots=True)
class Shape:
    """What to fetch of a document, and how to make a row of it.

    Attributes:
        stages: What has to come before the projection.
        projection: The fields to keep.
        steps: The row's fields, each with what makes its value.
    """

    stages: list[Stage] = field(default_factory=list[Stage])
    projection: Document = field(default_factory=lambda: {"_id": 0})
    steps: list[tuple[str, Take]] = field(default_factory=list[tuple[str, Take]])

    def keep(self, name: str, stored_in: str, take: Take) -> None:
        """Add a field of the row."""
        self.projection[stored_in] = 1
        self.steps.append((name, take))

    def row(self, document: Document) -> Row:
        """Make the row of a document."""
        return {name: take(document) for name, take in self.steps}

    @property
    def project(self) -> list[Stage]:
        """The stages that end a pipeline."""
        return [*self.stages, {"$project": self.projection}]


def joined(selection: Selection) -> bool:
    """Say whether a selection needs more than the record itself."""
    return any(
        isinstance(one, SelectedMany) or (isinstance(one, SelectedOne) and not one.key_only)
        for one in selection
    )


def shape(scope: Scope, selection: Selection, table: Table) -> Shape:
    """Give what to fetch for a selection on a table."""
    made = Shape()
    for one in selection:
        _add(scope, one, table, made)
    return made


def value_of(stored_in: str, column: StoredColumn) -> Take:
    """Give what takes a column's value, as JSON has it, out of a document."""
    decode = decoder(column)
    if decode is None:
        return lambda document: document.get(stored_in)

    def take(document: Document) -> Any:
        value = document.get(stored_in)
        return None if value is None else decode(value)

    return take


def _add(scope: Scope, one: Selected, table: Table, made: Shape) -> None:
    if isinstance(one, SelectedColumn):
        column = stored(one.column)
        kept = field_of(column.name)
        take = _shown(scope, one.visible, table, made, value_of(kept, column))
        made.keep(one.name, kept, take)
    elif isinstance(one, SelectedOne) and one.key_only:
        key = key_of(one.relation, one.target)
        take = _as_key(one.target.primary.name, value_of(key.name, key))
        made.keep(one.name, key.name, _shown(scope, one.visible, table, made, take))
    elif isinstance(one, SelectedOne):
        _add_one(scope, one, table, made)
    else:
        _add_many(scope, one, table, made)


def _as_key(name: str, take: Take) -> Take:
    return lambda document: None if (key := take(document)) is None else {name: key}


def _add_one(scope: Scope, one: SelectedOne, table: Table, made: Shape) -> None:
    into = scope.field()
    inner = shape(scope, one.selection, one.target)
    which = where(scope, one.where, one.target)
    made.stages.append(lookup(one.relation, one.target, table, into, which, inner.project))

    def take(document: Document) -> Row | None:
        found: list[Document] = document[into]
        return inner.row(found[0]) if found else None

    made.keep(one.name, into, _shown(scope, one.visible, table, made, take))


def _shown(scope: Scope, visible: Predicate | None, table: Table, made: Shape, take: Take) -> Take:
    """Give what takes a value where a condition on the record holds, otherwise null.

    The record looks itself up, as only `$match` knows all conditions.
    """
    if visible is None:
        return take
    into = scope.field()
    only: list[Stage] = [{"$limit": 1}, {"$project": {"_id": 1}}]
    itself: Document = {
        "from": table.definition.physical,
        "localField": "_id",
        "foreignField": "_id",
        "pipeline": [*where(scope, visible, table), *only],
        "as": into,
    }
    made.stages.append({"$lookup": itself})
    made.projection[into] = 1
    return lambda document: take(document) if document[into] else None


def _add_many(scope: Scope, one: SelectedMany, table: Table, made: Shape) -> None:
    into = scope.field()
    stages: list[Stage] = []
    fields = sort_fields(scope, one.order, one.target, stages)
    stages += sort(fields)
    offset = scope.value(one.offset) if one.offset is not None else 0
    limit = scope.value(one.limit) if one.limit is not None else DEFAULT_LIMIT
    stages += window(limit, offset)
    inner = shape(scope, one.selection, one.target)
    which = where(scope, one.where, one.target)
    then = [*stages, *inner.project]
    made.stages.append(lookup(one.relation, one.target, table, into, which, then))

    def take(document: Document) -> list[Row]:
        return [inner.row(found) for found in document[into]]

    made.keep(one.name, into, take)


def window(limit: int, offset: int) -> list[Stage]:
    """Give the stages that leave a page of the records; a negative limit means all."""
    stages: list[Stage] = [{"$skip": offset}] if offset else []
    if limit == 0:
        return [{"$match": {"$expr": False}}]
    return [*stages, {"$limit": limit}] if limit > 0 else stages


def rows_of(made: Shape, documents: Sequence[Document]) -> list[Row]:
    """Make the rows of documents."""
    return [made.row(document) for document in documents]
