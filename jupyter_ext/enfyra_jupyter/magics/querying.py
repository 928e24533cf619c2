"""`%enfyra query` and `%%enfyra query`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping, MutableMapping
from keyword import iskeyword
from typing import Any

from enfyra_kernel.errors import did_you_mean
from enfyra_kernel.metadata.system.queries import SQL
from enfyra_kernel.query.placeholders import ParameterError, names_in, placed, refuse_unused
from IPython.core.error import UsageError

from .. import queries
from ..frames import ResultFrame
from ..parameters import plain
from ..sqlframes import SqlFrame
from ..yamls import NotYamlError, read_yaml
from . import saving
from .session import QUERY_KEYS, Session

_OBJECTS = ("filter", "deep", "aggregate")
_NAMES = ("sort", "fields", "dimensions")


def query(
    session: Session,
    given: Namespace,
    body: str | None,
    user: MutableMapping[str, Any],
    variables: Mapping[str, Any],
) -> ResultFrame:
    """Do `%enfyra query` and `%%enfyra sql`: the words of the line win over the cell.

    Args:
        user: Where variables of the notebook are made.
        variables: What can be referred to, variables of a function around it included.
    """
    _refuse_both(given)
    row = queries.found(session.client, given.saved) if given.saved is not None else None
    # The command `sql` has but one language.
    language = getattr(given, "lang", SQL)
    if SQL in {language, row["language"] if row is not None else language}:
        return _sql(session, given, body, user, variables, row)
    if given.parts:
        raise UsageError("--with is for SQL; --saved and a filter of your own find what meets both")
    values = values_of(given, variables)
    written = read_query(body) if body is not None else {}
    written |= {
        key: value for key in QUERY_KEYS if (value := getattr(given, key)) not in (None, [])
    }
    asked = _with_values(written, values, names_in(row["query"]) if row is not None else ())
    if row is not None:
        asked = saving.asked_by_name(row, asked, values)
    table = asked.pop("table", None)
    if not table:
        raise UsageError("Which table? Write %enfyra query TABLE")
    frame = session.query(str(table), asked)
    if given.save is not None:
        written.pop("table", None)
        frame.note = saving.save_filter(
            session, given.save, session.name_of(table), written, values
        )
    return kept(frame, given, user)


def _refuse_both(given: Namespace) -> None:
    if given.saved is not None and given.save is not None:
        raise UsageError("--saved asks what has a name, and --save gives one: take one of them")


def _with_values(
    written: Mapping[str, Any], values: Mapping[str, Any], theirs: Iterable[str]
) -> dict[str, Any]:
    """Give what a cell says, with values in the place of their names.

    Args:
        theirs: Names of the saved query that the cell goes by.
    """
    used = set(theirs)
    try:
        placed_ = {key: placed(written[key], values, used) for key in _OBJECTS if key in written}
        refuse_unused(values, used)
    except ParameterError as error:
        name = error.missing
        more = f" --param {name}=VALUE gives one; the text ':{name}' itself is written '::{name}'"
        raise UsageError(f"{error}{more if name is not None else ''}") from None
    return {**written, **placed_}


def _sql(
    session: Session,
    given: Namespace,
    body: str | None,
    user: MutableMapping[str, Any],
    variables: Mapping[str, Any],
    row: Mapping[str, Any] | None,
) -> ResultFrame:
    statement, saved = (body or "").strip(), {}
    if row is not None:
        if statement:
            raise UsageError(f"'{row['name']}' is a statement by itself; --with reads from it")
        if row["language"] != SQL:
            raise UsageError(f"'{row['name']}' is no SQL: %enfyra query --saved {row['name']}")
        statement, saved = row["sql"], row["parameters"] or {}
    if not statement:
        raise UsageError("Where is the statement? Write it below %%enfyra sql")
    for key in QUERY_KEYS:
        if key != "limit" and getattr(given, key, None) not in (None, []):
            name = f"--{key}" if key != "table" else f"'{given.table}'"
            raise UsageError(f"SQL says by itself what {name} would say")
    values = values_of(given, variables)
    frame = SqlFrame(
        session.client,
        statement,
        {**saved, **values},
        limit=given.limit or 0,
        parts=given.parts,
        shelf=lambda: session.shelf,
    )
    if given.save is not None:
        if given.parts:
            raise UsageError("What reads from saved queries cannot be saved itself")
        frame.note = saving.save_sql(session, given.save, statement, values)
    return kept(frame, given, user)


def kept(frame: ResultFrame, given: Namespace, user: MutableMapping[str, Any]) -> ResultFrame:
    """Put a result into the variable that is asked for, if one is."""
    if given.out is not None:
        user[given.out] = frame
    return frame


def values_of(given: Namespace, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values that a query is run with, by their names.

    Raises:
        UsageError: Naming what is no value, or is given twice.
    """
    if given.out is not None and (not given.out.isidentifier() or iskeyword(given.out)):
        raise UsageError(f"--out must be a variable's name, not '{given.out}'")
    values: dict[str, Any] = {}
    if given.params is not None:
        values = dict(_dictionary(given.params, variables))
    seen: set[str] = set()
    for name, value in given.param:
        if name in seen:
            raise UsageError(f"--param {name} is given twice")
        seen.add(name)
        values[name] = value
    for name, value in values.items():
        try:
            values[name] = plain(value)
        except ParameterError as error:
            raise UsageError(f"{name}: {error}") from None
    return values


def _dictionary(name: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    if name not in variables:
        known = [one for one, value in variables.items() if isinstance(value, Mapping)]
        raise UsageError(f"There is no variable '{name}'.{did_you_mean(name, known)}")
    found = variables[name]
    if not isinstance(found, Mapping) or not all(
        isinstance(one, str) and one.isidentifier() for one in found
    ):
        raise UsageError(f"--params takes a dictionary with names, which '{name}' is not")
    return found


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
