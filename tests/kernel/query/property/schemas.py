"""Schemas for the property test: three tables with all kinds of columns and relations."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.kernel.metadata.builders import relation

LETTERS = ["a", "B", "é", "e", "o", "ø", "%", "_"]

_COLUMNS: list[dict[str, Any]] = [
    {"name": "order", "type": "int"},
    {"name": "big", "type": "bigint"},
    {"name": "wild", "type": "float"},
    {"name": "tame", "type": "float"},
    {"name": "price", "type": "decimal"},
    {"name": "exact", "type": "decimal", "options": {"precision": 15, "scale": 4}},
    {"name": "ok", "type": "boolean"},
    {"name": "name", "type": "varchar"},
    {"name": "note", "type": "text"},
    {"name": "kind", "type": "enum", "options": LETTERS},
    {"name": "mark", "type": "uuid"},
    {"name": "day", "type": "date"},
    {"name": "at", "type": "datetime"},
    {"name": "seen", "type": "timestamp"},
    {"name": "extra", "type": "simple-json"},
    {"name": "labels", "type": "array-select", "options": LETTERS},
]


def schema(seed: int) -> list[dict[str, Any]]:
    """Make the bodies of three tables: `alpha` has every type and kind of relation."""
    random = Random(seed)

    def table(name: str, types: int, relations: list[dict[str, Any]]) -> dict[str, Any]:
        # Always a number, so that each table has something to sum up.
        chosen = [0, *sorted(random.sample(range(1, len(_COLUMNS)), types - 1))]
        columns = [{**_COLUMNS[number], "isNullable": random.random() < 0.7} for number in chosen]
        # Said, because MongoDB would make an ObjectId where the others count up.
        key = {"type": "uuid"} if random.random() < 0.5 else {"type": "int", "isGenerated": True}
        columns.insert(0, {"name": "id", "isPrimary": True, **key})
        return {"name": name, "columns": columns, "relations": relations}

    def maybe(**facts: Any) -> dict[str, Any]:
        return {**facts, "isNullable": random.random() < 0.7}

    return [
        table("gamma", 5, []),
        table(
            "beta",
            7,
            [
                relation("home", "many-to-one", "gamma", "dwellers", **maybe()),
                relation("kinds", "many-to-many", "gamma", "betas"),
            ],
        ),
        table(
            "alpha",
            len(_COLUMNS),
            [
                relation("parent", "many-to-one", "alpha", "children"),
                relation("owner", "many-to-one", "beta", "owned", **maybe(onDelete="CASCADE")),
                relation("twin", "one-to-one", "gamma", "twinOf"),
                relation("friends", "many-to-many", "alpha", "friendOf"),
                relation("tags", "many-to-many", "gamma", "alphas"),
            ],
        ),
    ]
