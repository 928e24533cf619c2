"""The records of a table that one may be chosen from, found by what is typed, page by page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from enfyra_kernel.errors import did_you_mean
from enfyra_kernel.metadata.types import TEXTS
from IPython.core.error import UsageError

from ..client import ApiError, Client
from ..profiles.bars import said
from ..schema import TableInfo
from . import cells
from .columns import KINDS, Column

# Records that are given at once.
PAGE = 20
# So many are looked through for a text anywhere in them without being asked to: no index helps.
_FEW = 100_000
_NAMES = ("name", "title", "label", "fullname", "displayname", "subject", "email", "username")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_LARGEST = {"int": 2**31 - 1, "bigint": 2**63 - 1}
_SURROGATES = range(0xD800, 0xE000)


class Candidates:
    """The records of a table, each with its key and the text that people know it by.

    Args:
        label: The column with that text; the likely one without it.
        where: What all of them meet.

    Raises:
        UsageError: There is no such column, or it is no text.

    Example:
        >>> Candidates(client, author).search("an")["rows"]  # doctest: +SKIP
        [{'key': '1', 'label': 'Ann'}]
    """

    def __init__(
        self,
        client: Client,
        table: TableInfo,
        *,
        label: str | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._table = table
        self._where = where
        self._total: int | None = None
        self.key = table.key
        self.label = label_of(table) if label is None else _known(table, label)
        self._key_type = str(table.columns[self.key]["type"])

    def search(self, text: str, after: str | None = None) -> dict[str, Any]:
        """Give a page of records that begin with a text, or have the key that it is.

        Where there are few of them, those that have it anywhere come behind; where the table is
        large, only if that is asked for, since it takes the database a while.

        Args:
            after: What the page before has given as `next`, or `wide`.

        Returns:
            `rows`; `next`, what gives the next page, or None; `wide`, what looks for the text
            anywhere; and how many records the table has, as `total`.
        """
        text = text.strip()
        place = json.loads(after) if after else {"wide": False, "cursor": ""}
        found = self._page(text, **place)
        if place["wide"] or not text or self.label is None or found["next"]:
            return found
        if self._counted() > _FEW:
            return found | {"wide": _place(wide=True)}
        more = self._page(text, wide=True, cursor="")
        return more | {"rows": found["rows"] + more["rows"]}

    def _page(self, text: str, *, wide: bool, cursor: str) -> dict[str, Any]:
        asked = self._asked(text, wide=wide)
        empty = {"rows": [], "next": None, "wide": None, "total": self._total}
        if text and not asked:
            return empty
        conditions = [dict(self._where)] if self._where else []
        conditions += [asked] if asked else []
        fields = [self.key, *([self.label] if self.label else [])]
        query: dict[str, Any] = {
            "fields": fields, "sort": list(dict.fromkeys(reversed(fields))), "limit": PAGE,
            "cursor": cursor,
        }  # fmt: skip
        if conditions:
            query["filter"] = {"_and": conditions}
        if self._total is None:
            query["meta"] = "totalCount"
        answer = self._client.get(self._table.path, **query)
        self._total = answer["meta"].get("totalCount", self._total)
        following = answer["meta"].get("cursor")
        rows = [self._row(one) for one in answer["data"]]
        place = _place(wide=wide, cursor=following) if following else None
        return empty | {"rows": rows, "next": place, "total": self._total}

    def _counted(self) -> int:
        if self._total is None:
            asked = self._client.get(self._table.path, limit=1, fields=self.key, meta="totalCount")
            self._total = int(asked["meta"]["totalCount"])
        return self._total

    def _asked(self, text: str, *, wide: bool) -> dict[str, Any]:
        if not text:
            return {}
        begins = _beginning(self.label, text) if self.label is not None else []
        key = key_in(self._key_type, text)
        if key is not None:
            begins.append({self.key: {"_eq": key}})
        elif self._key_type == "varchar":
            begins += _beginning(self.key, text)
        if not wide:
            return {"_or": begins} if begins else {}
        # Those that begin with it are there already.
        return {"_and": [{self.label: {"_contains": text}}, {"_not": {"_or": begins}}]}

    def record(self, key: str) -> dict[str, Any]:
        """Give a record by its key, whole.

        Raises:
            ApiError: RESOURCE_NOT_FOUND.
        """
        column = Column(self.key, KINDS.get(self._key_type, "text"))
        wanted = {self.key: {"_eq": cells.read(column, key)}}
        rows = self._client.get(self._table.path, filter=wanted, limit=1)["data"]
        if not rows:
            gone = f"{self._table.name} has no record {key} any more"
            raise ApiError("RESOURCE_NOT_FOUND", gone, hint="Choose another one", status=404)
        return dict(rows[0])

    def named(self, record: Mapping[str, Any]) -> dict[str, str]:
        """Give a record's key and text."""
        return self._row(record)

    def _row(self, record: Mapping[str, Any]) -> dict[str, str]:
        value = record.get(self.label) if self.label is not None else None
        return {"key": str(record[self.key]), "label": "" if value is None else said(value)}


