"""Completion within cells: queries, definitions of tables, and flows, as they are half written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from enfyra_kernel.metadata.system.flows import STEP_KINDS
from enfyra_kernel.query.ast import Function, Operator

from ..definitions import (
    COLUMN_TYPES,
    COLUMN_WORDS,
    ON_DELETE,
    RELATION_KINDS,
    RELATION_WORDS,
    TABLE_KEYS,
)
from ..flows.reading import FLOW_KEYS, STEP_KEYS, WITHIN
from ..schema import Schema, TableInfo
from .outline import Place
from .session import QUERY_KEYS

OPERATORS = (*(one.value for one in Operator), "_is_null", "_is_not_null")
LOGIC = ("_and", "_or", "_not")
DEEP_KEYS = ("fields", "filter", "sort", "limit", "page", "deep")
FUNCTIONS = tuple(one.value for one in Function)
FIGURES = (*FUNCTIONS, "countRecords")
_LISTS = frozenset({"fields", "sort", "dimensions"})
_ON_ERROR = ("stop", "skip", "retry")

# The word that is being typed, and what it can become.
Found = tuple[str, list[str]]


def starting(names: Iterable[str], typed: str) -> list[str]:
    """Give the names that begin with what is typed."""
    return [one for one in names if one.startswith(typed)]


def table_names(schema: Schema, typed: str) -> list[str]:
    """Give the tables that are meant: the system's only where none of one's own is."""
    own = starting((table.name for table in schema.own), typed)
    return own or starting(schema.tables, typed)


def route_paths(schema: Schema, typed: str) -> list[str]:
    """Give the paths of tables' routes: the system's only where none of one's own is meant."""
    own = starting(_paths(schema.own), typed)
    return own or starting(_paths(schema.tables.values()), typed)


def _paths(tables: Iterable[TableInfo]) -> list[str]:
    return [route["path"] for table in tables for route in table.facts.get("routes", ())]


def field_paths(schema: Schema, table: TableInfo | None, typed: str) -> list[str]:
    """Give fields, also of related records, with the sign of an order if there is one."""
    sign = "-" if typed.startswith("-") else ""
    *path, last = typed.removeprefix("-").split(".")
    target = schema.follow(table, path)
    before = sign + "".join(f"{part}." for part in path)
    return [before + one for one in starting(target.fields if target else (), last)]


# -- queries --------------------------------------------------------------------------------------


def complete_query(place: Place, schema: Schema, name: str) -> Found:
    """Complete what stands in the cell of a query.

    Args:
        name: The table's, as far as it is known.
    """
    fragment = place.fragment
    if not place.path:
        return fragment, starting(QUERY_KEYS, fragment)
    head = place.path[0]
    if head == "table":
        return fragment, table_names(schema, fragment)
    table = schema.tables.get(name)
    if head in _LISTS:
        return fragment, field_paths(schema, table, fragment)
    if head == "measures":
        is_field = not place.is_key and len(place.path) > 2
        return complete_measures(fragment, table, schema, is_field=is_field)
    inner = Place(place.path[1:], fragment, is_key=place.is_key)
    return complete_object(head, inner, table, schema)


def complete_measures(
    fragment: str, table: TableInfo | None, schema: Schema, *, is_field: bool
) -> Found:
    """Complete a figure as in `sum(views)`: its function, or the field in it.

    Args:
        is_field: Whether a field is meant, although no bracket stands in front of it.
    """
    _, bracket, field = fragment.rpartition("(")
    if bracket or is_field:
        return field, field_paths(schema, table, field)
    return fragment, starting(FUNCTIONS, fragment)


