"""What refers to fields by their names and no longer fits: told before a change and afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

from ..encoding import encode_json
from ..metadata.snapshot import Snapshot
from ..query.fitting import Fit, misfits
from .context import Context
from .messages import Response, success


class Fitting:
    """Judges saved queries by definitions.

    Args:
        engine: What speaks SQL, if it does.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._known: tuple[Snapshot, list[dict[str, Any]]] | None = None

    def warnings(self, before: Snapshot, after: Snapshot) -> list[dict[str, Any]]:
        """Say what fits the definitions before a change, and not afterwards.

        Gives, for each, the section of a document of definitions that it would be in, its name,
        and a message for people.
        """
        return [
            {
                "section": "queries",
                "name": saved.name,
                "message": f"the saved query '{saved.name}' is deleted with its table"
                if saved.table is not None and saved.table.id not in after.definitions
                else f"the saved query '{saved.name}' fits no longer: {problem}",
            }
            for saved, problem in misfits(before, after, self._engine)
        ]

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
