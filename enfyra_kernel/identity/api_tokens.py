"""API tokens: for programs, with scopes, until they expire or are revoked."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ..clock import Clock
from ..encoding import decode_json
from ..errors import EnfyraError
from ..metadata.tables import stored
from ..metadata.uuid7 import read_uuid
from ..query.ast import Compare, Operator, Query, Shape
from ..query.commands import Update, key_equals
from ..query.parse import parse
from ..query.plan import INTERNAL, Slot
from ..records.records import Records
from ..storage.replicated.reader import Reader, reading
from .callers import Caller
from .scopes import read_scopes
from .tokens import token_hash
from .users import USER_FIELDS, UserRow, caller_of
from .verified import Revocations, Revoked

API_TOKEN = "api_token_definition"  # noqa: S105 - a table's name
PREFIX = "efy_pat_"
PROVIDER = "api_token"
# Of one account.
MOST = 100
_NEW = "POST /me/tokens makes a new one"
_SHOWN = (
    "id", "name", "prefix", "last4", "scopes", "expiresAt", "lastUsedAt", "lastUsedIp", "createdAt",
)  # fmt: skip
_FIELDS = ("id", "expiresAt", "scopes", *(f"user.{name}" for name in USER_FIELDS))


class _Row(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    expires_at: datetime | None
    scopes: Sequence[str] | None
    user: UserRow


class Found(NamedTuple):
    """Whose an API token is, and until when."""

    caller: Caller
    expires: datetime | None


class ApiTokens:
    """Creates, lists, finds and revokes API tokens. Only their hashes are stored."""

    def __init__(self, records: Records, clock: Clock, revocations: Revocations) -> None:
        self._records = records
        self._clock = clock
        self._revocations = revocations
        # When and from where each was last used, until that is written.
        self._used: dict[str, tuple[datetime, str]] = {}
        self._writing = asyncio.Lock()

    # -- whose a token is -----------------------------------------------------------------------

    async def by_secret(self, token: str) -> Found:
        """Find the API token that somebody has sent.

        Raises:
            EnfyraError: INVALID_TOKEN, TOKEN_EXPIRED, ACCOUNT_DISABLED.
        """
        return await self._found("tokenHash", token_hash(token))

    async def by_id(self, id_: str) -> Found:
        """Find an API token that was exchanged; raises as `by_secret`."""
        return await self._found("id", id_)

    async def _found(self, field: str, value: str) -> Found:
        shape = Shape(where=Compare(field, Operator.EQ, 0), fields=_FIELDS)
        # A replica may not have heard yet that it was revoked.
        with reading(Reader(fresh=True)):
            page = await self._records.of(API_TOKEN).find(
                Query(shape=shape, values=(value,)), INTERNAL
            )
        rows = msgspec.json.decode(page.rows, type=list[_Row])
        if not rows:
            raise EnfyraError("INVALID_TOKEN", "There is no such API token", hint=_NEW)
        row = rows[0]
        if row.expires_at is not None and row.expires_at <= self._clock.now():
            raise EnfyraError("TOKEN_EXPIRED", "The API token has expired", hint=_NEW)
        row.user.refuse_disabled()
        caller = dataclasses.replace(
            caller_of(row.user, login_provider=PROVIDER),
            api_token=row.id,
            scopes=read_scopes(row.scopes),
        )
        return Found(caller, row.expires_at)

    # -- when it was used -----------------------------------------------------------------------

    def used(self, token: str, ip: str) -> None:
        """Note that a token was used; `write_used` stores it."""
        self._used[token] = (self._clock.now(), ip)

    async def write_used(self) -> int:
        """Store when tokens were last used; give how many."""
        # Whoever asks meanwhile gets his answer when all is stored.
        async with self._writing:
            used, self._used = self._used, {}
            try:
                await self._write(used)
            except BaseException:
                self._used = used | self._used
                raise
            return len(used)

    async def _write(self, used: Mapping[str, tuple[datetime, str]]) -> None:
        if not used:
            return
        table = self._records.of(API_TOKEN).table
        columns = tuple(stored(table.columns[name]) for name in ("lastUsedAt", "lastUsedIp"))
        update = Update(
            table, columns, where=key_equals(table),
            slots=(Slot(table.key.name, table.key.type, Operator.EQ, str),),
        )  # fmt: skip
        database = self._records.database
        write = database.update(update)
        for id_, (at, ip) in used.items():
            await database.write(write, (at, ip or None, id_))

    # -- one's own ------------------------------------------------------------------------------

    async def create(
        self, user: str, name: str, *, expires: datetime | None, scopes: list[str] | None
    ) -> dict[str, Any]:
        """Create an API token; what is given is the only place that holds it.

        Raises:
            EnfyraError: INVALID_BODY when there are too many.
        """
        if len(await self.of_user(user)) >= MOST:
            raise EnfyraError("INVALID_BODY", problems=[f"you have {MOST} API tokens already"])
        token = f"{PREFIX}{secrets.token_urlsafe(32)}"
        row = {
            "name": name,
            "tokenHash": token_hash(token),
            "prefix": token[: len(PREFIX) + 4],
            "last4": token[-4:],
            "scopes": scopes,
            "expiresAt": expires,
            "user": {"id": user},
        }
        shown = Query(shape=Shape(fields=_SHOWN))
        created = await self._records.of(API_TOKEN).create(row, shown, access=INTERNAL)
        return decode_json(created)[0] | {"token": token}

    async def of_user(self, user: str) -> list[dict[str, Any]]:
        """Give a user's API tokens, the latest first; those that have expired, too."""
        asked = parse(
            {
                "filter": {"user": {"id": user}},
                "fields": ",".join(_SHOWN),
                "sort": "-createdAt,id",
                "limit": MOST,
            }
        )
        return await self._records.of(API_TOKEN).rows(asked, INTERNAL)

    async def revoke(self, id_: str, user: str) -> bool:
        """Revoke a user's API token, for good and at once; say whether there was one."""
        token = read_uuid(id_)
        if token is None:
            return False
        asked = parse({"filter": {"id": token, "user": {"id": user}}})
        gone = (await self._records.of(API_TOKEN).delete_met(asked, INTERNAL)).count > 0
        if gone:
            await self._revocations.revoke(Revoked(tokens=(token,)))
        return gone
