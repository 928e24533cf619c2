"""Conditional requests: ETags in answers, and what If-Match and If-None-Match ask for."""

from __future__ import annotations

from ..errors import EnfyraError
from ..metadata.system import PLANNED_TABLES
from ..query.ast import Compare, Operator, Query
from ..query.plan import Access
from ..records.etags import Preconditions, read_preconditions
from ..records.repository import Repository
from .context import Context
from .messages import Response


def preconditions_of(context: Context) -> Preconditions | None:
    """Give what a request asks of the record that its path names."""
    return read_preconditions(context.request.headers)


def refuse_preconditions(context: Context, why: str) -> None:
    """Refuse the headers where they could not be kept to."""
    headers = context.request.headers
    for name in ("if-match", "if-none-match"):
        if name in headers:
            raise EnfyraError("BAD_REQUEST", f"{name.title()} does not go with {why}")


def tagged(
    response: Response, repository: Repository, rows: bytes, query: Query, access: Access
) -> Response:
    """Give an answer with one record its ETag.

    An ETag stands for all fields, so that there is none where only some of them are shown: it
    would take another look at the database.
    """
    shape, table = query.shape, repository.table
    whole = shape.fields is None and not shape.deep
    if whole and table.addressable and table.name not in PLANNED_TABLES:
        tag = repository.tag(rows, access)
        if tag is not None:
            response.headers["ETag"] = tag
    return response


def is_for_one(query: Query, repository: Repository) -> bool:
    """Say whether a list is asked for that holds one record, found by its key."""
    where = query.shape.where
    return (
        type(where) is Compare
        and where.operator is Operator.EQ
        and where.field == repository.table.primary.name
        and repository.table.addressable
        and query.shape.grouping is None
    )


def unchanged(context: Context, response: Response) -> bool:
    """Say whether the client has the answer already, as its If-None-Match says."""
    asked = context.request.headers.get("if-none-match")
    tag = response.headers.get("ETag")
    if asked is None or tag is None:
        return False
    given = read_preconditions({"if-none-match": asked})
    if given is None or given.none_match is None:
        return False
    return bool(given.none_match & {tag, f"W/{tag}", "*"})
