"""The route that adopts a database: `POST /admin/adopt`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..records.adoption import Adoption
from ..schema.adopting import Selection
from .context import Context
from .messages import Response, success

_KEYS = ("tables", "exclude", "keys", "dryRun")


class Adopting:
    """Adopts what the body names; without a body, everything."""

    def __init__(self, adoption: Adoption) -> None:
        self._adoption = adoption

    async def adopt(self, context: Context) -> Response:
        """Answer POST /admin/adopt: the report, of what was done or would be."""
        if context.caller is None or not context.caller.is_root:
            raise EnfyraError(
                "AUTHORIZATION_ERROR", "Only the administrator can adopt tables of the database"
            )
        selection, dry_run = read_body(await context.json() if context.request.body else {})
        report = await self._adoption.adopt(selection, dry_run=dry_run)
        data = encode_json([msgspec.to_builtins(report)])
        if dry_run or not report.tables:
            return success(data, message="Preview" if dry_run else "Nothing to adopt")
        return success(data, status=201, message="Adopted")


def read_body(body: Any) -> tuple[Selection, bool]:
    """Read which tables are meant, and whether it is a dry run.

    Raises:
        EnfyraError: INVALID_BODY with every problem.

    Example:
        >>> read_body({"tables": ["film*"], "dryRun": True})
        (Selection(tables=('film*',), exclude=(), keys={}), True)
    """
    if not isinstance(body, Mapping):
        raise EnfyraError("INVALID_BODY", "The body must be a JSON object")
    named = cast("Mapping[str, Any]", body)
    problems = [
        f"{name} is not allowed.{did_you_mean(name, _KEYS)}" for name in named if name not in _KEYS
    ]
    for name in ("tables", "exclude"):
        if not _is_names(named.get(name, [])):
            problems.append(f'{name} must be a list of names, such as ["film*"]')
    keys = named.get("keys", {})
    if not isinstance(keys, Mapping) or not _is_names(
        list(cast("Mapping[str, Any]", keys).values())
    ):
        problems.append('keys must name the column of each, such as {"film_list": "fid"}')
    if not isinstance(named.get("dryRun", False), bool):
        problems.append("dryRun must be true or false")
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    tables = named.get("tables")
    selection = Selection(
        tables=None if tables is None else tuple(tables),
        exclude=tuple(named.get("exclude", ())),
        keys=dict(cast("Mapping[str, str]", keys)),
    )
    return selection, named.get("dryRun", False)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, str) and one for one in cast("list[Any]", value)
    )
