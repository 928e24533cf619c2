"""The matrix of permissions as buttons, each of which writes its rule."""

from __future__ import annotations

from typing import ClassVar

import traitlets

from ..matrix import Matrix
from .part import Part, action


class Permissions(Part):
    """A matrix to click.

    Attributes:
        columns: Who: everybody, whoever has logged in, and each role.
        routes: The path of each route, the methods that it has, and those that each may use.
        search: What the paths that are shown have in them.
    """

    face: ClassVar[str] = "permissions"
    keeps: ClassVar[tuple[str, ...]] = ("search",)
    columns = traitlets.List().tag(sync=True)
    routes = traitlets.List().tag(sync=True)
    search = traitlets.Unicode("").tag(sync=True)

    def __init__(self, matrix: Matrix) -> None:
        super().__init__()
        self._matrix = matrix
        self.columns = matrix.columns
        self.routes = [
            {
                "path": route.path,
                "methods": list(route.available),
                "may": [sorted(matrix.cells.get((route.path, who), ())) for who in matrix.columns],
            }
            for route in matrix.routes
        ]

    @action
    def toggle(self, path: str, who: str, method: str) -> dict[str, object]:
        """Let somebody use a method if he may not, else take that back; say whether he may now."""
        may = self._matrix.toggle(path, who, method)
        text = f"{who} may {'now' if may else 'no longer'} {method} {path}"
        number = self.columns.index(who)
        self.routes = [
            one | {"may": _put(one["may"], number, self._matrix.cells[path, who])}
            if one["path"] == path
            else one
            for one in self.routes
        ]
        return {"may": may, "text": text}

    def text(self) -> str:
        """Give the matrix as text."""
        return repr(self._matrix)

    def html(self) -> str:
        """Give the matrix as a table."""
        return self._matrix.html()


def _put(cells: list[list[str]], number: int, methods: frozenset[str]) -> list[list[str]]:
    return [sorted(methods) if at == number else one for at, one in enumerate(cells)]
