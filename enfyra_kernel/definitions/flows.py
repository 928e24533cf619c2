"""Flows as items of a document: what `PUT /admin/flow/:name` takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, cast

from ..metadata.flows import CONDITION
from .kinds import STEP_DEFAULTS, WITHIN, Item, trimmed

_BRANCHES = {"true": "then", "false": "else"}


def steps_of(rows: Iterable[Mapping[str, Any]]) -> dict[int, list[Item]]:
    """Put the steps of all flows together, by the id of the flow.

    Example:
        >>> rows = [
        ...     {"id": 1, "key": "all", "type": "foreach", "stepOrder": 0, "flow": {"id": 7},
        ...      "parent": None},
        ...     {"id": 2, "key": "one", "type": "log", "stepOrder": 0, "flow": {"id": 7},
        ...      "parent": {"id": 1}},
        ... ]
        >>> steps_of(rows)[7]
        [{'key': 'all', 'type': 'foreach', 'children': [{'key': 'one', 'type': 'log'}]}]
    """
    within: defaultdict[tuple[int, int | None], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        parent = row["parent"]["id"] if row["parent"] is not None else None
        within[row["flow"]["id"], parent].append(row)

    def children(flow: int, parent: int | None) -> list[Mapping[str, Any]]:
        return sorted(within[flow, parent], key=lambda row: (row["stepOrder"], row["id"]))

    def step(flow: int, row: Mapping[str, Any]) -> Item:
        facts = {name: row.get(name, default) for name, default in STEP_DEFAULTS.items()}
        item = trimmed({"key": row["key"], **facts}, STEP_DEFAULTS)
        for child in children(flow, row["id"]):
            branch = str(child.get("branch"))
            name = _BRANCHES.get(branch, "then") if row["type"] == CONDITION else "children"
            item.setdefault(name, []).append(step(flow, child))
        return item

    flows = {flow for flow, parent in within if parent is None}
    return {flow: [step(flow, row) for row in children(flow, None)] for flow in flows}


def whole_steps(steps: Any) -> dict[str, Item]:
    """Give steps by their keys, each with all that it leaves to be understood and its place.

    Example:
        >>> whole_steps([{"key": "one", "type": "log"}])["one"]["place"]
        'steps'
    """
    found: dict[str, Item] = {}
    _place(steps, "steps", found)
    return found


def _place(steps: Any, place: str, found: dict[str, Item]) -> None:
    given = cast("list[Any]", steps) if isinstance(steps, list) else []
    for step in given:
        if not isinstance(step, dict):
            continue
        named = cast("Item", step)
        facts = {name: value for name, value in named.items() if name not in WITHIN}
        found[str(named.get("key"))] = {**STEP_DEFAULTS, **facts, "place": place}
        for name in WITHIN:
            _place(named.get(name), f"{named.get('key')}.{name}", found)
