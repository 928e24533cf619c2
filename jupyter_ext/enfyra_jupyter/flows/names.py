"""What completion knows of flows: their names, and the keys of their steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..client import Client
from ..peeking import Peek


class FlowNames(Peek[Mapping[str, Sequence[str]]]):
    """Holds the names of flows, and the keys of the steps of each."""

    def __init__(self, client: Client, *, lifetime: float = 5.0) -> None:
        super().__init__(client, {}, lifetime=lifetime)

    def _ask(self) -> Mapping[str, Sequence[str]]:
        rows = self._client.get(
            "/flow_definition",
            fields="name,steps.key",
            deep={"steps": {"limit": 0, "sort": "stepOrder"}},
            sort="name",
            limit=0,
        )["data"]
        return {row["name"]: [step["key"] for step in row["steps"]] for row in rows}
