"""CRUD on definitions: rows of the tables that the database changes with."""

from __future__ import annotations

from typing import Any

from ..encoding import encode_json
from ..errors import EnfyraError
from ..query.ast import Compare, Operator, Query, Shape
from ..records.definitions import Changed, Definitions
from ..records.records import Records
from .conditional import refuse_preconditions
from .context import Context
from .crud import Lists
from .messages import Response, success
from .writes import key_of, refuse_idempotency

OPTIONS = frozenset({"schemaConfirmHash", "schema_confirm_hash", "preview"})


class DefinitionCrud(Lists):
    """CRUD on tables, columns, relations and rules: the same planner and lock for all four.

    Answers hold the definition's row; with `?preview=true`, what the change would do. What fits no
    longer is told in `meta`.
    """

    def __init__(self, records: Records, definitions: Definitions) -> None:
        super().__init__(records)
        self._definitions = definitions

    async def create(self, context: Context) -> Response:
        """Answer POST."""
        makers = {
            "table_definition": self._definitions.create_table,
            "column_definition": self._definitions.create_column,
            "relation_definition": self._definitions.create_relation,
            "column_rule_definition": self._definitions.create_rule,
        }
        _refuse_headers(context)
        changed = await makers[context.table.name](await context.json(), **self._options(context))
        return await self._answer(context, changed, status=201)

    async def update(self, context: Context) -> Response:
        """Answer PATCH."""
        changers = {
            "table_definition": self._definitions.update_table,
            "column_definition": self._definitions.update_column,
            "relation_definition": self._definitions.update_relation,
            "column_rule_definition": self._definitions.update_rule,
        }
        _refuse_headers(context)
        changed = await changers[context.table.name](
            self._id(context), await context.json(), **self._options(context)
        )
        return await self._answer(context, changed, status=200)

    async def replace(self, context: Context) -> Response:
        """Answer PUT, which would be ambiguous here."""
        raise EnfyraError(
            "METHOD_NOT_ALLOWED",
            "Definitions are changed by PATCH",
            details={"allowed": ["DELETE", "PATCH"]},
            hint="Use PATCH",
        )

    async def delete(self, context: Context) -> Response:
        """Answer DELETE."""
        droppers = {
            "table_definition": self._definitions.drop_table,
            "column_definition": self._definitions.drop_column,
            "relation_definition": self._definitions.drop_relation,
            "column_rule_definition": self._definitions.drop_rule,
        }
        _refuse_headers(context)
        changed = await droppers[context.table.name](self._id(context), **self._options(context))
        if changed.id is None:
            return await self._answer(context, changed, status=200)
        return success(message="Deleted", meta=_meta(changed))

    def _options(self, context: Context) -> dict[str, Any]:
        return {
            "confirm": context.option("schemaConfirmHash", "schema_confirm_hash"),
            "preview": context.flag("preview"),
        }

    def _id(self, context: Context) -> int:
        key = key_of(context)
        if not key.isdigit() or len(key) > 18:
            raise self._records.of_table(context.table, context.snapshot).not_found(key)
        return int(key)

    async def _answer(self, context: Context, changed: Changed, *, status: int) -> Response:
        if changed.id is None:
            return success(encode_json([changed.preview]), message="Preview")
        # The row as the new Snapshot has it, which may have changed its own table's name.
        repository = self._records.of(context.table.name)
        query = context.query(ignoring=OPTIONS)
        shape = Shape(
            where=Compare("id", Operator.EQ, 0), fields=query.shape.fields, deep=query.shape.deep
        )
        page = await repository.find(Query(shape=shape, values=(changed.id,)), context.access)
        return success(page.rows, status=status, meta=_meta(changed))


def _meta(changed: Changed) -> dict[str, Any] | None:
    warnings = changed.preview["warnings"]
    return {"warnings": warnings} if warnings else None


def _refuse_headers(context: Context) -> None:
    """Refuse headers that a change of the schema does not keep to: its hash does their work."""
    refuse_preconditions(context, "definitions; schemaConfirmHash does what it is for")
    refuse_idempotency(context)
