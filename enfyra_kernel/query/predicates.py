"""Conditions and orders with every name resolved: what a Plan is made of."""

from __future__ import annotations

from dataclasses import dataclass

from ..metadata.tables import Relation, StoredColumn, Table
from ..metadata.types import INTEGERS, ColumnType
from .ast import Function, Operator


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column of the table at hand compared with the value in a slot."""

    column: StoredColumn
    operator: Operator
    slot: int


@dataclass(frozen=True, slots=True)
class Emptiness:
    """Whether a column of the table at hand is null."""

    column: StoredColumn
    empty: bool


@dataclass(frozen=True, slots=True)
class Existence:
    """Whether a related record exists, meeting a condition if there is one."""

    relation: Relation
    target: Table
    where: Predicate | None


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure over records.

    Nulls count for nothing. Of no values at all, every figure but a count is null.

    Attributes:
        column: Whose values; None to count the records themselves.
        where: Which of the records count; None for all.
    """

    function: Function
    column: StoredColumn | None
    where: Predicate | None = None

    @property
    def type(self) -> ColumnType:
        """What the figure is: a count or a sum of integers is one, an average a float."""
        if self.function is Function.COUNT or self.column is None:
            return ColumnType.BIGINT
        if self.function is Function.AVG:
            return ColumnType.FLOAT
        if self.function is Function.SUM and self.column.type in INTEGERS:
            return ColumnType.BIGINT
        return self.column.type


@dataclass(frozen=True, slots=True)
class RelatedMeasure:
    """A figure over those records that one record is related to."""

    relation: Relation
    target: Table
    measure: Measure


@dataclass(frozen=True, slots=True)
class MeasureComparison:
    """A figure over related records compared with the value in a slot."""

    related: RelatedMeasure
    operator: Operator
    slot: int


@dataclass(frozen=True, slots=True)
class MeasureEmptiness:
    """Whether a figure over related records is null."""

    related: RelatedMeasure
    empty: bool


@dataclass(frozen=True, slots=True)
class All:
    """All parts hold."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 - the logical word
    """At least one part holds."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; what is unknown does not hold."""

    part: Predicate


Predicate = (
    Comparison | Emptiness | Existence | MeasureComparison | MeasureEmptiness | All | Any_ | Not
)


@dataclass(frozen=True, slots=True)
class Ordering:
    """What to order by: nulls first, or last when descending.

    Attributes:
        joins: The to-one relations on the way to it, and `targets` their tables.
        by: A column of the last table, or a figure over records that the record is related to.
    """

    joins: tuple[Relation, ...]
    targets: tuple[Table, ...]
    by: StoredColumn | RelatedMeasure
    nullable: bool
    descending: bool


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """Give the condition that two conditions hold, of which either may be none."""
    if first is None or second is None:
        return second if first is None else first
    return All((first, second))
