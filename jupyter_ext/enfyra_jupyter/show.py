"""Widgets by Python, where there are no magics: in marimo, or in a program of one's own.

Each function gives the widget of the magic of the same name, for a connection that `connect` has
made.

Example:
    >>> from enfyra_jupyter import connect, show
    >>> client = connect("http://localhost:1105", email="ann@example.com")  # doctest: +SKIP
    >>> show.grid(client, "post", filter={"views": {"_gt": 5}}, sort="-views")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .client import ApiError, Client

if TYPE_CHECKING:
    from .magics.session import Session
    from .widgets.board import Board
    from .widgets.builder import Builder
    from .widgets.designer import Designer
    from .widgets.erd import Erd
    from .widgets.grid import Grid
    from .widgets.permissions import Permissions
    from .widgets.profiler import Profiler
    from .widgets.studio import Studio


def grid(
    client: Client,
    table: str,
    *,
    filter: Mapping[str, Any] | None = None,  # noqa: A002 - the API's own word
    sort: str | Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    limit: int | None = None,
) -> Grid:
    """Give the rows of a table to scroll, sort, filter and change.

    Raises:
        ApiError: What the server says, as when the query is wrong.
        UsageError: If there is no such table.

    Example:
        >>> show.grid(client, "post", sort=["-views", "title"])  # doctest: +SKIP
    """
    asked = {"filter": filter, "sort": sort, "fields": fields, "limit": limit}
    query = {name: value for name, value in asked.items() if value is not None}
    return _session(client).query(table, query).grid()


def design(client: Client, table: str = "") -> Designer:
    """Give the form of a table; that of a new one without a name."""
    from .widgets.designer import Designer

    return Designer(_session(client), table)


def studio(client: Client, route: str) -> Studio:
    """Give the editor for hooks and handlers of a route: a table's name, or a path.

    Raises:
        UsageError: If there is no such route.
    """
    from .widgets.studio import Studio

    return Studio(_session(client), route)


def board(client: Client, flow: str | None = None) -> Board:
    """Give the board of a flow; of the first one without a name.

    Raises:
        UsageError: If there is no such flow.
    """
    from .widgets.board import Board

    return Board(_session(client), flow)


def build(client: Client, table: str) -> Builder:
    """Give what puts a query of a table together.

    Raises:
        UsageError: If there is no such table.
    """
    from .widgets.builder import Builder

    return Builder(_session(client), table)


def erd(client: Client, *tables: str) -> Erd:
    """Give the diagram of tables; of all of one's own without names.

    Raises:
        UsageError: If there is no such table.
    """
    from .magics.session import found
    from .widgets.erd import Erd

    session = _session(client)
    schema = session.schema()
    names = dict.fromkeys(tables)
    return Erd(session, [found(schema, name) for name in names] if tables else schema.own)


def access(client: Client, pattern: str | None = None) -> Permissions:
    """Give who may use which routes, to be changed by a click.

    Args:
        pattern: Of paths, such as `/order*`; all of one's own without it.

    Raises:
        ApiError: RESOURCE_NOT_FOUND if there is no such route.
    """
    from .grants import Grants
    from .magics.session import matching
    from .matrix import Matrix
    from .widgets.permissions import Permissions

    grants = Grants(client)
    routes = [one for one in grants.routes() if not one.is_system and matching(one.path, pattern)]
    if not routes:
        raise ApiError("RESOURCE_NOT_FOUND", "There are no such routes; a table brings one")
    return Permissions(Matrix(grants, routes))


def profile(
    client: Client,
    table: str,
    *,
    filter: Mapping[str, Any] | None = None,  # noqa: A002 - the API's own word
    sample: int = 10_000,
) -> Profiler:
    """Give what the columns of a table hold; a click on a bar or a value narrows it.

    Args:
        sample: How many records are looked at for what only they can tell.

    Raises:
        UsageError: If there is no such table.
    """
    from .widgets.profiler import Profiler

    session = _session(client)
    found = session.find(table)
    profiler = Profiler(session, found, list(found.columns), filter, sample)
    profiler.begin()
    return profiler


def _session(client: Client) -> Session:
    from .magics.session import Session

    session = Session()
    session.use(client)
    return session
