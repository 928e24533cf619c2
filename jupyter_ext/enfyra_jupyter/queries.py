"""Saved queries: what the server keeps under names, to be asked, listed and shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from enfyra_kernel.errors import did_you_mean
from enfyra_kernel.metadata.queries import SavedQuery
from enfyra_kernel.metadata.system.queries import SQL

from .client import ApiError, Client
from .peeking import Peek

PATH = "/query_definition"
_CHECK = "/admin/query/check"
_FIELDS = "*,table.name,savedBy.email"
_SILENT = frozenset({403, 404})


class SavedName(NamedTuple):
    """What completion knows of a saved query.

    Attributes:
        table: The name of its table; empty for SQL.
    """

    language: str
    table: str


class QueryNames(Peek[Mapping[str, SavedName]]):
    """Holds the names of saved queries, and what each is of."""

    def __init__(self, client: Client, *, lifetime: float = 5.0) -> None:
        super().__init__(client, {}, lifetime=lifetime)

    def _ask(self) -> Mapping[str, SavedName]:
        fields = "name,language,table.name"
        rows = self._client.get(PATH, fields=fields, sort="name", limit=0)["data"]
        return {
            row["name"]: SavedName(row["language"], (row["table"] or {}).get("name", ""))
            for row in rows
        }


def listed(client: Client) -> Sequence[Mapping[str, Any]]:
    """Give all saved queries, with the name of the table of each, and of who saved it."""
    return client.get(PATH, fields=_FIELDS, sort="name", limit=0)["data"]


def problems(client: Client) -> Mapping[str, str]:
    """Give why saved queries do not fit the definitions any more, by their names.

    Whoever may not know, or asks a server that does not know, is told nothing.
    """
    try:
        return {one["name"]: one["problem"] for one in client.get(_CHECK)["data"]}
    except ApiError as error:
        if error.status in _SILENT:
            return {}
        raise


def found(client: Client, name: str) -> Mapping[str, Any]:
    """Give a saved query as it is.

    Raises:
        ApiError: INVALID_QUERY if there is none, with the nearest name; what the server says.
    """
    row = _row(client, name)
    if row is None:
        names = [one["name"] for one in listed(client)]
        raise ApiError(
            "INVALID_QUERY",
            f"There is no saved query '{name}'.{did_you_mean(name, names)}",
            hint="%enfyra queries lists them",
        )
    return row


def _row(client: Client, name: str) -> Mapping[str, Any] | None:
    rows = client.get(PATH, filter={"name": {"_eq": name}}, fields=_FIELDS)["data"]
    return rows[0] if rows else None


def saved(client: Client, body: Mapping[str, Any]) -> str:
    """Save a query, or what has become of it; say what was done.

    Raises:
        ApiError: INVALID_BODY if the name is that of another table's query, or of a colleague's.
    """
    name = body["name"]
    row = _row(client, name)
    if row is None:
        client.post(PATH, body)
        return f"saved as {name}"
    before = {key: row.get(key) for key in body} | {"table": (row.get("table") or {}).get("name")}
    if all(before[key] == value for key, value in body.items()):
        return f"{name} is as it was saved"
    _refuse_others(client, row, body)
    client.patch(f"{PATH}/{row['id']}", {key: one for key, one in body.items() if key != "name"})
    return f"{name} was changed"


def _refuse_others(client: Client, row: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Refuse to put a query in the place of one that is somebody else's, or about something else.

    Two cells that save different queries under one name are a mistake; the first would be gone.
    """
    about = _about(row)
    by = row.get("savedBy") or {}
    mine = not by or by["id"] == client.get("/me", fields="id")["data"][0]["id"]
    wanted = body["table"] or "SQL"
    if mine and about == wanted:
        return
    who = "" if mine else f", saved by {by.get('email') or 'somebody else'}"
    raise ApiError(
        "INVALID_BODY",
        f"'{row['name']}' is a query of {about}{who}",
        hint=f"Take another name, or delete that one: %enfyra queries {row['name']} --delete",
    )


def deleted(client: Client, row: Mapping[str, Any]) -> None:
    """Delete a saved query."""
    client.send("DELETE", f"{PATH}/{row['id']}")


def _about(row: Mapping[str, Any]) -> str:
    return "SQL" if row["language"] == SQL else row["table"]["name"]


def summary(row: Mapping[str, Any]) -> list[Any]:
    """Give what a list says of a saved query: what about, its values, what for, who, when."""
    values = ", ".join(f"{name} = {_json(one)}" for name, one in (row["parameters"] or {}).items())
    by = (row.get("savedBy") or {}).get("email") or ""
    when = str(row["updatedAt"])[:16].replace("T", " ")
    return [row["name"], _about(row), values, row["description"] or "", by, when]


def cell_of(row: Mapping[str, Any]) -> str:
    """Give the cell that saves the same.

    Example:
        >>> print(cell_of({
        ...     "name": "late", "language": "filter", "table": {"name": "flight"}, "sql": None,
        ...     "query": {"sort": "-delay", "filter": {"delay": {"_gt": ":least"}}},
        ...     "parameters": {"least": 30},
        ... }))
        %%enfyra query flight --save late --param 'least=30'
        sort: "-delay"
        filter: {"delay": {"_gt": ":least"}}
    """
    values = "".join(
        f" --param '{name}={_json(one)}'" for name, one in (row["parameters"] or {}).items()
    )
    if row["language"] == SQL:
        return f"%%enfyra sql --save {row['name']}{values}\n{row['sql']}"
    query = [f"{name}: {_json(one)}" for name, one in (row["query"] or {}).items()]
    head = f"%%enfyra query {row['table']['name']} --save {row['name']}{values}"
    return "\n".join([head, *query])


def as_saved(row: Mapping[str, Any]) -> SavedQuery:
    """Give a saved query as the server has it."""
    return SavedQuery(
        id=row["id"],
        name=row["name"],
        language=row["language"],
        query=row["query"],
        sql=row["sql"],
        parameters=row["parameters"],
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
