"""The definitions as a client sees them, and a copy of them that completion can look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .client import Client
from .peeking import Peek


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table as `/metadata` describes it.

    Attributes:
        facts: All of the description.
    """

    facts: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Any]] = field(init=False)
    relations: Mapping[str, Mapping[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        columns = {one["name"]: one for one in self.facts["columns"]}
        relations = {one["propertyName"]: one for one in self.facts["relations"]}
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "relations", relations)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.facts["name"])

    @property
    def is_system(self) -> bool:
        """Whether it belongs to the system."""
        return bool(self.facts["isSystem"])

    @property
    def path(self) -> str:
        """The path of its route; a table can have several, or one under another name."""
        paths = [str(route["path"]) for route in self.facts.get("routes", ())]
        own = f"/{self.name}"
        return own if own in paths or not paths else paths[0]

    @property
    def key(self) -> str:
        """The name of its primary column."""
        return str(self.facts.get("primary", "id"))

    @property
    def fields(self) -> list[str]:
        """The names of its columns and relations."""
        return [*self.columns, *self.relations]


@dataclass(frozen=True, slots=True)
class Schema:
    """All tables that the caller may see, by name."""

    tables: Mapping[str, TableInfo] = field(default_factory=dict)
    version: int = 0

    @staticmethod
    def of(metadata: Mapping[str, Any]) -> Schema:
        """Read the answer of `/metadata`."""
        tables = [TableInfo(one) for one in metadata["tables"]]
        return Schema({table.name: table for table in tables}, int(metadata["version"]))

    @property
    def own(self) -> list[TableInfo]:
        """The tables that people have defined."""
        return [table for table in self.tables.values() if not table.is_system]

    def follow(self, table: TableInfo | None, path: Iterable[str]) -> TableInfo | None:
        """Give the table that a path of relations leads to; None if it leads nowhere."""
        for name in path:
            relation = table.relations.get(name) if table is not None else None
            if relation is None:
                return None
            table = self.tables.get(str(relation["targetTable"]))
        return table


EMPTY = Schema()


class SchemaCache(Peek[Schema]):
    """Holds what was last known of the definitions.

    Attributes:
        server: The server's version; empty as long as it is not known.
    """

    server = ""

    def __init__(self, client: Client, *, lifetime: float = 5.0) -> None:
        super().__init__(client, EMPTY, lifetime=lifetime)

    def _ask(self) -> Schema:
        metadata = self._client.get("/metadata")["data"]
        # Kept first: one of another version may tell the rest in a way that cannot be read.
        self.server = str(metadata.get("enfyraVersion", ""))
        return Schema.of(metadata)
