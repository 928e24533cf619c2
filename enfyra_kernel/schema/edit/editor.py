"""The editor: from one catalog to the next."""

from __future__ import annotations

from ..catalog import Catalog
from ..validate import check_catalog
from .columns import ColumnEdits
from .relations import RelationEdits
from .rules import RuleEdits
from .sheet import Sheet
from .tables import TableEdits


class Editor:
    """Makes one edit of a catalog.

    Attributes:
        tables: Edits of tables.
        columns: Edits of columns.
        relations: Edits of relations.
        rules: Edits of the rules of columns and relations.
    """

    def __init__(self, catalog: Catalog, *, engine: str) -> None:
        self._sheet = Sheet(catalog)
        self._engine = engine
        self.rules = RuleEdits(self._sheet)
        self.columns = ColumnEdits(self._sheet, self.rules, engine=engine)
        self.relations = RelationEdits(self._sheet, self.rules)
        self.tables = TableEdits(self._sheet, self.columns, self.relations)

    @property
    def catalog(self) -> Catalog:
        """The state so far; after the edit, the new state."""
        return self._sheet.catalog

    @catalog.setter
    def catalog(self, catalog: Catalog) -> None:
        self._sheet.catalog = catalog

    def check(self) -> None:
        """Raise VALIDATION_ERROR with what is wrong so far, if anything."""
        self._sheet.problems.check()

    def finish(self, *touched: int) -> Catalog:
        """Check the result; raises VALIDATION_ERROR with every problem."""
        self._sheet.problems.check()
        check_catalog(self.catalog, touched, engine=self._engine)
        return self.catalog
