"""Where a page begins: behind a place in the order."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ....metadata.tables import StoredColumn
from ....query.predicates import Ordering
from ..dialect import Expression
from ..statement import Source
from .flat_rows import FlatRows
from .scope import Scope


def behind(
    scope: Scope, rows: FlatRows, order: Sequence[Ordering], after: Sequence[int | None]
) -> Expression:
    """Hold for the rows behind a place: in the first key, or with that equal, in the next one."""
    found: Expression = sa.false()
    for one, slot in reversed(list(zip(order, after, strict=True))):
        value = rows.ordered_by(one)
        if slot is None:
            further, same = _behind_null(value, one), value.is_(None)
        else:
            place = _place(scope, one, slot)
            further, same = _behind_value(value, one, place), value == place
        found = sa.or_(further, sa.and_(same, found))
    return found


def _behind_null(value: Expression, one: Ordering) -> Expression:
    return sa.false() if one.descending else value.is_not(None)


def _behind_value(value: Expression, one: Ordering, place: Expression) -> Expression:
    if not one.descending:
        return value > place
    less = value < place
    return sa.or_(less, value.is_(None)) if one.nullable else less


def _place(scope: Scope, one: Ordering, slot: int) -> Expression:
    dialect = scope.dialect
    column = one.by if isinstance(one.by, StoredColumn) else dialect.figure_column(one.by.measure)
    number = slot + scope.first_slot
    source = Source(number, dialect.encoder(column))
    return scope.bound(f"v{number}", source, dialect.parameter_type(column))
