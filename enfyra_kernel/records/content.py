"""What a checked body holds: values for columns, and records that go with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import EnfyraError
from ..metadata.tables import Table
from ..query.plan import Access

MAX_PROBLEMS = 50
MAX_NESTED = 10_000


@dataclass(slots=True)
class Content:
    """A record to be written, as its checked body has it.

    Attributes:
        place: Where in the request it stands, such as `[2]` or `posts[0].author`; empty for the
            whole body.
        key: The record's key: of one that is there, or as soon as it has been created.
        exists: Whether a record that is there is changed.
        columns: Canonical values by stored column's name.
        links: For each relation that is stored elsewhere, the related records: their keys, or
            what is to be written of them.
        parents: For each relation whose key is stored here, the record to write first.
        written: Columns that hold the key of a record of the same request.
        added: Columns whose value is added to what is there.
        given: How many of the columns come from the body; the server filled in the rest.
        conditional: The fields in the body that the caller may set in some records only.
    """

    table: Table
    place: str = ""
    key: Any = None
    exists: bool = False
    columns: dict[str, Any] = field(default_factory=dict[str, Any])
    links: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    parents: dict[str, Content] = field(default_factory=dict[str, "Content"])
    written: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    given: int = 0
    conditional: frozenset[str] = frozenset()

    @property
    def outermost(self) -> bool:
        """Whether it is not part of another record."""
        return not self.place or (self.place.startswith("[") and "." not in self.place)

    @property
    def plain(self) -> bool:
        """Whether one statement on the record's own table writes all of it."""
        return not self.links and not self.parents


@dataclass(slots=True)
class Reading:
    """A body, or a list of bodies, being read.

    Attributes:
        now: The time of the request.
        problems: What is wrong, all of it.
        denied: The places of what the caller is not allowed to set.
        touched: The tables of nested records, with the method that would write those by
            themselves and the place of the first.
    """

    now: datetime
    access: Access
    problems: list[str] = field(default_factory=list[str])
    denied: list[str] = field(default_factory=list[str])
    touched: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    nested: int = 0

    @property
    def hopeless(self) -> bool:
        """Whether more problems have been found than are shown."""
        return len(self.problems) > MAX_PROBLEMS

    def enter(self, table: Table, method: str, place: str) -> bool:
        """Note a nested record; say whether it may be read, too."""
        self.nested += 1
        if self.nested > MAX_NESTED:
            if self.nested == MAX_NESTED + 1:
                self.problems.append(f"{place}: a request can hold {MAX_NESTED} nested records")
            return False
        self.touched.setdefault((table.name, method), place)
        return True

    def check(self) -> None:
        """Raise AUTHORIZATION_ERROR for what is not allowed, INVALID_BODY for what is wrong."""
        if self.denied:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"You are not allowed to set {', '.join(self.denied[:MAX_PROBLEMS])}",
                details={"fields": self.denied[:MAX_PROBLEMS]},
            )
        if not self.problems:
            return
        shown = self.problems[:MAX_PROBLEMS]
        if len(self.problems) > len(shown):
            shown.append(f"... and {len(self.problems) - len(shown)} more")
        raise EnfyraError("INVALID_BODY", problems=shown)


def missing_record(content: Content) -> EnfyraError:
    """Make the error for a record that was to be changed and is not there."""
    primary = content.table.primary.name
    before = f"{content.place}: " if content.place else ""
    return EnfyraError(
        "RESOURCE_NOT_FOUND" if content.outermost else "RELATION_NOT_FOUND",
        f"{before}There is no '{content.table.name}' with the {primary} {str(content.key)[:80]}",
    )
