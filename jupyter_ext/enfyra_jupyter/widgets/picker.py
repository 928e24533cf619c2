"""The relation picker: a record of a table to choose, by its name or its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from ..display import text_of
from ..profiles.bars import said
from ..schema import TableInfo
from .candidates import Candidates
from .connected import Connected
from .part import action

if TYPE_CHECKING:
    from ..magics.session import Session


class Picker(Connected):
    """A record to choose.

    Attributes:
        value: The key of the record that has been chosen; None before.
        record: All of it, as it was then.
        facts: The table's name, its key, and the column that records are known by.
        chosen: The key and the text of what has been chosen; empty before.

    Example:
        >>> who = %enfyra pick author  # doctest: +SKIP
        >>> who.value  # doctest: +SKIP
        17
    """

    face: ClassVar[str] = "picker"
    faces: ClassVar[tuple[str, ...]] = ("picking",)
    keeps: ClassVar[tuple[str, ...]] = ("value", "record", "chosen")
    value = traitlets.Any(None, allow_none=True)
    record = traitlets.Dict(allow_none=True, default_value=None)
    facts = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        session: Session,
        table: TableInfo,
        *,
        label: str | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(session)
        self._candidates = Candidates(session.client, table, label=label, where=where)
        self.facts = {
            "table": table.name,
            "key": self._candidates.key,
            "label": self._candidates.label,
        }

    @action
    def candidates(self, text: str, after: str | None = None) -> dict[str, Any]:
        """Give a page of records that a text may mean."""
        return self._candidates.search(text, after)

    @action
    def choose(self, key: str | None) -> list[list[str | None]]:
        """Choose a record, or none; give its fields to be looked at."""
        record = None if key is None else self._candidates.record(key)
        with self.hold_trait_notifications():
            self.record = record
            self.value = None if record is None else record[self._candidates.key]
            self.chosen = {} if record is None else self._candidates.named(record)
        return self.fields()

    @action
    def fields(self) -> list[list[str | None]]:
        """Give the fields of what has been chosen, as texts."""
        return [
            [name, None if value is None else said(value)]
            for name, value in (self.record or {}).items()
        ]

    def text(self) -> str:
        """Say what has been chosen."""
        table = self.facts["table"]
        if self.record is None:
            return f"No record of {table} is chosen"
        label = self.chosen.get("label")
        known = f"{label} ({text_of(self.value)})" if label else text_of(self.value)
        return f"{table}: {known}"
