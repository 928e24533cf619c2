"""Requests that are done once, however often they are sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..clock import Clock
from ..encoding import decode_json
from ..errors import EnfyraError
from ..query.ast import Query
from ..query.parse import parse
from ..query.plan import INTERNAL
from ..storage.database import Session
from .records import Records
from .refusals import Refusal, together
from .repository import Repository

TABLE = "idempotency_key_definition"
MAX_ANSWER = 4 << 20


class Answer(NamedTuple):
    """What was answered, or is to be answered again.

    Attributes:
        replayed: Whether nothing was done this time.
    """

    status: int
    body: bytes
    etag: str | None = None
    replayed: bool = False


class _Taken(Exception):
    """Another instance was faster."""


class Idempotency:
    """Keeps the first answer under the key that came with the request.

    The answer is written in the transaction of the work itself: after a crash there is both or
    neither. Whoever sends the same key meanwhile is told so, or waits for the database.

    Args:
        hours: How long answers are kept.
    """

    def __init__(self, records: Records, clock: Clock, *, hours: float) -> None:
        self._records = records
        self._clock = clock
        self._kept_for = timedelta(hours=hours)
        self._running: set[tuple[str, str]] = set()

    async def once(
        self,
        caller: str,
        key: str,
        request: str,
        sees: str,
        work: Callable[[Session], Awaitable[Answer]],
    ) -> Answer:
        """Do some work, unless it has been done: then give the answer of that time.

        Args:
            caller: Whose key it is.
            request: A hash of the request.
            sees: What tells whether the caller may still see what he might when it was done.
            work: What to do, in the transaction that it is given.

        Raises:
            EnfyraError: IDEMPOTENCY_MISMATCH if the key was used for another request,
                IDEMPOTENCY_IN_PROGRESS if the first one is still running, AUTHORIZATION_ERROR if
                the caller may see something else by now.
        """
        token = (caller, key)
        if token in self._running:
            raise EnfyraError("IDEMPOTENCY_IN_PROGRESS")
        self._running.add(token)
        try:
            kept = await self._kept(caller, key)
            if kept is None:
                try:
                    claim = {"caller": caller, "key": key, "requestHash": request, "sees": sees}
                    return await self._do(claim, work)
                except _Taken:
                    kept = await self._kept(caller, key)
            if kept is None:
                raise EnfyraError("IDEMPOTENCY_IN_PROGRESS")
            return _replayed(kept, request, sees)
        finally:
            self._running.discard(token)

    async def _do(
        self, claim: dict[str, Any], work: Callable[[Session], Awaitable[Answer]]
    ) -> Answer:
        async with together(self._records.database) as session:
            id_ = await self._claim(claim, session)
            answer = await work(session)
            if len(answer.body) > MAX_ANSWER:
                raise EnfyraError(
                    "BAD_REQUEST",
                    f"The answer has more than {MAX_ANSWER >> 20} MB, which are too many to keep "
                    "for an Idempotency-Key; nothing was done",
                    hint="Ask for less of it, such as ?fields=id",
                )
            kept = {
                "status": answer.status,
                "answer": answer.body.decode(),
                "etag": answer.etag,
            }
            await self._repository.update(id_, kept, access=INTERNAL, session=session)
        return answer

    async def _claim(self, claim: dict[str, Any], session: Session) -> Any:
        try:
            rows = await self._repository.create(claim, access=INTERNAL, session=session)
        except Refusal as refusal:
            if refusal.violation.kind == "unique":
                raise _Taken from refusal
            raise
        return decode_json(rows)[0]["id"]

    @property
    def _repository(self) -> Repository:
        return self._records.of(TABLE)

    async def _kept(self, caller: str, key: str) -> dict[str, Any] | None:
        asked = parse({"filter": {"caller": caller, "key": key}, "limit": 1})
        rows = await self._repository.rows(asked, INTERNAL)
        if not rows:
            return None
        if datetime.fromisoformat(rows[0]["createdAt"]) < self._oldest():
            await self._forget(parse({"filter": {"id": rows[0]["id"]}}))
            return None
        return rows[0]

    async def prune(self) -> int:
        """Forget the answers that were kept long enough; give how many."""
        return await self._forget(
            parse({"filter": {"createdAt": {"_lt": self._oldest().isoformat()}}})
        )

    async def _forget(self, query: Query) -> int:
        return (await self._repository.delete_met(query, INTERNAL)).count

    def _oldest(self) -> datetime:
        return self._clock.now() - self._kept_for


def _replayed(kept: dict[str, Any], request: str, sees: str) -> Answer:
    if kept["requestHash"] != request:
        raise EnfyraError("IDEMPOTENCY_MISMATCH")
    if kept["status"] is None:
        raise EnfyraError("IDEMPOTENCY_IN_PROGRESS")
    if kept["sees"] != sees:
        raise EnfyraError(
            "AUTHORIZATION_ERROR",
            "What this request asks for was done when it was first sent; what you may see has "
            "changed since, so that its answer is not given again",
            hint="Read the records",
        )
    return Answer(kept["status"], kept["answer"].encode(), kept["etag"], replayed=True)
