"""`%enfyra queries`, and what `--save` and `--saved` do."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.metadata.system.queries import FILTER, SQL
from enfyra_kernel.query.placeholders import names_in
from enfyra_kernel.query.saved import PARAMETERS, expanded
from IPython.core.error import UsageError

from .. import queries
from ..display import Lines, Listing
from .session import Session, matching

_COLUMNS = ("name", "about", "values", "description", "saved by", "changed (UTC)")


def show(session: Session, given: Namespace) -> Listing | Lines:
    """Do `%enfyra queries`."""
    client, name = session.client, given.name
    if given.delete:
        if name is None:
            raise UsageError("Which one? Write %enfyra queries NAME --delete")
        queries.deleted(client, queries.found(client, name))
        session.forget_queries()
        return Lines([("", f"{name} is deleted")])
    if name is not None and not set("*?[") & set(name):
        row = queries.found(client, name)
        lines = [("", line) for line in queries.cell_of(row).splitlines()]
        about = [("note", row["description"])] if row["description"] else []
        problem = queries.problems(client).get(row["name"])
        unfit = [("bad", f"! fits no longer: {problem}")] if problem is not None else []
        return Lines([*about, *unfit, *lines])
    return _listing(session, name)


def _listing(session: Session, name: str | None) -> Listing:
    client = session.client
    rows = [queries.summary(one) for one in queries.listed(client) if matching(one["name"], name)]
    if not rows:
        note = "There are none; %%enfyra query TABLE --save NAME saves one"
        return Listing("Saved queries", _COLUMNS, rows, note)
    problems = queries.problems(client)
    if not any(row[0] in problems for row in rows):
        return Listing("Saved queries", _COLUMNS, rows)
    marked = [[*row, problems.get(row[0], "")] for row in rows]
    return Listing("Saved queries", (*_COLUMNS, "fits no longer"), marked)


def asked_by_name(
    row: Mapping[str, Any], asked: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Give a saved query together with what the cell says.

    Args:
        asked: What the cell says, with the names of values.
        values: The values of both.

    Raises:
        UsageError: For another table than that of the query, or what is wrong with the values.
    """
    table = row["table"]["name"]
    if asked.get("table") not in {None, table}:
        raise UsageError(f"'{row['name']}' is a query of {table}, not of {asked['table']}")
    own = set(names_in(row["query"]))
    # The cell's names have been seen to by now: what is left is for the saved query.
    theirs = {name: one for name, one in values.items() if name in own}
    try:
        together = expanded(queries.as_saved(row), {**asked, PARAMETERS: theirs})
    except EnfyraError as error:
        raise UsageError(error.message) from None
    return {**together, "table": table}


def save_filter(
    session: Session, name: str, table: str, query: Mapping[str, Any], values: Mapping[str, Any]
) -> str:
    """Save what a cell asks for, with its values for those who give none; say what was done."""
    return _save(
        session,
        {"name": name, "language": FILTER, "table": table, "query": dict(query), "sql": None},
        values,
    )


def save_sql(session: Session, name: str, statement: str, values: Mapping[str, Any]) -> str:
    """Save a statement, with its values for those who give none; say what was done."""
    return _save(
        session,
        {"name": name, "language": SQL, "table": None, "query": None, "sql": statement},
        values,
    )


def _save(session: Session, body: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    said = queries.saved(session.client, {**body, "parameters": dict(values) or None})
    session.forget_queries()
    return said
