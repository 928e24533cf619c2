"""What MongoDB is asked for a Plan, with placeholders for values, and its own plan of it."""

from __future__ import annotations

import json
from typing import Any, cast

from bson import json_util

from ...encoding import encode_json
from ...query.plan import Plan
from ..database import Explanation, Values
from .client import Client, Document
from .faults import explained
from .pipeline.aggregates import Beside
from .pipeline.pages import page, total

VALUE = "?"
_COMPARISONS = frozenset({"$eq", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$limit", "$skip"})


async def explain(
    client: Client, plan: Plan, values: Values, limit: int, offset: int
) -> Explanation:
    """Tell how a Plan is answered, without answering it."""
    collection = plan.table.definition.physical
    pipelines = [page(plan, values, limit, offset).pipeline]
    if plan.filter_count or plan.aggregates:
        pipelines.append(Beside(plan, values).pipeline)
    if plan.total_count:
        pipelines.append(total(plan, values))
    plans: list[Any] = []
    for pipeline in pipelines:
        command: Document = {"aggregate": collection, "pipeline": pipeline, "cursor": {}}
        with explained():
            found = await client.database.command("explain", command, verbosity="queryPlanner")
        plans.append(_plain(found))
    return Explanation([_text(collection, pipeline) for pipeline in pipelines], plans)


def _plain(found: Document) -> Any:
    kept = {key: value for key, value in found.items() if key in {"stages", "queryPlanner"}}
    return json.loads(json_util.dumps(kept))


def _text(collection: str, pipeline: list[Document]) -> str:
    return f"db.{collection}.aggregate({encode_json(masked(pipeline)).decode()})"


def masked(part: Any, *, in_expression: bool = False) -> Any:
    """Put a placeholder in the place of each value of the query.

    Example:
        >>> masked([{"$match": {"title": {"$eq": "Emma"}}}, {"$limit": 10}])
        [{'$match': {'title': {'$eq': '?'}}}, {'$limit': '?'}]
    """
    if isinstance(part, list):
        return [masked(one, in_expression=in_expression) for one in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    made: Document = {}
    for key, inner in cast("Document", part).items():
        # In an expression the operators of the same names take a list of expressions.
        compares = key in _COMPARISONS and not in_expression
        if key == "$literal" or (compares and inner is not None):
            made[key] = VALUE
        else:
            deeper = in_expression or key in {"$expr", "$set", "$group", "$project"}
            made[key] = masked(inner, in_expression=deeper)
    return made
