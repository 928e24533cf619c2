"""Sub-commands that show a widget; importing widgets takes a while, so each does it when asked."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from .session import Session

if TYPE_CHECKING:
    from ..widgets.designer import Designer


def design(session: Session, given: Namespace) -> Designer:
    """Do `%enfyra design`."""
    from ..widgets.designer import Designer

    return session.shelf.put(Designer(session, given.table), given.table)
