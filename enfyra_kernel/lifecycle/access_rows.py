"""Rows that say who may do what: checked before they are saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import EnfyraError
from ..metadata.tables import Table

ROUTE_PERMISSION = "route_permission_definition"


def check_row(table: Table, body: Mapping[str, Any], *, creating: bool) -> None:
    """Refuse a row that would never have an effect.

    Raises:
        EnfyraError: INVALID_BODY, with all that is wrong.
    """
    problems: list[str] = []
    if table.name == ROUTE_PERMISSION and creating:
        problems += _idle_permission(body)
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)


def _idle_permission(body: Mapping[str, Any]) -> list[str]:
    problems = [f"{name} is required" for name in ("route", "methods") if not body.get(name)]
    if body.get("role") is None and not body.get("allowedUsers"):
        problems.append("role or allowedUsers is required: it would let in nobody")
    return problems
