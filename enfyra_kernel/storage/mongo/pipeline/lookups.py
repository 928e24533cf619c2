"""Relations as `$lookup`: the records that one record is related to."""

from __future__ import annotations

from ....metadata.tables import Relation, Table
from ..values import field_of
from .scope import Stage

_END = "_t"


def lookup(
    relation: Relation,
    target: Table,
    table: Table,
    into: str,
    which: list[Stage],
    then: list[Stage],
) -> Stage:
    """Look up the related records of each record at hand.

    Args:
        table: The table of the records at hand.
        into: The field that the list of them goes into.
        which: Stages that choose among records of the target.
        then: Stages for those that belong to one record.
    """
    if relation.junction is not None:
        end: Stage = {
            "$lookup": {
                "from": target.definition.physical,
                "localField": relation.junction.target_column,
                "foreignField": field_of(target.primary.physical),
                "pipeline": which,
                "as": _END,
            }
        }
        through = [end, {"$unwind": f"${_END}"}, {"$replaceRoot": {"newRoot": f"${_END}"}}, *then]
        return _stage(
            relation.junction.table,
            table.primary.physical,
            relation.junction.source_column,
            through,
            into,
        )
    here, there = keys(relation)
    return _stage(target.definition.physical, here, there, [*which, *then], into)


def links(relation: Relation, table: Table, into: str, then: list[Stage]) -> Stage:
    """Look up the rows of a relation's junction, without the records they lead to."""
    if relation.junction is None:
        raise ValueError(f"'{relation.name}' has no junction")
    junction = relation.junction
    return _stage(junction.table, table.primary.physical, junction.source_column, list(then), into)


def keys(relation: Relation) -> tuple[str, str]:
    """Give the columns that tell what is related: that of the record, and that of the target."""
    if relation.foreign_key is None:
        raise ValueError(f"'{relation.name}' is stored nowhere")
    if relation.holds_key:
        return relation.foreign_key, relation.referenced
    return relation.referenced, relation.foreign_key


def _stage(source: str, here: str, there: str, pipeline: list[Stage], into: str) -> Stage:
    return {
        "$lookup": {
            "from": source,
            "localField": field_of(here),
            "foreignField": field_of(there),
            "pipeline": pipeline,
            "as": into,
        }
    }
