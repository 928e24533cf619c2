"""The tables of a document as one edit of the catalog: all of them, with their relations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec.structs

from ..errors import EnfyraError
from ..metadata.definitions import RelationDefinition
from ..metadata.types import OnDelete
from ..schema.edit import Editor
from ..schema.payload import TableInput, read_table
from ..schema.raw import Problems
from .checking import Problem, refuse
from .comparing import ADDED, EXTRA, Change
from .kinds import TABLES, Item
from .tables import TABLE_DEFAULTS
from .wholes import with_one_side

# The table that a problem of the schema begins with.
_NAMED = re.compile(r"'?(\w+)'?[.\s]")


def adopted(changes: Sequence[Change]) -> list[Change]:
    """Give the tables that are to be adopted, which the database says the rest of."""
    return [one for one in changes if one.what == ADDED and (one.after or {}).get("adopt")]


class TablePlan:
    """Edits the catalog so that its tables are those of a document.

    Args:
        changes: Of tables; those that are only there go.
        items: The tables of the document.
    """

    def __init__(self, changes: Sequence[Change], items: Sequence[Item]) -> None:
        self._changes = [one for one in changes if one not in adopted(changes)]
        self._items = with_one_side({TABLES: list(items)})[TABLES]

    def __bool__(self) -> bool:
        return bool(self._changes)

    def edit(self, editor: Editor) -> None:
        """Make the edit.

        Raises:
            EnfyraError: INVALID_BODY or VALIDATION_ERROR, with the places of the problems.
        """
        kept = [one for one in self._changes if one.what != EXTRA]
        ids: dict[int, int] = {}
        for one in kept:
            ids[_number(one)] = self._columns(editor, one)
        for mapped in (False, True):
            for one in kept:
                self._relations(editor, one, ids[_number(one)], mapped=mapped)
        for one in kept:
            self._inverses(editor, one, ids[_number(one)])
        for one in self._changes:
            if one.what == EXTRA and one.before is not None:
                table = editor.catalog.by_name(one.before["name"])
                if table is not None:
                    editor.tables.drop(table.id)

    # -- what is in a table ---------------------------------------------------------------------

    def _columns(self, editor: Editor, change: Change) -> int:
        body = self._body(change)
        body.pop("relations", None)
        given = self._read(change, body)
        with _told_of(change):
            if change.what == ADDED:
                made = editor.tables.create(given)
                editor.check()
                return made
            table = editor.catalog.by_name((change.before or {})["name"])
            if table is None:
                raise EnfyraError("RESOURCE_NOT_FOUND", f"The {change.label} is gone")
            editor.tables.update(table.id, given)
            editor.check()
            return table.id

    def _relations(self, editor: Editor, change: Change, id_: int, *, mapped: bool) -> None:
        """Make the relations that hold their keys first; inverses find what they are made of."""
        body = self._body(change)
        if "relations" not in body:
            return
        relations = (
            body["relations"] if mapped else [one for one in body["relations"] if _owns(one)]
        )
        given = self._read(change, {"relations": relations})
        with _told_of(change):
            editor.tables.update(id_, given)
            editor.check()

    def _inverses(self, editor: Editor, change: Change, id_: int) -> None:
        """Make inverses what the document says, or what follows from their other side."""
        for facts in self._body(change).get("relations", ()):
            table = editor.catalog[id_]
            relation = table.relation(facts["propertyName"])
            if relation is None:
                continue
            if not relation.owning:
                self._owner_of_system(editor, relation, facts)
                continue
            inverse = editor.catalog.inverse_of(relation.id)
            if inverse is None:
                continue
            if facts.get("inversePropertyName") is None:
                editor.catalog = editor.catalog.without_relations({inverse.id})
            elif not self._is_listed(editor.catalog[inverse.source].name, inverse.property_name):
                editor.catalog = editor.catalog.with_relation(
                    msgspec.structs.replace(
                        inverse,
                        is_published=relation.is_published,
                        is_updatable=relation.is_updatable,
                        description=None,
                        metadata=None,
                        rules=(),
                    )
                )

    def _owner_of_system(
        self, editor: Editor, inverse: RelationDefinition, facts: Mapping[str, Any]
    ) -> None:
        """Have a key in a table of the system be what its inverse says."""
        owner = editor.catalog.relation(inverse.mapped_by or 0)
        if owner is None or not editor.catalog[owner.source].is_system:
            return
        rule = facts.get("onDelete")
        changed = msgspec.structs.replace(
            owner,
            is_nullable=facts.get("isNullable", True),
            on_delete=OnDelete(rule) if rule is not None else None,
        )
        editor.catalog = editor.catalog.with_relation(changed)
        now = msgspec.structs.replace(inverse, is_nullable=owner.is_nullable, on_delete=None)
        editor.catalog = editor.catalog.with_relation(now)

    def placed(self, error: EnfyraError) -> EnfyraError:
        """Give an error about tables with their places, as far as its problems name them."""
        if error.details is not None or not error.problems:
            return error
        numbers = {item["name"]: number for number, item in enumerate(self._items)}
        places = [
            {"at": [TABLES, numbers[found[1]]], "problem": text}
            for text in error.problems
            if (found := _NAMED.match(text)) is not None and found[1] in numbers
        ]
        return EnfyraError(
            error.code, problems=error.problems, hint=error.hint, details={"places": places}
        )

    def _is_listed(self, table: str, name: str) -> bool:
        for item in self._items:
            if item["name"] == table:
                return any(one["propertyName"] == name for one in item.get("relations", ()))
        return False

    # -- bodies ---------------------------------------------------------------------------------

    def _body(self, change: Change) -> Item:
        """Give a table as the API takes it, with all that it leaves to be understood."""
        item, after = self._items[_number(change)], change.after or {}
        if after.get("adopt"):
            return {k: v for k, v in after.items() if k in {"name", *TABLE_DEFAULTS, "adopt"}}
        was = {
            (section, one.get(name)): one["was"]
            for section, name in (("columns", "name"), ("relations", "propertyName"))
            for one in item.get(section, ())
            if one.get("was") is not None
        }
        keys = [one for one in item.get("columns", ()) if one["name"] not in after["columns"]]
        columns = [*keys, *(dict(one) for one in after["columns"].values())]
        relations = [
            {name: value for name, value in one.items() if value is not None or name in _EMPTIED}
            for one in after["relations"].values()
        ]
        for section, name, parts in (
            ("columns", "name", columns),
            ("relations", "propertyName", relations),
        ):
            for one in parts:
                before = was.get((section, one[name]))
                if before is not None:
                    one["was"] = before
        body = {name: after[name] for name in ("name", *TABLE_DEFAULTS) if name != "adopt"}
        return {**body, "columns": columns, "relations": relations}

    def _read(self, change: Change, body: Item) -> TableInput:
        problems = Problems()
        given = read_table(body, problems)
        refuse([Problem(_at(change), problem) for problem in problems.found])
        return given


# What a relation loses if nothing is said of it.
_EMPTIED = frozenset({"onDelete", "description", "metadata"})


def _owns(relation: Mapping[str, Any]) -> bool:
    return relation.get("mappedBy") is None and not (
        relation.get("type") == "one-to-many" and relation.get("inversePropertyName") is None
    )


def _number(change: Change) -> int:
    return change.number if change.number is not None else -1


def _at(change: Change) -> tuple[Any, ...]:
    return (TABLES, _number(change))


class _told_of:  # noqa: N801 - used like a function
    """Tell what is wrong with a table with its place in the document."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Add the place to an error that has none."""
        if not isinstance(error, EnfyraError) or error.details is not None:
            return
        texts = error.problems or (error.message,)
        places = [{"at": list(_at(self._change)), "problem": text} for text in texts]
        raise EnfyraError(
            error.code,
            problems=[f"{self._change.label}: {text}" for text in texts],
            hint=error.hint,
            details={"places": places},
        ) from None