def complete_object(kind: str, place: Place, table: TableInfo | None, schema: Schema) -> Found:
    """Complete what stands within a `filter`, `deep` or `aggregate`."""
    path = [one for one in place.path if one not in LOGIC]
    if kind == "aggregate":
        names: Iterable[str] = FIGURES if path else table.fields if table is not None else ()
        return place.fragment, starting(names, place.fragment) if place.is_key else []
    if kind == "deep":
        return _in_deep(path, place, table, schema)
    if kind != "filter" or not place.is_key:
        return "", []
    target = schema.follow(table, path)
    if target is not None:
        return place.fragment, starting([*target.fields, *LOGIC], place.fragment)
    owner = schema.follow(table, path[:-1])
    compares = owner is not None and path and path[-1] in owner.columns
    return place.fragment, starting(OPERATORS if compares else (), place.fragment)


def _in_deep(path: Sequence[str], place: Place, table: TableInfo | None, schema: Schema) -> Found:
    """Complete related records that are expanded: `deep` has relations, and they have queries."""
    for number, word in enumerate(path):
        if number % 2 == 0:
            table = schema.follow(table, [word])
        elif word in _LISTS:
            return place.fragment, field_paths(schema, table, place.fragment)
        elif word == "filter":
            inner = Place(tuple(path[number + 1 :]), place.fragment, is_key=place.is_key)
            return complete_object("filter", inner, table, schema)
    if not place.is_key:
        return "", []
    relations = table.relations if table is not None else ()
    return place.fragment, starting(DEEP_KEYS if len(path) % 2 else relations, place.fragment)


def table_in(body: Iterable[str]) -> str:
    """Give the table that the cell of a query names."""
    for line in body:
        found = re.match(r"^\s*\{?\s*[\"']?table[\"']?\s*:\s*[\"']?(\w+)", line)
        if found is not None:
            return found[1]
    return ""


# -- definitions ----------------------------------------------------------------------------------


def complete_definition(place: Place, schema: Schema, body: Iterable[str]) -> Found:
    """Complete what stands in the definition of a table."""
    fragment, path = place.fragment, place.path
    if not path:
        return fragment, starting(TABLE_KEYS, fragment)
    if path[0] in {"uniques", "indexes"}:
        return fragment, starting(_own_fields(body), fragment)
    if place.is_key or len(path) != 2:
        return "", []
    last = place.words[-1] if place.words else ""
    if path[0] == "columns":
        if not place.words:
            return fragment, starting(COLUMN_TYPES, fragment)
        return fragment, starting(COLUMN_WORDS, fragment) if last != "was" else []
    if path[0] != "relations":
        return "", []
    if last == "on-delete":
        return fragment, starting(ON_DELETE, fragment)
    if last in {"inverse", "was"}:
        return "", []
    tables = [table.name for table in schema.own]
    if not place.words:
        return fragment, starting([*tables, *RELATION_KINDS], fragment)
    if last in RELATION_KINDS:
        return fragment, starting(tables, fragment)
    return fragment, starting(RELATION_WORDS, fragment)


def _own_fields(body: Iterable[str]) -> list[str]:
    """Give the columns and relations that the cell has named so far."""
    section, names = "", []
    for line in body:
        found = re.match(r"^(\s*)(?:-\s+)?([A-Za-z]\w*)\s*:", line)
        if found is None:
            continue
        if not found[1]:
            section = found[2]
        elif section in {"columns", "relations"}:
            names.append(found[2])
    return names


# -- flows ----------------------------------------------------------------------------------------


def complete_flow(place: Place, schema: Schema) -> Found:
    """Complete what stands in the YAML of a flow."""
    fragment, path = place.fragment, place.path
    if not place.is_key:
        if place.words:
            return "", []
        if path[-1] == "table":
            return fragment, table_names(schema, fragment)
        values = {"type": STEP_KINDS, "onError": _ON_ERROR}
        return fragment, starting(values.get(path[-1], ()), fragment)
    if not path:
        return fragment, starting([*STEP_KEYS, *FLOW_KEYS], fragment)
    return fragment, starting(STEP_KEYS if path[-1] in {"steps", *WITHIN} else (), fragment)
