"""Definitions and Snapshots for tests, made of the bodies that clients send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.metadata.definitions import RouteDefinition
from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.metadata.system import SYSTEM_TABLES
from enfyra_kernel.schema.catalog import Catalog
from enfyra_kernel.schema.edit import Editor
from enfyra_kernel.schema.payload import TableInput, read_relation, read_table
from enfyra_kernel.schema.raw import Problems
from hypothesis import settings
from hypothesis import strategies as st

# How long one example takes is no property of the code.
property_test = settings(deadline=None)

SYSTEM = Catalog({table.id: table for table in SYSTEM_TABLES})
EMPTY = Catalog({})

Body = Mapping[str, Any]


def body(name: str, *columns: Any, **facts: Any) -> dict[str, Any]:
    """Make the body of a table; columns are "name type" (with `!` for not null) or objects."""
    return {"name": name, "columns": [column(one) for one in columns], **facts}


def column(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    name, _, type_ = text.partition(" ")
    bare = type_.rstrip("!")
    return {"name": name, "type": bare, "isNullable": bare == type_}


def to_one(name: str, target: str, inverse: str | None = None, **facts: Any) -> dict[str, Any]:
    return relation(name, "many-to-one", target, inverse, **facts)


def to_many(name: str, target: str, inverse: str | None = None, **facts: Any) -> dict[str, Any]:
    return relation(name, "many-to-many", target, inverse, **facts)


def relation(
    name: str, type_: str, target: str, inverse: str | None = None, **facts: Any
) -> dict[str, Any]:
    given = {"propertyName": name, "type": type_, "targetTable": target, **facts}
    return given if inverse is None else {**given, "inversePropertyName": inverse}


def read(source: Any) -> TableInput:
    """Read the body of a table; what is wrong with it is raised."""
    problems = Problems()
    given = read_table(source, problems)
    problems.check()
    return given


def created(catalog: Catalog, source: Any, *, engine: str = "sqlite") -> Catalog:
    """Give the catalog with one table more."""
    editor = Editor(catalog, engine=engine)
    return editor.finish(editor.tables.create(read(source)))


def changed(catalog: Catalog, name: str, source: Any, *, engine: str = "sqlite") -> Catalog:
    """Give the catalog with a table changed as PATCH would."""
    editor = Editor(catalog, engine=engine)
    table = catalog.by_name(name)
    assert table is not None
    editor.tables.update(table.id, read(source))
    return editor.finish(table.id)


def dropped(catalog: Catalog, name: str, *, engine: str = "sqlite") -> Catalog:
    """Give the catalog without a table."""
    editor = Editor(catalog, engine=engine)
    table = catalog.by_name(name)
    assert table is not None
    editor.tables.drop(table.id)
    return editor.finish()


def catalog_of(*bodies: Body, base: Catalog = SYSTEM, engine: str = "sqlite") -> Catalog:
    """Give the catalog of some tables, made one after the other, beside the system's."""
    catalog = base
    for one in bodies:
        catalog = created(catalog, one, engine=engine)
    return catalog


def snapshot_of(*bodies: Body, routes: Iterable[RouteDefinition] = ()) -> Snapshot:
    """Give the Snapshot of some tables beside the system's."""
    return Snapshot(1, catalog_of(*bodies).values(), routes)


# A small shop: every column type, every kind of relation.
SHOP = (
    body("city", "name varchar!", "zip varchar"),
    body("tag", "label varchar!", uniques=[["label"]]),
    body(
        "person",
        "name varchar!",
        "email text",
        {"name": "note", "type": "text", "isPublished": False},
        relations=[to_one("city", "city", "people"), to_one("boss", "person", "staff")],
    ),
    body(
        "product",
        "views int",
        "stock bigint",
        "weight float",
        {"name": "price", "type": "decimal", "options": {"precision": 12, "scale": 2}},
        "active boolean",
        {"name": "title", "type": "varchar", "options": {"length": 80}, "isNullable": False},
        "body text",
        "source code",
        "html richtext",
        {"name": "status", "type": "enum", "options": ["draft", "live"], "defaultValue": "draft"},
        "token uuid",
        "day date",
        "soldAt datetime",
        "seenAt timestamp",
        "extra simple-json",
        {"name": "sizes", "type": "array-select", "options": ["s", "m", "l"]},
        relations=[
            to_one("owner", "person", "products", isNullable=False),
            relation("twin", "one-to-one", "product", "twinOf"),
            to_many("tags", "tag", "products"),
        ],
        indexes=[["views"], ["owner", "day"]],
    ),
)

# -- generated edits ------------------------------------------------------------------------------

_TABLES = st.sampled_from(["alpha", "beta", "gamma", "delta"])
_COLUMNS = st.sampled_from(["one", "two", "three", "four"])
_PROPERTIES = st.sampled_from(["left", "right", "up", "down"])
_TYPES = st.sampled_from(["int", "varchar", "text", "datetime", "boolean"])
_KINDS = st.sampled_from(["many-to-one", "one-to-one", "many-to-many", "one-to-many"])

EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), _TABLES, st.booleans()),
        st.tuples(st.just("drop"), _TABLES),
        st.tuples(st.just("rename"), _TABLES, _TABLES),
        st.tuples(st.just("column"), _TABLES, _COLUMNS, _TYPES),
        st.tuples(st.just("uncolumn"), _TABLES, _COLUMNS),
        st.tuples(st.just("relation"), _TABLES, _PROPERTIES, _KINDS, _TABLES, st.booleans()),
        st.tuples(st.just("unrelation"), _TABLES, _PROPERTIES),
    ),
    max_size=12,
)


def edited(catalog: Catalog, edit: tuple[Any, ...]) -> Catalog:
    """Make a generated edit; one that makes no sense here is left out."""
    try:
        return _edited(catalog, *edit)
    except EnfyraError:
        return catalog


def _edited(catalog: Catalog, kind: str, name: str, *rest: Any) -> Catalog:
    if kind == "create":
        key = [{"name": "id", "type": "uuid", "isPrimary": True}] if rest[0] else []
        return created(catalog, body(name, *key, "first varchar"))
    table = catalog.by_name(name)
    if table is None:
        return catalog
    if kind == "drop":
        return dropped(catalog, name)
    if kind == "rename":
        return changed(catalog, name, {"name": rest[0]})
    if kind in {"column", "uncolumn"}:
        others = [
            {"id": one.id, "name": one.name, "type": one.type.value}
            for one in table.columns
            if one.name != rest[0] and not one.is_system and not one.is_primary
        ]
        more = [{"name": rest[0], "type": rest[1]}] if kind == "column" else []
        return changed(catalog, name, {"columns": [*others, *more]})
    return _with_relation(catalog, table, kind, *rest)


def _with_relation(catalog: Catalog, table: Any, kind: str, name: str, *rest: Any) -> Catalog:
    editor = Editor(catalog, engine="sqlite")
    if kind == "unrelation":
        found = table.relation(name)
        if found is None:
            return catalog
        editor.relations.drop(table.id, found.id)
    else:
        type_, target, both = rest
        inverse = f"{name}Of" if both or type_ == "one-to-many" else None
        problems = Problems()
        given = read_relation(relation(name, type_, target, inverse), "", problems)
        problems.check()
        editor.relations.add(table.id, given)
    return editor.finish(table.id)
