"""The matrix of who may use which methods of which routes, to look at and to click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .client import ApiError
from .display import html_table, text_table, wrapped
from .grants import EVERYBODY, LOGGED_IN, Grants, RouteFacts, in_order

NOTE = "A cell names the methods that somebody may use; root administrators may use all."
# A browser takes long to draw more; a pattern makes it fewer.
MOST_BUTTONS = 800
_CLICK = "A click lets a role use a method, or takes that back; it is live at once."


class Matrix:
    """Rows are routes, columns are everybody, whoever has logged in, and each role.

    It shows itself as text, as HTML, and where widgets are, as buttons that write the rule.
    """

    def __init__(self, grants: Grants, routes: Sequence[RouteFacts]) -> None:
        self._grants = grants
        self._routes = routes
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
            [route.path, *(self._cell(route, who) for who in self.columns)]
            for route in self._routes
        ]

    def _cell(self, route: RouteFacts, who: str) -> str:
        return " ".join(in_order(self.cells.get((route.path, who), ())))

    def __repr__(self) -> str:
        return "\n".join([text_table(["route", *self.columns], self.rows()), NOTE])

    def _repr_html_(self) -> str:
        table = html_table(["route", *self.columns], self.rows())
        return wrapped(f'{table}<div class="note">{escape(NOTE)}</div>')

    def _repr_mimebundle_(self, **_: Any) -> Mapping[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        box = self.widget()
        if box is not None:
            shown = box._repr_mimebundle_()
            bundle |= {name: value for name, value in shown.items() if name not in bundle}
        return bundle

    # -- buttons --------------------------------------------------------------------------------

    def widget(self) -> Any:
        """Give the matrix as buttons; None without widgets, or with too many of them."""
        count = sum(len(one.available) for one in self._routes) * len(self.columns)
        if count > MOST_BUTTONS:
            return None
        try:
            import ipywidgets
        except ImportError:
            return None
        said = ipywidgets.HTML(wrapped(f'<div class="note">{escape(_CLICK)}</div>'))
        width = len(self.columns) + 1
        cells: list[Any] = [_label(ipywidgets, name) for name in ("route", *self.columns)]
        for route in self._routes:
            cells.append(_label(ipywidgets, route.path))
            for who in self.columns:
                buttons = [
                    self._button(ipywidgets, route, who, one, said) for one in route.available
                ]
                cells.append(ipywidgets.HBox(buttons))
        layout = ipywidgets.Layout(grid_template_columns=f"repeat({width}, max-content)")
        return ipywidgets.VBox([ipywidgets.GridBox(cells, layout=layout), said])

    def _button(self, widgets: Any, route: RouteFacts, who: str, method: str, said: Any) -> Any:
        button = widgets.ToggleButton(
            value=method in self.cells.get((route.path, who), ()),
            description=method,
            tooltip=f"{who}: {method} {route.path}",
            layout=widgets.Layout(width="auto"),
        )

        def clicked(change: Mapping[str, Any]) -> None:
            if change["new"] == (method in self.cells.get((route.path, who), ())):
                # It has been put back after an error.
                return
            try:
                may = self.toggle(route.path, who, method)
                text = f"{who} may {'now' if may else 'no longer'} {method} {route.path}"
                said.value = wrapped(f'<div class="good">{escape(text)}</div>')
            except ApiError as error:
                said.value = wrapped(f'<div class="bad">{escape(str(error))}</div>')
                button.value = not change["new"]

        button.observe(clicked, "value")
        return button


def _label(widgets: Any, text: str) -> Any:
    # Labels show TeX; HTML that is escaped shows what is there.
    return widgets.HTML(f"<b>{escape(text)}</b>")
