"""`%enfyra profile` and `%enfyra plot`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from ..client import Client
from ..schema import TableInfo
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
    names = _columns(table, [given.x] if given.y is None else [given.x, given.y])
    types = [table.columns[name]["type"] for name in names]
    drawing = Drawing(names, types, given.kind, where=given.filter, limit=given.limit)
    return drawing.drawn(client, table)


def _columns(table: TableInfo, names: Sequence[str]) -> list[str]:
    for name in names:
        if name not in table.columns:
            hint = did_you_mean(name, table.columns)
            raise UsageError(f"'{table.name}' has no column '{name}'.{hint}")
    return list(names)
