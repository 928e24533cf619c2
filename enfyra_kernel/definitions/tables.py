"""Tables as items of a document: what the API takes as the body of a new table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..metadata.definitions import (
    ColumnDefinition,
    RelationDefinition,
    RuleDefinition,
    TableDefinition,
)
from ..metadata.system import SYSTEM_TABLES
from ..metadata.types import ColumnType
from ..schema.catalog import Catalog
from .kinds import Item, trimmed

TABLE_DEFAULTS: Mapping[str, Any] = {
    "alias": None,
    "description": None,
    "isSingleRecord": False,
    "validateBody": True,
    "metadata": None,
    "adopt": False,
    "uniques": [],
    "indexes": [],
    "columns": [],
    "relations": [],
}
COLUMN_DEFAULTS: Mapping[str, Any] = {
    "isPrimary": False,
    "isGenerated": False,
    "isNullable": True,
    "isUpdatable": True,
    "isPublished": True,
    "isEncrypted": False,
    "defaultValue": None,
    "options": None,
    "description": None,
    "placeholder": None,
    "metadata": None,
    "rules": [],
}
# Of a key, which nobody needs to say.
_KEY_DEFAULTS: Mapping[str, Any] = {
    **COLUMN_DEFAULTS,
    "isGenerated": True,
    "isNullable": False,
    "isUpdatable": False,
}
RELATION_DEFAULTS: Mapping[str, Any] = {
    "mappedBy": None,
    "inversePropertyName": None,
    "isNullable": True,
    "onDelete": None,
    "isPublished": True,
    "isUpdatable": True,
    "description": None,
    "metadata": None,
    "rules": [],
}
RULE_DEFAULTS: Mapping[str, Any] = {
    "value": None,
    "message": None,
    "isEnabled": True,
    "description": None,
}
# What the system says of its own tables.
DESCRIPTIONS: Mapping[str, str | None] = {one.name: one.description for one in SYSTEM_TABLES}
KEY_TYPES = frozenset({ColumnType.INT, ColumnType.OBJECT_ID})


def table_items(catalog: Catalog) -> list[Item]:
    """Give all tables that are not the system's own, by name."""
    sides = _Sides(catalog)
    own = [table for table in catalog.values() if not table.is_system]
    return [sides.item(table) for table in sorted(own, key=lambda one: one.name)]


def system_items(catalog: Catalog) -> list[Item]:
    """Give what people have said of the system's own tables: rules of their fields, mostly."""
    found: list[Item] = []
    for table in sorted(catalog.values(), key=lambda one: one.name):
        if not table.is_system:
            continue
        fields = [(one.name, one.rules) for one in table.columns]
        fields += [(one.property_name, one.rules) for one in table.relations if one.is_system]
        rules = [{"field": name, **rule} for name, of in sorted(fields) for rule in _rules(of)]
        own = table.description != DESCRIPTIONS.get(table.name)
        item: Item = {"name": table.name, "validateBody": table.validate_body, "rules": rules}
        if own:
            item["description"] = table.description
        item = trimmed(item, {"validateBody": True, "rules": []})
        if len(item) > 1:
            found.append(item)
    return found


def whole_system_table(item: Mapping[str, Any]) -> Item:
    """Give what is said of a table of the system, with what is left to be understood."""
    usual = {"description": DESCRIPTIONS.get(str(item.get("name"))), "validateBody": True}
    rules = _whole_rules(item.get("rules") or [])
    ordered = sorted(rules, key=lambda one: (str(one.get("field")), str(one.get("ruleType"))))
    return {**usual, **item, "rules": ordered}