def label_of(table: TableInfo) -> str | None:
    """Give the column that people are likely to know a table's records by; None if there is none.

    Example:
        >>> text = {"type": "varchar", "isSystem": False}
        >>> columns = [{"name": "code", **text}, {"name": "full_name", **text}]
        >>> facts = {"columns": columns, "relations": [], "primary": "id", "uniques": []}
        >>> label_of(TableInfo(facts))
        'full_name'
    """
    texts = [name for name in table.columns if _is_text(table, name) and name != table.key]
    plain = {name.lower().replace("_", ""): name for name in reversed(texts)}
    for wanted in _NAMES:
        if wanted in plain:
            return plain[wanted]
    ending = [name for name in texts if name.lower().endswith(("name", "title"))]
    alone = {group[0] for group in table.facts.get("uniques", ()) if len(group) == 1}
    unique = [name for name in texts if name in alone]
    short = [name for name in texts if table.columns[name]["type"] == "varchar"]
    return next(iter([*ending, *unique, *short, *texts]), None)


def _is_text(table: TableInfo, name: str) -> bool:
    column = table.columns[name]
    return column["type"] in TEXTS and not column.get("isEncrypted")


def _known(table: TableInfo, name: str) -> str:
    if name not in table.columns:
        raise UsageError(
            f"'{table.name}' has no column '{name}'.{did_you_mean(name, table.columns)}"
        )
    if not _is_text(table, name):
        kind = "encrypted" if table.columns[name].get("isEncrypted") else "no text"
        raise UsageError(f"'{table.name}.{name}' is {kind}, so that nobody can search in it")
    return name


def _place(*, wide: bool, cursor: str = "") -> str:
    return json.dumps({"wide": wide, "cursor": cursor})


def _beginning(name: str, text: str) -> list[dict[str, Any]]:
    """Say that a column begins with a text, so that an index of it helps.

    The operator `_starts_with` ignores case and accents, for which no index is of use.
    """
    cases = (text, text.lower(), text.upper(), text.title(), text[:1].upper() + text[1:])
    return [{name: {"_gte": one, "_lt": next_text(one)}} for one in dict.fromkeys(cases)]


def next_text(text: str) -> str:
    """Give the first text behind all that begin with one.

    Example:
        >>> next_text("ann"), next_text("a" + chr(0x10FFFF))
        ('ano', 'b')
    """
    last = ord(text[-1]) + 1
    if last in _SURROGATES:
        last = _SURROGATES.stop
    if last <= 0x10FFFF:
        return text[:-1] + chr(last)
    # Nothing is behind a text of the greatest characters alone.
    return next_text(text[:-1]) if len(text) > 1 else text * 2


def key_in(type_: str, text: str) -> Any:
    """Give the key that a text is; None if it can be none.

    Example:
        >>> key_in("int", "17"), key_in("int", "ann"), key_in("int", "99999999999")
        (17, None, None)
    """
    if type_ in _LARGEST:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
        return number if number is not None and number <= _LARGEST[type_] else None
    pattern = {"uuid": _UUID, "ObjectId": _OBJECT_ID}.get(type_)
    return text if pattern is not None and pattern.fullmatch(text) else None
