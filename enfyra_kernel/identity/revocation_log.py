"""What has been revoked of late, in the database: for processes that hear of it no other way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from ..clock import Clock
from ..encoding import decode_json
from ..errors import EnfyraError
from ..logs import get_logger
from ..query.parse import parse
from ..query.plan import INTERNAL
from ..records.records import Records
from ..storage.replicated.reader import Reader, reading
from .verified import EVERYBODY, Revoked

REVOCATION = "revocation_definition"
_KEPT_FOR = timedelta(hours=1)
# So many numbers are waited for: whoever has got one may not have committed yet. Then there has
# been no row with it, as when something came in between.
_WAITED_FOR = 100

_log = get_logger("identity")


class RevocationLog:
    """Writes down what is revoked here, and reads what others have written down.

    Rows are numbered in the order in which they are begun, and seen in the order in which they are
    committed: gaps are looked at again.
    """

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        # All rows up to the first are known, and beyond it the others.
        self._known = 0
        self._beyond: set[int] = set()
        self._looked = clock.now()
        self._unwritten: list[Revoked] = []

    async def note(self, revoked: Revoked) -> None:
        """Write down what has been revoked; where that fails, the next look tries once more."""
        self._unwritten.append(revoked)
        await self._write()

    async def _write(self) -> None:
        while self._unwritten:
            revoked = self._unwritten.pop(0)
            row = {"revoked": msgspec.to_builtins(revoked)}
            try:
                created = await self._records.of(REVOCATION).create(row, access=INTERNAL)
            except BaseException as error:
                self._unwritten.insert(0, revoked)
                if not isinstance(error, EnfyraError):
                    raise
                _log.warning("a revocation could not be stored yet", extra={"code": error.code})
                return
            self._see(decode_json(created)[0]["id"])

    async def news(self) -> list[Revoked]:
        """Give what others have revoked since the last look."""
        await self._write()
        now = self._clock.now()
        asked = {"filter": {"id": {"_gt": self._known}}, "fields": "id,revoked", "sort": "id",
                 "limit": 0}  # fmt: skip
        # A replica may not have heard of it yet.
        with reading(Reader(fresh=True)):
            rows = await self._records.of(REVOCATION).rows(parse(asked), INTERNAL)
        found = [_read(row["revoked"]) for row in rows if row["id"] not in self._beyond]
        for row in rows:
            self._see(row["id"])
        if abs(now - self._looked) > _KEPT_FOR / 2:
            # This process was held up so long that rows may have come and gone.
            found = [EVERYBODY]
        self._looked = now
        return found

    def _see(self, number: int) -> None:
        if number <= self._known:
            return
        self._beyond.add(number)
        self._known = max(self._known, max(self._beyond) - _WAITED_FOR)
        while self._known + 1 in self._beyond:
            self._known += 1
        self._beyond = {one for one in self._beyond if one > self._known}

    async def prune(self) -> None:
        """Delete what everybody has read; the last row stays, so that no number comes twice."""
        before = (self._clock.now() - _KEPT_FOR).isoformat()
        where = {"id": {"_lt": self._known}, "createdAt": {"_lt": before}}
        asked = parse({"filter": where})
        # Who only looks keeps nobody from writing.
        if await self._records.of(REVOCATION).exists(asked, INTERNAL):
            await self._records.of(REVOCATION).delete_met(asked, INTERNAL)


def _read(stored: Any) -> Revoked:
    try:
        return msgspec.convert(stored, Revoked)
    except msgspec.ValidationError:
        # Another version's words: whoever it is about is among everybody.
        return EVERYBODY
