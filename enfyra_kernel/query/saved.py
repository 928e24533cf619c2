"""What a saved query and a request that names it come to together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..errors import EnfyraError
from ..metadata.queries import SavedQueries, SavedQuery
from .names import structured
from .placeholders import ParameterError, names_in, placed, refuse_unused

SAVED, PARAMETERS = "saved", "parameters"
# What a saved query may ask for.
KEYS = (
    "filter", "sort", "fields", "deep", "aggregate", "dimensions", "measures", "limit",
)  # fmt: skip
# What says the same as something of a saved query, in other words.
_SAME = {"select": "fields", "direction": "sort"}


def in_full(
    given: Mapping[str, Any], queries: SavedQueries, table: int | None
) -> Mapping[str, Any]:
    """Give parameters without the name of a saved query: what it asks for is written out.

    Args:
        queries: Those that there are.
        table: Whose records are asked for.

    Raises:
        EnfyraError: INVALID_QUERY for a name that there is not, and as `expanded`.
    """
    if SAVED not in given:
        return given
    return expanded(queries.of_table(str(given[SAVED]), table), given)


def expanded(saved: SavedQuery, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parameters of a query in the place of the name of a saved one.

    What is given beside the name wins, but for a filter: records have to meet both.

    Raises:
        EnfyraError: INVALID_VALUE for a name without a value, and a value without a name;
            INVALID_QUERY.

    Example:
        >>> from enfyra_kernel.metadata.queries import SavedQuery
        >>> late = SavedQuery(
        ...     id=1, name="late", query={"filter": {"delay": {"_gt": ":least"}}, "sort": "-delay"}
        ... )
        >>> expanded(late, {"parameters": {"least": 30}, "limit": "5"})
        {'filter': {'delay': {'_gt': 30}}, 'sort': '-delay', 'limit': '5'}
    """
    asked = filled(saved, values_of(given.get(PARAMETERS)))
    rest = {name: one for name, one in given.items() if name not in {SAVED, PARAMETERS}}
    for name, same in _SAME.items():
        if name in rest:
            asked.pop(same, None)
    own, more = asked.get("filter"), structured("filter", rest.get("filter"))
    asked |= rest
    if own and more:
        asked["filter"] = {"_and": [own, more]}
    elif own:
        asked["filter"] = own
    return asked


def filled(saved: SavedQuery, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a saved query asks for, with values in the place of their names.

    Raises:
        EnfyraError: INVALID_VALUE for a name without a value, and a value without a name.
    """
    query = saved.query or {}
    try:
        refuse_unused(values, set(names_in(query)))
        return placed(query, {**(saved.parameters or {}), **values}, set())
    except ParameterError as error:
        raise EnfyraError("INVALID_VALUE", f"{saved.name}: {error}") from None


def values_of(given: Any) -> Mapping[str, Any]:
    """Read the values that a request gives.

    Raises:
        EnfyraError: INVALID_QUERY if they are no object.

    Example:
        >>> values_of('{"least": 5}'), values_of(None)
        ({'least': 5}, {})
    """
    values = structured(PARAMETERS, given)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise EnfyraError(
            "INVALID_QUERY",
            'parameters must be an object, such as {"least": 5}',
            details={"parameter": PARAMETERS},
        )
    return cast("dict[str, Any]", values)
