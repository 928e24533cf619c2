"""Sub-commands that show a widget; importing widgets takes a while, so each does it when asked."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .session import Session

if TYPE_CHECKING:
    from ..matrix import Matrix
    from ..schema import TableInfo
    from ..widgets.board import Board
    from ..widgets.builder import Builder
    from ..widgets.designer import Designer
    from ..widgets.erd import Erd
    from ..widgets.permissions import Permissions
    from ..widgets.picker import Picker
    from ..widgets.profiler import Profiler
    from ..widgets.studio import Studio


def design(session: Session, given: Namespace) -> Designer:
    """Do `%enfyra design`."""
    from ..widgets.designer import Designer

    return session.shelf.put(Designer(session, given.table), given.table)


def diagram(session: Session, tables: Sequence[TableInfo], asked: Sequence[str]) -> Erd:
    """Do `%enfyra erd --click`."""
    from ..widgets.erd import Erd

    return session.shelf.put(Erd(session, tables), " ".join(asked))


def studio(session: Session, given: Namespace) -> Studio:
    """Do `%enfyra studio`."""
    from ..widgets.studio import Studio

    return session.shelf.put(Studio(session, given.route), given.route)


def board(session: Session, given: Namespace) -> Board:
    """Do `%enfyra board`."""
    from ..widgets.board import Board

    return session.shelf.put(Board(session, given.flow), given.flow or "")


def permissions(session: Session, matrix: Matrix, pattern: str) -> Permissions:
    """Do `%enfyra access`."""
    from ..widgets.permissions import Permissions

    return session.shelf.put(Permissions(matrix), pattern)


def build(session: Session, given: Namespace) -> Builder:
    """Do `%enfyra build`."""
    from ..widgets.builder import Builder

    return session.shelf.put(Builder(session, given.table), given.table)


def profile(
    session: Session,
    table: TableInfo,
    columns: Sequence[str],
    where: Mapping[str, Any] | None,
    size: int,
) -> Profiler:
    """Do `%enfyra profile --click`."""
    from ..widgets.profiler import Profiler

    subject = f"{table.name} {' '.join(columns)} {where}"
    profiler = session.shelf.put(Profiler(session, table, columns, where, size), subject)
    profiler.begin()
    return profiler


def pick(session: Session, given: Namespace) -> Picker:
    """Do `%enfyra pick`."""
    from ..widgets.picker import Picker

    table = session.find(given.table)
    subject = f"{given.table} {given.label} {given.filter}"
    picker = Picker(session, table, label=given.label, where=given.filter)
    return session.shelf.put(picker, subject)