class _Sides:
    """Knows both sides of each relation."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._by_id = {one.id: one for one in catalog.relations()}
        self._inverses = {
            one.mapped_by: one for one in self._by_id.values() if one.mapped_by is not None
        }

    def item(self, table: TableDefinition) -> Item:
        item: Item = {
            "name": table.name,
            "alias": table.alias,
            "description": table.description,
            "isSingleRecord": table.is_single_record,
            "validateBody": table.validate_body,
            "metadata": table.metadata,
        }
        if table.is_adopted:
            # What is in the database says the rest.
            return trimmed({**item, "adopt": True}, TABLE_DEFAULTS)
        item |= {
            "columns": [_column(one) for one in table.columns if not _goes_without_saying(one)],
            "relations": [
                found
                for one in sorted(table.relations, key=lambda one: one.property_name)
                if (found := self._relation(one)) is not None
            ],
            "uniques": sorted(map(list, table.uniques)),
            "indexes": sorted(map(list, table.indexes)),
        }
        return trimmed(item, TABLE_DEFAULTS)

    def _relation(self, one: RelationDefinition) -> Item | None:
        item: Item = {
            "propertyName": one.property_name,
            "type": one.type.value,
            "targetTable": self._catalog[one.target].name,
            "isNullable": one.is_nullable,
            "onDelete": one.on_delete.value if one.on_delete is not None else None,
            "isPublished": one.is_published,
            "isUpdatable": one.is_updatable,
            "description": one.description,
            "metadata": one.metadata,
            "rules": _rules(one.rules),
        }
        if one.owning:
            inverse = self._inverses.get(one.id)
            item["inversePropertyName"] = inverse.property_name if inverse is not None else None
            return trimmed(item, RELATION_DEFAULTS)
        owner = self._by_id.get(one.mapped_by or 0)
        if owner is None or not _says_more(one, owner, self._catalog):
            # The other table says all there is to say.
            return None
        if self._catalog[one.target].is_system:
            item |= {"inversePropertyName": owner.property_name}
            rule = owner.on_delete.value if owner.on_delete is not None else None
            item |= {"isNullable": owner.is_nullable, "onDelete": rule}
        else:
            item |= {"mappedBy": owner.property_name, "isNullable": True}
        return trimmed(item, RELATION_DEFAULTS)


def _says_more(inverse: RelationDefinition, owner: RelationDefinition, catalog: Catalog) -> bool:
    """Say whether the side without the key has anything that does not follow from the other."""
    if catalog[owner.source].is_system:
        # Nobody else could say it: the system's tables are in no document.
        return not owner.is_system
    return (
        bool(inverse.rules)
        or inverse.description is not None
        or inverse.metadata is not None
        or inverse.is_published is not owner.is_published
        or inverse.is_updatable is not owner.is_updatable
    )


def _goes_without_saying(column: ColumnDefinition) -> bool:
    """Say whether a column is there in any table: the usual key, and the timestamps."""
    if column.is_system:
        return True
    return is_usual_key(_facts(column))


def is_usual_key(item: Mapping[str, Any]) -> bool:
    """Say whether a column of a document is the key that a table has anyway.

    Example:
        >>> is_usual_key({"name": "id", "type": "int", "isPrimary": True})
        True
    """
    if item.get("name") != "id" or item.get("type") not in KEY_TYPES or not item.get("isPrimary"):
        return False
    return set(trimmed(item, _KEY_DEFAULTS)) <= {"name", "type", "isPrimary"}


def _column(column: ColumnDefinition) -> Item:
    return trimmed(_facts(column), _KEY_DEFAULTS if column.is_primary else COLUMN_DEFAULTS)


def _facts(column: ColumnDefinition) -> Item:
    return {
        "name": column.name,
        "type": column.type.value,
        "isPrimary": column.is_primary,
        "isGenerated": column.is_generated,
        "isNullable": column.is_nullable,
        "isUpdatable": column.is_updatable,
        "isPublished": column.is_published,
        "isEncrypted": column.is_encrypted,
        "defaultValue": column.default_value,
        "options": column.options,
        "description": column.description,
        "placeholder": column.placeholder,
        "metadata": column.metadata,
        "rules": _rules(column.rules),
    }


def _rules(rules: tuple[RuleDefinition, ...]) -> list[Item]:
    found = [
        {
            "ruleType": one.rule_type,
            "value": _short(one.value),
            "message": one.message,
            "isEnabled": one.is_enabled,
            "description": one.description,
        }
        for one in sorted(rules, key=lambda one: one.rule_type)
    ]
    return [trimmed(one, RULE_DEFAULTS) for one in found]


def _short(value: Any) -> Any:
    """Give the value of a rule as people write it."""
    named: Item = cast("Item", value) if isinstance(value, dict) else {}
    if list(named) != ["v"] or named["v"] is None or isinstance(named["v"], dict):
        return cast("Any", value)
    return named["v"]


# -- whole -----------------------------------------------------------------------------------------


def whole_column(item: Mapping[str, Any]) -> Item:
    """Give a column with everything that it leaves to be understood."""
    primary = item.get("isPrimary", False)
    whole = {**(_KEY_DEFAULTS if primary else COLUMN_DEFAULTS), **item}
    return whole | {"rules": _whole_rules(whole["rules"])}


def whole_relation(item: Mapping[str, Any]) -> Item:
    """Give a relation with everything that it leaves to be understood."""
    whole = {**RELATION_DEFAULTS, **item}
    return whole | {"rules": _whole_rules(whole["rules"])}


def _whole_rules(rules: Any) -> Any:
    if not isinstance(rules, list):
        return rules
    given = [cast("Item", one) for one in cast("list[Any]", rules) if isinstance(one, dict)]
    found = [{**RULE_DEFAULTS, **one, "value": _short(one.get("value"))} for one in given]
    return sorted(found, key=lambda one: str(one.get("ruleType")))
