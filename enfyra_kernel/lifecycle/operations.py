"""What routes do by themselves: the server's own operations, and default CRUD."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from ..errors import EnfyraError
from ..metadata.routes import Route
from ..metadata.system import PLANNED_TABLES
from .context import Context
from .messages import Response

Operation = Callable[[Context], Awaitable[Response]]


class TableOperations(Protocol):
    """Default CRUD on a kind of tables."""

    async def list(self, context: Context) -> Response:
        """Answer GET."""
        ...

    async def create(self, context: Context) -> Response:
        """Answer POST."""
        ...

    async def update(self, context: Context) -> Response:
        """Answer PATCH."""
        ...

    async def replace(self, context: Context) -> Response:
        """Answer PUT."""
        ...

    async def delete(self, context: Context) -> Response:
        """Answer DELETE."""
        ...


class Operations:
    """Finds what a route does for a method.

    Args:
        static: The server's own operations, by method and path.
        crud: Of tables that are not the system's.
        system: Of the system's tables.
        planned: Of those whose rows are definitions.
    """

    def __init__(
        self,
        static: Mapping[tuple[str, str], Operation],
        crud: TableOperations,
        system: TableOperations,
        planned: TableOperations,
    ) -> None:
        self._static = static
        self._crud = crud
        self._system = system
        self._planned = planned

    def of(self, route: Route, method: str) -> Operation:
        """Give what a route does.

        Raises:
            EnfyraError: ROUTE_NOT_FOUND where that is nothing.
        """
        table = route.table
        if table is None:
            operation = self._static.get((method, route.path))
            if operation is None:
                raise EnfyraError(
                    "ROUTE_NOT_FOUND", f"{method} {route.path} has no table and no handler"
                )
            return operation
        crud = self._crud
        if table.definition.is_system:
            crud = self._planned if table.name in PLANNED_TABLES else self._system
        match method:
            case "GET":
                return crud.list
            case "POST":
                return crud.create
            case "PATCH":
                return crud.update
            case "PUT":
                return crud.replace
            case "DELETE":
                return crud.delete
            case _:
                raise EnfyraError("ROUTE_NOT_FOUND", f"{method} {route.path} has no handler")
