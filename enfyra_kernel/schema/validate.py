"""Whether a catalog holds together, whatever edit led to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ..errors import EnfyraError, did_you_mean
from ..metadata import names
from ..metadata.definitions import ColumnDefinition, TableDefinition
from ..metadata.types import ColumnType, OnDelete, RelationKind
from .catalog import Catalog
from .fields import check_encryption, check_rules
from .payload import can_be_unique, check_type
from .raw import Problems

MAX_COLUMNS = 400
# Only MongoDB has an ObjectId, which is seen where types are looked at.
_KEY_TYPES = frozenset({ColumnType.INT, ColumnType.UUID, ColumnType.OBJECT_ID})


def check_catalog(catalog: Catalog, touched: Iterable[int], *, engine: str) -> None:
    """Check the tables that were touched and those related to them.

    Raises:
        EnfyraError: VALIDATION_ERROR with every problem, or SCHEMA_INDEX_OVER_UNIQUE_FIELD.
    """
    ids = set(touched)
    ids |= {one.source for one in catalog.relations() if one.target in ids} | {
        one.target for one in catalog.relations() if one.source in ids
    }
    problems = Problems()
    for id_ in sorted(ids & set(catalog)):
        table = catalog[id_]
        if not table.is_system:
            _check_table(table, problems, engine)
        check_rules(table, problems)
        _check_fields(table, problems)
    problems.check()
    for id_ in sorted(ids & set(catalog)):
        if not catalog[id_].is_system and not catalog[id_].is_adopted:
            _check_indexes(catalog[id_])


def _check_table(table: TableDefinition, problems: Problems, engine: str) -> None:
    primaries = [column for column in table.columns if column.is_primary]
    if len(primaries) != 1:
        problems.add(table.name, f"must have exactly one primary column, not {len(primaries)}")
    elif not table.is_adopted:
        _check_primary(table, primaries[0], problems)
    if len(table.columns) > MAX_COLUMNS:
        problems.add(table.name, f"must have at most {MAX_COLUMNS} columns")
    for column in table.columns:
        place = f"{table.name}.{column.name}"
        problem = names.field_name_problem(column.name)
        if problem is not None:
            problems.add(f"column '{column.name}'", problem)
        if column.name in names.TIMESTAMPS and not column.is_system and not table.is_adopted:
            problems.add(f"column '{column.name}'", "is kept by the server; leave it out")
        check_type(
            column.type, column.options, column.default_value, place, problems, engine=engine
        )
        made = column.is_primary or column.is_system or column.type is ColumnType.UUID
        if column.is_generated and not made and not table.is_adopted:
            problems.add(place, "cannot be isGenerated: a uuid can, and keys are by themselves")
        if column.is_encrypted:
            check_encryption(table, column, problems)
    for relation in table.relations:
        problem = names.field_name_problem(relation.property_name)
        if problem is not None:
            problems.add(f"relation '{relation.property_name}'", problem)
        if relation.on_delete is OnDelete.SET_NULL and not relation.is_nullable:
            problems.add(
                f"relation '{relation.property_name}'",
                "cannot be SET NULL on delete: it is not nullable",
            )
    for kind, groups in (("uniques", table.uniques), ("indexes", table.indexes)):
        for group in groups:
            _check_group(table, kind, group, problems)


def _check_primary(table: TableDefinition, column: ColumnDefinition, problems: Problems) -> None:
    if column.name != "id" or column.type not in _KEY_TYPES:
        problems.add(
            table.name,
            f"must have the primary column 'id' of type int or uuid, not '{column.name}'",
        )


def _check_group(
    table: TableDefinition, kind: str, group: tuple[str, ...], problems: Problems
) -> None:
    known = [column.name for column in table.columns]
    known += [
        one.property_name
        for one in table.relations
        if one.owning and one.type is not RelationKind.MANY_TO_MANY
    ]
    for name in group:
        column = table.column(name)
        if name not in known:
            problems.add(kind, f"names '{name}', which is no field.{did_you_mean(name, known)}")
        elif column is not None and column.is_encrypted:
            problems.add(
                kind,
                f"cannot hold '{name}': it is encrypted, and equal values are stored differently",
            )
        elif table.is_adopted:
            # The database has it already, whatever others can.
            continue
        elif kind == "uniques" and column is not None and not can_be_unique(column.type):
            problems.add(
                kind,
                f"cannot hold '{name}': a {column.type.value} is too long to be unique; "
                "use varchar",
            )
    if len(set(group)) != len(group):
        problems.add(kind, f"repeats a field in ({', '.join(group)})")


def _check_fields(table: TableDefinition, problems: Problems) -> None:
    """Check that no two fields, logical or physical, go by one name."""
    taken: dict[str, str] = {}
    for name in (
        *(column.name for column in table.columns),
        *(relation.property_name for relation in table.relations),
    ):
        other = taken.get(name.lower())
        taken[name.lower()] = name
        if other is not None:
            what = "twice" if other == name else f"beside '{other}' (case does not count)"
            problems.add(table.name, f"has the field '{name}' {what}")
    physical: dict[str, str] = {}
    exact: dict[str, str] = {}
    for column in table.columns:
        # Case may count in somebody else's table.
        other = exact.get(column.physical)
        exact[column.physical] = physical[column.physical.lower()] = column.name
        if other is not None:
            problems.add(
                table.name,
                f"has the column '{column.physical}' in the database already, as '{other}'",
            )
    for relation in table.relations:
        key = relation.foreign_key_column
        if not relation.owning or key is None or table.is_adopted:
            continue
        other = physical.get(key.lower())
        physical[key.lower()] = relation.property_name
        if other is not None:
            problems.add(
                table.name,
                f"stores the relation '{relation.property_name}' in the column '{key}', "
                f"which '{other}' has already",
            )


def _check_indexes(table: TableDefinition) -> None:
    uniques = {name: group for group in table.uniques for name in group}
    conflicts: defaultdict[str, list[str]] = defaultdict(list)
    for group in table.indexes:
        for name in group:
            if name in uniques:
                conflicts[name].append(", ".join(group))
    if conflicts:
        raise EnfyraError(
            "SCHEMA_INDEX_OVER_UNIQUE_FIELD",
            "Unique fields are indexed already; take "
            f"{', '.join(sorted(conflicts))} out of indexes",
            details={
                "conflicts": [
                    {"field": name, "unique": list(uniques[name]), "indexes": groups}
                    for name, groups in conflicts.items()
                ]
            },
        )
