"""Items with everything that they leave to be understood, in a form that can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..metadata.definitions import METHODS
from .current import sort_key
from .flows import whole_steps
from .kinds import FLOWS, GUARD_RULE, GUARDS, ROUTES, SYSTEM_TABLES, TABLES, Document, Item, Kind
from .routes import RouteDefaults
from .tables import (
    TABLE_DEFAULTS,
    is_usual_key,
    whole_column,
    whole_relation,
    whole_system_table,
)

# Fields that name methods, which have an order of their own.
METHOD_FIELDS = frozenset({"methods", "availableMethods", "publicMethods", "skipRoleGuardMethods"})


def whole(kind: Kind, item: Mapping[str, Any], routes: RouteDefaults) -> Item:
    """Give an item with all of its fields.

    Example:
        >>> from enfyra_kernel.definitions.kinds import KINDS
        >>> whole(KINDS["roles"], {"name": "Editor"}, RouteDefaults({}))
        {'name': 'Editor', 'description': None}
    """
    if kind.section == TABLES:
        return _whole_table(item)
    if kind.section == SYSTEM_TABLES:
        return whole_system_table(item)
    defaults: Mapping[str, Any] = kind.defaults
    if kind.section == ROUTES:
        defaults = routes.of_path(item.get("path")) or defaults
    found = {**dict.fromkeys(kind.key), **defaults, **item}
    for name, value in found.items():
        if isinstance(value, list):
            found[name] = _sorted(name, cast("list[Any]", value))
    if kind.section == GUARDS:
        rules: list[Item] = found["rules"] or []
        wholes = [_whole_rule(one) for one in rules]
        found["rules"] = sorted(wholes, key=lambda one: sort_key(GUARD_RULE, one))
    if kind.section == FLOWS:
        found["steps"] = whole_steps(found["steps"])
        found["order"] = list(found["steps"])
    return found


def _sorted(name: str, values: list[Any]) -> list[Any]:
    if name in METHOD_FIELDS:
        return sorted(values, key=lambda one: (METHODS.index(one) if one in METHODS else 9, one))
    return sorted(values) if name == "allowedUsers" else values


def _whole_rule(rule: Item) -> Item:
    return {**GUARD_RULE.defaults, **rule, "users": sorted(rule.get("users") or ())}


def _whole_table(item: Mapping[str, Any]) -> Item:
    found: Item = {**TABLE_DEFAULTS, **item}
    if found["adopt"]:
        # Its columns and relations are in the database.
        adopted = {name: found[name] for name in TABLE_DEFAULTS if name not in _OF_DATABASE}
        return {"name": item.get("name"), **adopted}
    found["columns"] = {
        one["name"]: whole_column(one) for one in found["columns"] or () if not is_usual_key(one)
    }
    found["relations"] = {
        one["propertyName"]: whole_relation(one) for one in found["relations"] or ()
    }
    for name in ("uniques", "indexes"):
        groups = [[one] if isinstance(one, str) else one for one in found[name] or ()]
        found[name] = sorted(groups)
    return found


_OF_DATABASE = frozenset({"columns", "relations", "uniques", "indexes"})


# -- relations ------------------------------------------------------------------------------------


def with_one_side(document: Document) -> Document:
    """Say of each relation with the table that holds its key, as an export does.

    A `one-to-many` with an `inversePropertyName` makes a key in the other table; one with
    `mappedBy` that says no more than its other side names the inverse of that.
    """
    tables: dict[str, Item] = {}
    for one in document.get(TABLES, ()):
        relations = [dict(relation) for relation in one.get("relations") or ()]
        tables[one["name"]] = {**one, "relations": relations}
    for table in tables.values():
        kept = [one for one in table["relations"] if not _moved(one, table["name"], tables)]
        table["relations"] = kept
    items = [
        {
            name: value
            for name, value in one.items()
            if value or (name in source and source[name] is not None)
        }
        for one, source in zip(tables.values(), document.get(TABLES, ()), strict=True)
    ]
    return {**document, TABLES: items}


def _moved(relation: Item, name: str, tables: dict[str, Item]) -> bool:
    """Move what a relation says to its other side; say whether that says all now."""
    target = tables.get(relation.get("targetTable", ""))
    if target is None:
        return False
    inverse, owner_name = relation.get("inversePropertyName"), relation.get("mappedBy")
    if relation.get("type") == "one-to-many" and inverse is not None:
        facts = {k: v for k, v in relation.items() if k not in {"was", "inversePropertyName"}}
        own = {"propertyName": inverse, "type": "many-to-one", "targetTable": name}
        others = {"inversePropertyName": relation["propertyName"]}
        target["relations"].append({**facts, **own, **others, "rules": []})
        relation.pop("inversePropertyName")
        relation |= {"mappedBy": inverse, "isNullable": True, "onDelete": None}
        owner_name = inverse
    owner = next((o for o in target["relations"] if o.get("propertyName") == owner_name), None)
    if owner_name is None or owner is None:
        return False
    owner["inversePropertyName"] = relation["propertyName"]
    return _says_nothing(whole_relation(relation), whole_relation(owner))


def _says_nothing(relation: Item, owner: Item) -> bool:
    return (
        not relation["rules"]
        and relation["description"] is None
        and relation["metadata"] is None
        and relation["isPublished"] is owner["isPublished"]
        and relation["isUpdatable"] is owner["isUpdatable"]
    )
