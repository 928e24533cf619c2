"""`%enfyra profile` and `%enfyra plot`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from ..client import Client
from ..schema import Schema, TableInfo
from . import clicking
from .session import Session

if TYPE_CHECKING:
    from ..plots import Plot
    from ..profiles.profile import Profile
    from ..widgets.profiler import Profiler


def profile(session: Session, given: Namespace) -> Profile | Profiler:
    """Do `%enfyra profile`."""
    table = session.find(given.table)
    columns = _columns(table, given.fields or list(table.columns))
    if given.click:
        return clicking.profile(session, table, columns, given.filter, given.sample)
    # They import pyarrow, which other commands need not wait for.
    from ..profiles.asking import figures, sample
    from ..profiles.looking import looked_at
    from ..profiles.profile import Profile

    client: Client = session.client
    rows, known = figures(client, table, columns, given.filter)
    seen = sample(client, table, columns, given.filter, given.sample)
    profiles = [
        looked_at(name, table.columns[name]["type"], seen.column(name), rows, known[name])
        for name in columns
    ]
    return Profile(table.name, rows, seen.num_rows, profiles)


def plot(session: Session, given: Namespace) -> Plot:
    """Do `%enfyra plot`."""
    from ..plots import Drawing

    client = session.client
    table = session.find(given.table)
    schema = session.glance()
    names = [given.x] if given.y is None else [given.x, given.y]
    types = [_type_of(schema, table, name) for name in names]
    drawing = Drawing(names, types, given.kind, where=given.filter, limit=given.limit)
    return drawing.drawn(client, table)


def _type_of(schema: Schema, table: TableInfo, name: str) -> str:
    """Give the type of a column, also of a related record's, as in `author.name`."""
    *path, column = name.split(".")
    target = schema.follow(table, path)
    if target is None:
        hint = did_you_mean(name.partition(".")[0], table.relations)
        raise UsageError(f"'{table.name}' has no relation '{'.'.join(path)}'.{hint}")
    if column in target.relations:
        raise UsageError(
            f"'{name}' is a relation. Choose a column of its records, as in {name}.FIELD"
        )
    return str(target.columns[_columns(target, [column])[0]]["type"])


def _columns(table: TableInfo, names: Sequence[str]) -> list[str]:
    for name in names:
        if name not in table.columns:
            hint = did_you_mean(name, table.columns)
            raise UsageError(f"'{table.name}' has no column '{name}'.{hint}")
    return list(names)
