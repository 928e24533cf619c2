"""The report of an adoption in tables for people, whoever shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]


class Section(NamedTuple):
    """A titled table of texts."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[str]]


def headline(report: Json) -> str:
    """Say in a line what was done, or would be.

    Example:
        >>> headline({"dryRun": True, "tables": [{}, {}], "relations": [{}]})
        '2 tables and 1 relation would be defined'
    """
    tables, relations = len(report["tables"]), len(report["relations"])
    if not tables:
        return "There is nothing to adopt"
    done = "would be defined" if report["dryRun"] else "are defined"
    return f"{_count(tables, 'table')} and {_count(relations, 'relation')} {done}"


def sections(report: Json) -> list[Section]:
    """Give what a report holds, by its names in JSON; what is empty is left out."""
    found = [
        Section(
            "Tables",
            ("table", "in the database", "key", "fields", "methods", "remark"),
            [_table(one) for one in report["tables"]],
        ),
        Section(
            "Relations",
            ("relation", "type", "to", "inverse", "through"),
            [
                [f"{one['table']}.{one['name']}", one["type"], one["target"],
                 one["inverse"] or "", one["through"]]
                for one in report["relations"]
            ],
        ),
        Section(
            "Other names",
            ("in the database", "name"),
            [
                [one["table"] if one["column"] is None else f"{one['table']}.{one['column']}",
                 one["name"]]
                for one in report["names"]
            ],
        ),
        Section(
            "What the definitions do not say",
            ("table", "what", "name", "reason"),
            [[one["table"], one["what"], one["name"], one["reason"]] for one in report["unsaid"]],
        ),
        Section(
            "Not adopted",
            ("in the database", "kind", "reason"),
            [[one["table"], one["kind"], one["reason"]] for one in report["notAdopted"]],
        ),
        Section(
            "Defined before", ("in the database",), [[one] for one in report["alreadyDefined"]]
        ),
    ]  # fmt: skip
    return [one for one in found if one.rows]


def _table(one: Json) -> list[str]:
    remark = one["readOnly"] or ""
    if one["keyFields"] is not None and one["readOnly"] is None:
        remark = "records are not changed one by one"
    return [
        one["name"],
        one["physicalName"],
        " + ".join(one["keyFields"] or [one["key"]]) if one["readOnly"] is None else one["key"],
        str(one["fields"]),
        " ".join(one["methods"]),
        remark,
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
