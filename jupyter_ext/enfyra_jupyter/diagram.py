"""Entity-relationship diagrams in Mermaid's language, which Lab and Notebook draw by themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .schema import TableInfo

# How many records of the relation's own table, and of the target, one relation joins.
_LINES = {
    ("many-to-one", True): "}o--o|",
    ("many-to-one", False): "}o--||",
    ("one-to-one", True): "|o--o|",
    ("one-to-one", False): "|o--||",
    ("many-to-many", True): "}o--o{",
    ("many-to-many", False): "}o--o{",
}
_HIDDEN = frozenset({"createdAt", "updatedAt"})
ARROWS = {"many-to-one": "n:1", "one-to-one": "1:1", "many-to-many": "n:n"}


@dataclass(frozen=True, slots=True)
class Diagram:
    """Tables and how they are related.

    Attributes:
        tables: What is drawn; relations that lead elsewhere are left out.

    Example:
        >>> Diagram([])
        There are no tables yet
    """

    tables: Sequence[TableInfo]

    @property
    def mermaid(self) -> str:
        """The diagram in Mermaid's language."""
        lines = ["erDiagram"]
        for table in self.tables:
            lines.append(f'  "{table.name}" {{')
            lines += [
                f"    {_attribute(name, column, table)}" for name, column in shown_columns(table)
            ]
            lines.append("  }")
        for table, name, relation in self.relations():
            line = _LINES[relation["type"], bool(relation["isNullable"])]
            lines.append(f'  "{table.name}" {line} "{relation["targetTable"]}" : "{name}"')
        return "\n".join(lines)

    @property
    def text(self) -> str:
        """The same in words, for where no diagram can be drawn."""
        if not self.tables:
            return "There are no tables yet"
        lines: list[str] = []
        for table in self.tables:
            fields = ", ".join(f"{name} {column['type']}" for name, column in shown_columns(table))
            lines.append(f"{table.name} ({fields})")
            lines += [
                f"  {name} --{ARROWS[relation['type']]}--> {relation['targetTable']}"
                for source, name, relation in self.relations()
                if source is table
            ]
        return "\n".join(lines)

    def relations(self) -> list[tuple[TableInfo, str, Any]]:
        """Give the relations that are drawn: whose each is, its name, and all of it."""
        drawn = {table.name for table in self.tables}
        return [
            (table, name, relation)
            for table in self.tables
            for name, relation in table.relations.items()
            # The other side says the same thing once more.
            if relation["mappedBy"] is None and relation["targetTable"] in drawn
        ]

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        if not self.tables:
            return {"text/plain": self.text}
        return {"text/vnd.mermaid": self.mermaid, "text/plain": self.text}


def shown_columns(table: TableInfo) -> list[tuple[str, Any]]:
    """Give the columns that say something of a table."""
    return [(name, column) for name, column in table.columns.items() if name not in _HIDDEN]


def _attribute(name: str, column: Any, table: TableInfo) -> str:
    uniques = [group for group in table.facts.get("uniques", ()) if list(group) == [name]]
    key = " PK" if column["isPrimary"] else " UK" if uniques else ""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', str(column['type']))} {name}{key}"
