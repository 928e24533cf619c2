"""`%enfyra grid`."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from .session import QUERY_KEYS, Session

if TYPE_CHECKING:
    from ..widgets.grid import Grid


def grid(session: Session, given: Namespace) -> Grid:
    """Do `%enfyra grid`."""
    asked = {
        key: value
        for key in QUERY_KEYS
        if key != "table" and (value := getattr(given, key, None)) not in (None, [])
    }
    return session.query(given.table, asked).grid()
