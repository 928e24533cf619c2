"""The diagram of tables and relations, to walk along and to look into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from ..client import ApiError
from ..diagram import ARROWS, Diagram, shown_columns
from ..magics.exploring import type_text
from ..schema import TableInfo
from .connected import Connected
from .layout import placed
from .part import action

if TYPE_CHECKING:
    from ..magics.session import Session

# Columns that a box names; the rest is counted.
MOST_COLUMNS = 14
WIDTH, HEAD, LINE, END = 210.0, 26.0, 17.0, 6.0
_FIRST = 5


class Erd(Connected):
    """Tables as boxes, relations as lines between them.

    Attributes:
        tables: What each box shows, and what is told of it when it is chosen.
        chosen: The name of the table that is told of.
        view: The part of the diagram that is seen.
    """

    face: ClassVar[str] = "erd"
    keeps: ClassVar[tuple[str, ...]] = ("chosen", "view")
    tables = traitlets.List().tag(sync=True)
    relations = traitlets.List().tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Session, tables: Sequence[TableInfo]) -> None:
        super().__init__(session)
        self._diagram = Diagram(tables)
        relations = self._diagram.relations()
        boxes = {table.name: _box(table) for table in tables}
        sizes = {name: (WIDTH, _height(box)) for name, box in boxes.items()}
        edges = [(table.name, one["targetTable"]) for table, _, one in relations]
        for name, place in placed(sizes, edges).items():
            boxes[name] |= {
                "x": place.x, "y": place.y, "width": WIDTH, "height": sizes[name][1],
            }  # fmt: skip
        self.tables = list(boxes.values())
        self.relations = [
            {
                "from": table.name,
                "to": relation["targetTable"],
                "name": name,
                "kind": ARROWS[relation["type"]],
                "required": not relation["isNullable"],
            }
            for table, name, relation in relations
        ]

    @action
    def rows(self, table: str) -> dict[str, Any]:
        """Give the first records of a table."""
        known = self._session.schema().tables.get(table)
        if known is None:
            raise ApiError("RESOURCE_NOT_FOUND", f"The table '{table}' is not there any more")
        answer = self._session.client.get(known.path, limit=_FIRST, meta="totalCount")
        columns = list(known.columns)
        rows = [[row.get(name) for name in columns] for row in answer["data"]]
        return {"columns": columns, "rows": rows, "total": answer["meta"]["totalCount"]}

    def text(self) -> str:
        """Give tables and relations in words."""
        return self._diagram.text


def _height(box: Mapping[str, Any]) -> float:
    rows = len(box["columns"]) + len(box["links"]) + bool(box["more"])
    return HEAD + LINE * rows + END


def _box(table: TableInfo) -> dict[str, Any]:
    columns = shown_columns(table)
    alone = {group[0] for group in table.facts.get("uniques", ()) if len(group) == 1}
    lines = [
        {
            "name": name,
            "type": type_text(column),
            "key": "key" if column["isPrimary"] else "unique" if name in alone else "",
            "required": not column["isNullable"],
            "about": column.get("description") or "",
        }
        for name, column in columns
    ]
    return {
        "name": table.name,
        "about": table.facts.get("description") or "",
        "columns": lines[:MOST_COLUMNS],
        "more": len(lines[MOST_COLUMNS:]),
        "links": [name for name, one in table.relations.items() if one["mappedBy"] is None],
        "relations": [
            {"name": name, "type": one["type"], "table": one["targetTable"] or "?"}
            for name, one in table.relations.items()
        ],
        "paths": [str(route["path"]) for route in table.facts.get("routes", ())],
    }
