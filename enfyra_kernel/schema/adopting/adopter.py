"""The adopter: adds definitions of existing tables to a catalog."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ...errors import EnfyraError, did_you_mean
from ...metadata.names import RESERVED_TABLES
from ...metadata.system import SYSTEM_NAMES
from ...storage.physical import PhysicalTable, Remark
from ..catalog import Catalog
from .keys import choose_key
from .naming import free, table_name
from .relations import Connected, connect, ends_of
from .selection import Selection
from .tables import define, remarks_on, why_not


class Adopter:
    """Adds definitions of existing tables to a catalog.

    Args:
        physical: All tables of the database.
        taken: Names that no table can have: those of other paths.

    Attributes:
        catalog: The catalog so far.
        adopted: Ids of the new definitions, by physical name.
        relations: Ids of the owning sides of the new relations.
        remarks: What the definitions cannot say, with the physical table that it is about.
        refused: Why tables that were asked for are not adopted, by physical name.
        known: Physical names of tables that were asked for and are defined already.
    """

    def __init__(
        self,
        catalog: Catalog,
        physical: Iterable[PhysicalTable],
        taken: Collection[str] = (),
    ) -> None:
        self.catalog = catalog
        self.physical = {
            table.name: table
            for table in sorted(physical, key=lambda one: (table_name(one.name), one.name))
            if table.name not in SYSTEM_NAMES and table.name not in RESERVED_TABLES
        }
        self.adopted: dict[str, int] = {}
        self.relations: tuple[int, ...] = ()
        self.remarks: list[tuple[str, Remark]] = []
        self.refused: dict[str, str] = {}
        self.known: list[str] = []
        self._next = catalog.next_id()
        self._taken = {name.lower() for name in taken}
        for table in catalog.values():
            self._taken |= {table.name.lower(), (table.alias or table.name).lower()}

    def _new_id(self) -> int:
        self._next -= 1
        return self._next

    # -- many tables ----------------------------------------------------------------------------

    def adopt_all(self, selection: Selection) -> None:
        """Adopt the tables that are meant; those that cannot be are listed as refused.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND for a name that is no table's, VALIDATION_ERROR for a
                key that cannot be one.
        """
        strangers = self._strangers()
        names = selection.of([*strangers, *self._adopted_before()])
        self.known = [name for name in names if name not in strangers]
        wanted = [strangers[name] for name in names if name in strangers]
        # Who is called as ours are called keeps the name, whoever else would be called so.
        wanted.sort(key=lambda one: (table_name(one.name) != one.name, one.name))
        keys = selection.keys_of(names)
        for table in wanted:
            key = choose_key(table, keys.get(table.name))
            problem = why_not(table, key)
            if ends_of(table, self.physical) is not None:
                continue
            if problem is not None or key is None:
                self.refused[table.name] = problem or ""
                continue
            self._define(table, keys.get(table.name), {})
        self._connect()
        self._refuse_lone_junctions(wanted)

    def _strangers(self) -> dict[str, PhysicalTable]:
        """Give the tables that are neither defined nor between two that are."""
        known = {one.physical for one in self.catalog.values()}
        known |= {one.junction_table_name or "" for one in self.catalog.relations()}
        return {name: table for name, table in self.physical.items() if name not in known}

    def _adopted_before(self) -> list[str]:
        return [one.physical for one in self.catalog.values() if one.is_adopted]

    def _refuse_lone_junctions(self, wanted: Iterable[PhysicalTable]) -> None:
        joined = {one.junction_table_name for one in self.catalog.relations()}
        for table in wanted:
            ends = ends_of(table, self.physical)
            if ends is not None and table.name not in joined:
                listed = " and ".join(f"'{end.target}'" for end in ends)
                self.refused[table.name] = (
                    f"it only joins {listed}; adopt both, and it becomes a relation between them"
                )

    # -- one table ------------------------------------------------------------------------------

    def adopt(self, name: str, facts: Mapping[str, Any]) -> int:
        """Adopt a table by its physical or logical name; give its provisional id.

        Args:
            facts: Further fields of the definition, such as `description`.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND, TABLE_EXISTS, or VALIDATION_ERROR for a table that
                cannot be represented, saying why.
        """
        table = self._find(name)
        if any(one.physical == table.name for one in self.catalog.values()):
            raise EnfyraError("TABLE_EXISTS", f"The table '{table.name}' is defined already")
        problem = why_not(table, choose_key(table))
        if ends_of(table, self.physical) is not None:
            problem = (
                "it only joins two tables; adopt those, and it becomes a relation between them"
            )
        if problem is not None:
            raise EnfyraError(
                "VALIDATION_ERROR", problems=[f"'{table.name}' cannot be adopted: {problem}"]
            )
        id_ = self._define(table, None, facts)
        self._connect()
        return id_

    def _find(self, name: str) -> PhysicalTable:
        exact = self.physical.get(name)
        if exact is not None:
            return exact
        for table in self.physical.values():
            if name in {table.name.lower(), table_name(table.name)}:
                return table
        raise EnfyraError(
            "RESOURCE_NOT_FOUND",
            f"The database has no table '{name[:80]}'.{did_you_mean(name, self.physical)}",
        )

    # -- both -----------------------------------------------------------------------------------

    def _define(self, table: PhysicalTable, asked: str | None, facts: Mapping[str, Any]) -> int:
        key = choose_key(table, asked)
        if key is None:
            raise ValueError(f"'{table.name}' has nothing to tell records apart")
        name = free(table_name(table.name), self._taken)
        definition = define(table, name, key, self._new_id, facts)
        self.catalog = self.catalog.with_table(definition)
        self.adopted[table.name] = definition.id
        self.remarks += [(table.name, remark) for remark in remarks_on(table)]
        return definition.id

    def _connect(self) -> None:
        found: Connected = connect(
            self.catalog, self.physical, frozenset(self.adopted.values()), self._new_id
        )
        self.catalog, self.relations = found.catalog, found.relations
        self.remarks += found.remarks
