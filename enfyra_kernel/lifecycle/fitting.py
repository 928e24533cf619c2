"""What refers to fields by their names and no longer fits: told before a change and afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..encoding import encode_json
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..query.fitting import Fit, misfits
from .context import Context
from .messages import Response, success
from .rule_rows import condition_problems

Warned = dict[str, Any]


class Fitting:
    """Judges saved queries, and conditions of permissions, by definitions.

    Args:
        engine: What speaks SQL, if it does.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._known: tuple[Snapshot, list[dict[str, Any]]] | None = None

    def warnings(self, before: Snapshot, after: Snapshot) -> list[Warned]:
        """Say what fits the definitions before a change, and not afterwards.

        Gives, for each, the section of a document of definitions that it would be in, its name,
        and a message for people.
        """
        return [*_of_queries(before, after, self._engine), *_of_rules(before, after)]

    async def check(self, context: Context) -> Response:
        """Answer GET /admin/query/check: the saved queries that cannot be asked, and why."""
        return success(encode_json(await asyncio.to_thread(self._checked, context.snapshot)))

    def _checked(self, snapshot: Snapshot) -> list[dict[str, Any]]:
        known = self._known
        if known is None or known[0] is not snapshot:
            fit = Fit(snapshot, self._engine)
            found = [
                {"id": saved.id, "name": saved.name, "problem": problem}
                for saved in snapshot.queries.by_name.values()
                if (problem := fit.problem(saved)) is not None
            ]
            known = self._known = (snapshot, found)
        return known[1]


def _of_queries(before: Snapshot, after: Snapshot, engine: str) -> Iterator[Warned]:
    for saved, problem in misfits(before, after, engine):
        gone = saved.table is not None and saved.table.id not in after.definitions
        said = "is deleted with its table" if gone else f"fits no longer: {problem}"
        message = f"the saved query '{saved.name}' {said}"
        yield {"section": "queries", "name": saved.name, "message": message}


class _Rule(NamedTuple):
    """A row policy, or a permission of a field, with a condition.

    Attributes:
        owner: The id of its table.
        field: What the condition is called.
        word: What people call it.
    """

    section: str
    name: str
    owner: int
    field: str
    condition: Any
    word: str

    def problems(self, snapshot: Snapshot) -> list[str]:
        """Say what is wrong with it; nothing once its table is gone, and itself with it."""
        table = _table(snapshot, self.owner)
        if table is None:
            return []
        return condition_problems(self.field, self.condition, table, snapshot)


def _of_rules(before: Snapshot, after: Snapshot) -> Iterator[Warned]:
    for rule in _rules(before, after):
        problems = rule.problems(after)
        if problems and not rule.problems(before):
            yield {
                "section": rule.section,
                "name": rule.name,
                "message": f"the {rule.word} fits no longer, and whom it is about is refused until "
                f"it is changed: {'; '.join(problems)}",
            }


def _rules(before: Snapshot, after: Snapshot) -> Iterator[_Rule]:
    """Give the rules with conditions that are there after a change, by the names of then."""
    for policy in before.permissions.rows:
        table = _table(after, policy.table)
        if table is not None and policy.filter is not None:
            yield _Rule(
                "rowPolicies",
                f"{table.name} {policy.name}",
                policy.table,
                "filter",
                policy.filter,
                f"row policy '{policy.name}' of '{table.name}'",
            )
    permissions = [one for one in before.permissions.fields if one.condition is not None]
    fields = _fields(after) if permissions else {}
    for one in permissions:
        kind = "column" if one.relation is None else "relation"
        found = fields.get((kind, one.column if one.relation is None else one.relation))
        if found is not None:
            table, field = found
            yield _Rule(
                "fieldPermissions",
                f"{one.action} {table.name}.{field}",
                table.definition.id,
                "condition",
                one.condition,
                f"permission to {one.action} '{table.name}.{field}'",
            )


def _table(snapshot: Snapshot, id_: int) -> Table | None:
    definition = snapshot.definitions.get(id_)
    return None if definition is None else snapshot.tables[definition.name]


def _fields(snapshot: Snapshot) -> dict[tuple[str, int | None], tuple[Table, str]]:
    """Give all fields with their tables, by what they are and their ids."""
    found: dict[tuple[str, int | None], tuple[Table, str]] = {}
    for table in snapshot.tables.values():
        found |= {("column", one.id): (table, one.name) for one in table.columns.values()}
        found |= {("relation", one.id): (table, one.name) for one in table.relations.values()}
    return found
