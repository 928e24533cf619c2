"""Edits of the rules of columns and relations."""

from __future__ import annotations

from typing import Any

import msgspec.structs

from ...errors import EnfyraError
from ...metadata.definitions import RelationDefinition, RuleDefinition, TableDefinition
from ...metadata.rules import rule_type
from ...metadata.system import ENDED_TABLES, PLANNED_TABLES, READ_ONLY_TABLES
from ..catalog import Field
from ..payload import RuleInput
from .sheet import Sheet, fields_of

_FIELDS = {
    "ruleType": "rule_type",
    "value": "value",
    "message": "message",
    "isEnabled": "is_enabled",
    "description": "description",
}

Rules = tuple[RuleDefinition, ...]


class RuleEdits:
    """Adds, changes and drops rules; whether they fit their field is checked at the end."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    # -- a field's rules, as listed in its definition -------------------------------------------

    def listed(self, rules: Rules, given: tuple[RuleInput, ...] | None) -> Rules:
        """Make a field's rules those that were sent; what they leave out is dropped."""
        if given is None:
            return rules
        remaining = {one.id: one for one in rules}
        result: list[RuleDefinition] = []
        for one in given:
            found = self._matching(remaining, one)
            if found is None:
                result.append(self._new(one))
            else:
                del remaining[found.id]
                result.append(self._changed(found, one))
        return tuple(result)

    def _matching(
        self, remaining: dict[int, RuleDefinition], given: RuleInput
    ) -> RuleDefinition | None:
        if given.id is not None:
            found = remaining.get(given.id)
            if found is None:
                self._sheet.problems.add(given.place, f"there is no rule with the id {given.id}")
            return found
        kind = given.values.get("ruleType")
        return next((one for one in remaining.values() if one.rule_type == kind), None)

    # -- one rule -------------------------------------------------------------------------------

    def add(self, given: RuleInput) -> tuple[int, int]:
        """Add a rule to the field that it names; give the table's id and a provisional one."""
        table, field = self._named(given)
        rule = self._new(given)
        self._sheet.problems.check()
        _refuse_second(table, field, rule)
        self._put(table, field, (*field.rules, rule))
        return table.id, rule.id

    def update(self, id_: int, given: RuleInput) -> int:
        """Change one rule; give the table's id."""
        table, field = self._of(id_)
        if given.column is not None or given.relation is not None:
            _, named = self._named(given)
            if named is not field:
                self._sheet.problems.add(
                    given.place, f"the rule belongs to {name_of(field)}; add one to the other field"
                )
        old = next(one for one in field.rules if one.id == id_)
        new = self._changed(old, given)
        self._sheet.problems.check()
        _refuse_second(table, field, new)
        self._put(table, field, tuple(new if one is old else one for one in field.rules))
        return table.id

    def drop(self, id_: int) -> int:
        """Remove one rule; give the table's id."""
        table, field = self._of(id_)
        self._put(table, field, tuple(one for one in field.rules if one.id != id_))
        return table.id

    def _of(self, id_: int) -> tuple[TableDefinition, Field]:
        for table_id, field in self._sheet.catalog.fields():
            if any(rule.id == id_ for rule in field.rules):
                return self._open(table_id), field
        raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no rule with the id {id_}")

    def _named(self, given: RuleInput) -> tuple[TableDefinition, Field]:
        """Find the column or relation that an input names by its id, or as `table.field`."""
        if (given.column is None) is (given.relation is None):
            self._sheet.problems.add(given.place, "needs the column, or the relation, it is for")
            self._sheet.problems.check()
        of_relation = given.column is None
        asked = given.relation if of_relation else given.column
        for table_id, field in self._sheet.catalog.fields():
            path = f"{self._sheet.catalog[table_id].name}.{name_of(field)}"
            same_kind = isinstance(field, RelationDefinition) is of_relation
            if same_kind and asked in (field.id, path):
                return self._open(table_id), field
        what = "relation" if of_relation else "column"
        raise EnfyraError(
            "VALIDATION_ERROR",
            problems=[f"{what} must be the id of a {what}, or its name as table.{what}"],
        )

    def _open(self, table_id: int) -> TableDefinition:
        table = self._sheet.catalog[table_id]
        if table.name in PLANNED_TABLES | READ_ONLY_TABLES | ENDED_TABLES:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"'{table.name}' has checks of its own; its fields take no rules",
            )
        return table

    def _new(self, given: RuleInput) -> RuleDefinition:
        facts = self._facts(given)
        if "ruleType" not in given.values:
            self._sheet.problems.add(given.place, "ruleType is required")
        facts: dict[str, Any] = {"rule_type": "?", **facts}
        return RuleDefinition(id=self._sheet.new_id(), **facts)

    def _changed(self, rule: RuleDefinition, given: RuleInput) -> RuleDefinition:
        return msgspec.structs.replace(rule, **self._facts(given))

    def _facts(self, given: RuleInput) -> dict[str, Any]:
        facts = fields_of(given.values, _FIELDS)
        if "rule_type" in facts:
            try:
                facts["rule_type"] = rule_type(facts["rule_type"]).value
            except ValueError as error:
                self._sheet.problems.add(given.place, str(error))
                facts["rule_type"] = "?"
        return facts

    def _put(self, table: TableDefinition, field: Field, rules: Rules) -> None:
        if isinstance(field, RelationDefinition):
            self._sheet.put_relation(msgspec.structs.replace(field, rules=rules))
            return
        columns = tuple(
            msgspec.structs.replace(one, rules=rules) if one.id == field.id else one
            for one in table.columns
        )
        self._sheet.put_table(msgspec.structs.replace(table, columns=columns))


def name_of(field: Field) -> str:
    """Give the name of a column or relation."""
    return field.property_name if isinstance(field, RelationDefinition) else field.name


def _refuse_second(table: TableDefinition, field: Field, rule: RuleDefinition) -> None:
    for other in field.rules:
        if other.rule_type == rule.rule_type and other.id != rule.id:
            raise EnfyraError(
                "DUPLICATE_RESOURCE",
                f"'{table.name}.{name_of(field)}' has a rule {rule.rule_type} already",
                details={"table": table.name, "field": name_of(field), "rule": other.id},
                hint=f"Change that one: PATCH /column_rule_definition/{other.id}",
            )
