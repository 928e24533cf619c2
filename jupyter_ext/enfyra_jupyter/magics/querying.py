"""`%enfyra query` and `%%enfyra query`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, MutableMapping
from typing import Any

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from ..frames import ResultFrame
from ..yamls import NotYamlError, read_yaml
from .session import QUERY_KEYS, Session

_OBJECTS = ("filter", "deep", "aggregate")
_NAMES = ("sort", "fields", "dimensions")


def query(
    session: Session, given: Namespace, body: str | None, namespace: MutableMapping[str, Any]
) -> ResultFrame:
    """Do `%enfyra query`: the words of the line win over the cell."""
    if given.out is not None and not given.out.isidentifier():
        raise UsageError(f"--out must be a variable's name, not '{given.out}'")
    asked = read_query(body) if body is not None else {}
    asked |= {key: value for key in QUERY_KEYS if (value := getattr(given, key)) not in (None, [])}
    table = asked.pop("table", None)
    if not table:
        raise UsageError("Which table? Write %enfyra query TABLE")
    frame = session.query(str(table), asked)
    if given.out is not None:
        namespace[given.out] = frame
    return frame


def read_query(body: str) -> dict[str, Any]:
    """Read the cell of a query.

    Raises:
        UsageError: Naming what it does not know.

    Example:
        >>> read_query("table: post\\nsort: -views\\nfilter: {views: {_gt: 5}}")
        {'table': 'post', 'sort': '-views', 'filter': {'views': {'_gt': 5}}}
    """
    try:
        source = read_yaml(body)
    except NotYamlError as error:
        raise UsageError(f"The cell is neither YAML nor JSON. {error}") from None
    if source is None:
        return {}
    if not isinstance(source, Mapping):
        raise UsageError(f"The cell must hold {', '.join(QUERY_KEYS)}")
    for key, value in source.items():
        if key not in QUERY_KEYS:
            raise UsageError(f"A query has no '{key}'.{did_you_mean(str(key), QUERY_KEYS)}")
        _check(key, value)
    return {key: value for key, value in source.items() if value is not None}


def _check(key: str, value: Any) -> None:
    if value is None:
        return
    if key in _OBJECTS and not isinstance(value, Mapping):
        raise UsageError(f"{key} must be an object")
    if key in _NAMES and not _lists_names(value):
        raise UsageError(f"{key} must list fields")
    if key == "measures" and not (isinstance(value, Mapping) or _lists_names(value)):
        raise UsageError("measures must list figures, as in count, sum(views)")
    if key == "limit" and (type(value) is not int or value < 0):
        raise UsageError(f"limit must be a whole number, not {value!r}")


def _lists_names(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(one, str) for one in value)
    )
