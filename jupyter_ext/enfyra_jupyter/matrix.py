"""The matrix of who may use which methods of which routes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .display import html_table, text_table
from .grants import EVERYBODY, LOGGED_IN, Grants, RouteFacts, in_order

NOTE = "A cell names the methods that somebody may use; root administrators may use all."


class Matrix:
    """Rows are routes, columns are everybody, whoever has logged in, and each role."""

    def __init__(self, grants: Grants, routes: Sequence[RouteFacts]) -> None:
        self._grants = grants
        self.routes = routes
        self.columns = [EVERYBODY, LOGGED_IN, *(one["name"] for one in grants.roles())]
        self.cells: dict[tuple[str, str], frozenset[str]] = {}
        for route in routes:
            for who, methods in route.open.items():
                self.cells[route.path, who] = methods
        for permission in grants.permissions():
            if permission.role is not None:
                place = (permission.path, permission.role)
                self.cells[place] = self.cells.get(place, frozenset()) | permission.methods

    def toggle(self, path: str, who: str, method: str) -> bool:
        """Let somebody use a method if he may not, else take that back; say whether he may now.

        Raises:
            ApiError: What the server said; nothing has changed then.
        """
        before = self.cells.get((path, who), frozenset())
        change = self._grants.revoke if method in before else self._grants.grant
        change(who, [method], path)
        self.cells[path, who] = before ^ {method}
        return method not in before

    def rows(self) -> list[list[str]]:
        """Give the rows as text."""
        return [
            [route.path, *(self._cell(route, who) for who in self.columns)] for route in self.routes
        ]

    def _cell(self, route: RouteFacts, who: str) -> str:
        return " ".join(in_order(self.cells.get((route.path, who), ())))

    def __repr__(self) -> str:
        return "\n".join([text_table(["route", *self.columns], self.rows()), NOTE])

    def html(self) -> str:
        """Give it as HTML, without the frame."""
        table = html_table(["route", *self.columns], self.rows())
        return f'{table}<div class="note">{escape(NOTE)}</div>'
