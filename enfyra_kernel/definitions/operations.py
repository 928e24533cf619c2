"""Documents of definitions over HTTP, for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..lifecycle.context import Context
from ..lifecycle.messages import Response, success
from ..lifecycle.operations import Operation
from .service import DefinitionDocuments

_KEYS = ("document", "tables", "prune", "confirm")


class _Asked(NamedTuple):
    document: Any
    tables: tuple[str, ...] | None
    prune: bool
    confirm: str | None


class DefinitionOperations:
    """Answers requests about documents of definitions."""

    def __init__(self, documents: DefinitionDocuments) -> None:
        self._documents = documents

    def operations(self) -> dict[tuple[str, str], Operation]:
        """Give what routes do, by method and path."""
        return {
            ("GET", "/admin/definitions"): self.show,
            ("POST", "/admin/definitions/diff"): self.diff,
            ("POST", "/admin/definitions/apply"): self.apply,
        }

    async def show(self, context: Context) -> Response:
        """Answer GET /admin/definitions: all that has been defined, or what is about `tables`."""
        _refuse_others(context)
        names = context.option("tables", "table")
        tables = None if names is None else [one.strip() for one in names.split(",") if one.strip()]
        return success(encode_json([await self._documents.export(tables)]))

    async def diff(self, context: Context) -> Response:
        """Answer POST /admin/definitions/diff: what applying a document would change."""
        _refuse_others(context)
        asked = _asked(await context.json())
        report = await self._documents.diff(asked.document, asked.tables, prune=asked.prune)
        return success(encode_json([report]), message="Preview")

    async def apply(self, context: Context) -> Response:
        """Answer POST /admin/definitions/apply: make the definitions those of a document."""
        _refuse_others(context)
        asked = _asked(await context.json())
        report = await self._documents.apply(
            asked.document,
            asked.tables,
            prune=asked.prune,
            confirm=asked.confirm,
            caller=context.caller,
        )
        return success(encode_json([report]), message="Applied")


def _refuse_others(context: Context) -> None:
    if context.caller is None or not context.caller.is_root:
        raise EnfyraError(
            "AUTHORIZATION_ERROR", "Only the administrator exports and applies definitions"
        )


def _asked(body: Any) -> _Asked:
    """Read what a request asks for.

    Raises:
        EnfyraError: INVALID_BODY with every problem.
    """
    if not isinstance(body, Mapping):
        raise EnfyraError("INVALID_BODY", 'The body must be an object: {"document": {...}}')
    named = cast("Mapping[str, Any]", body)
    problems = [
        f"{name} is not allowed.{did_you_mean(name, _KEYS)}" for name in named if name not in _KEYS
    ]
    if "document" not in named:
        problems.append("document is required")
    tables = named.get("tables")
    if tables is not None and not (
        isinstance(tables, list) and all(isinstance(one, str) for one in cast("list[Any]", tables))
    ):
        problems.append('tables must be a list of names, such as ["post"]')
    if not isinstance(named.get("prune", False), bool):
        problems.append("prune must be true or false")
    if not isinstance(named.get("confirm") or "", str):
        problems.append("confirm must be the requiredConfirmHash of the diff")
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    return _Asked(
        named["document"],
        tuple(cast("list[str]", tables)) if tables is not None else None,
        named.get("prune", False),
        named.get("confirm"),
    )
