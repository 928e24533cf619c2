"""The rows of logins: created, found, prolonged, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ..metadata.tables import stored
from ..metadata.uuid7 import read_uuid
from ..query.ast import Compare, Operator, Query, Shape
from ..query.commands import Update
from ..query.parse import parse
from ..query.plan import INTERNAL, All, Comparison, Slot
from ..records.records import Records
from ..storage.replicated.reader import Reader, reading
from .users import USER_FIELDS, UserRow

SESSION = "session_definition"
# What a person sees of a login.
SHOWN = (
    "id", "createdAt", "refreshedAt", "expiredAt", "remember", "loginProvider", "ip", "userAgent",
)  # fmt: skip
_MOST_SHOWN = 100


class SessionRow(msgspec.Struct, frozen=True, rename="camel"):
    """A login, with its user.

    Attributes:
        refresh_token_hash: Of the refresh token that is good.
        previous_token_hash: Of the one before, which was used up at `refreshed_at`.
    """

    id: str
    remember: bool
    refresh_token_hash: str | None
    previous_token_hash: str | None
    refreshed_at: datetime | None
    expired_at: datetime | None
    login_provider: str | None
    user: UserRow


_FIELDS = (
    "id", "remember", "refreshTokenHash", "previousTokenHash", "refreshedAt", "expiredAt",
    "loginProvider", *(f"user.{name}" for name in USER_FIELDS),
)  # fmt: skip


class SessionRows:
    """Reads and writes the rows of logins. What it reads is never older than what was written."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def create(self, row: Mapping[str, Any]) -> None:
        """Store a login."""
        await self._records.of(SESSION).create(dict(row), access=INTERNAL)

    async def find(self, id_: str) -> SessionRow | None:
        """Give a login by its id; there is none for what can be no id."""
        if read_uuid(id_) is None:
            return None
        shape = Shape(where=Compare("id", Operator.EQ, 0), fields=_FIELDS)
        # A replica may not have heard yet that the login has ended.
        with reading(Reader(fresh=True)):
            page = await self._records.of(SESSION).find(Query(shape=shape, values=(id_,)), INTERNAL)
        rows = msgspec.json.decode(page.rows, type=list[SessionRow])
        return rows[0] if rows else None

    async def swap(
        self, id_: str, old: str, new: str, *, refreshed: datetime, expires: datetime
    ) -> bool:
        """Put another token's hash in place of one, in one step: of two who try, one succeeds."""
        table = self._records.of(SESSION).table
        columns = table.columns
        hash_column = stored(columns["refreshTokenHash"])
        changed = ("previousTokenHash", "refreshedAt", "expiredAt")
        update = Update(
            table,
            (hash_column, *(stored(columns[name]) for name in changed)),
            where=All(
                (
                    Comparison(table.key, Operator.EQ, 0),
                    Comparison(hash_column, Operator.EQ, 1),
                )
            ),
            slots=tuple(
                Slot(column.name, column.type, Operator.EQ, str)
                for column in (table.key, hash_column)
            ),
        )
        database = self._records.database
        values = (new, old, refreshed, expires, id_, old)
        count, _ = await database.write(database.update(update), values)
        return count == 1

    async def of_user(self, user: str, now: datetime) -> list[dict[str, Any]]:
        """Give a user's logins that have not ended, the latest first."""
        asked = parse(
            {
                "filter": {"user": {"id": user}, "expiredAt": {"_gt": now.isoformat()}},
                "fields": ",".join(SHOWN),
                "sort": "-createdAt,id",
                "limit": _MOST_SHOWN,
            }
        )
        return await self._records.of(SESSION).rows(asked, INTERNAL)

    async def delete(self, id_: str, *, user: str | None = None) -> bool:
        """End a login by its id; say whether there was one.

        Args:
            user: Whose it has to be.
        """
        asked: dict[str, Any] = {"id": id_}
        if user is not None:
            asked["user"] = {"id": user}
        return await self._delete(asked) > 0

    async def delete_of(self, user: str, *, but: str | None = None) -> int:
        """End a user's logins; give how many.

        Args:
            but: One that goes on.
        """
        asked: dict[str, Any] = {"user": {"id": user}}
        if but is not None:
            asked["id"] = {"_neq": but}
        return await self._delete(asked)

    async def prune(self, now: datetime) -> int:
        """Delete the logins that have run out; give how many."""
        where = {"expiredAt": {"_lt": now.isoformat()}}
        # Who only looks keeps nobody from writing.
        if not await self._records.of(SESSION).exists(parse({"filter": where}), INTERNAL):
            return 0
        return await self._delete(where)

    async def _delete(self, where: dict[str, Any]) -> int:
        asked = parse({"filter": where})
        return (await self._records.of(SESSION).delete_met(asked, INTERNAL)).count
