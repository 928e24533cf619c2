"""What is there in a database: our collections, and the names of those of others."""

from __future__ import annotations

from collections.abc import Sequence

from ..physical import PhysicalTable
from .catalog import OWN, Catalog
from .client import Client
from .faults import explained


async def inspect_tables(
    client: Client, catalog: Catalog, names: Sequence[str] | None
) -> list[PhysicalTable]:
    """Describe collections; those of the given names, case aside, or all.

    Of a collection that somebody else made only the name is known: it has no columns.
    """
    asked = None if names is None else {name.lower() for name in names}
    with explained():
        there: list[str] = await client.database.list_collection_names()
    return [
        catalog.tables.get(name, PhysicalTable(name=name, columns=(), adopted=True))
        for name in sorted(there)
        if name not in OWN
        and not name.startswith("system.")
        and (asked is None or name.lower() in asked)
    ]
