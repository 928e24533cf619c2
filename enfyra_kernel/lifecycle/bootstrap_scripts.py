"""Bootstrap scripts: what a cluster runs once when it comes up, and when one of them has changed.

Every instance tries to hold a lock whose name tells the scripts as they are. Who gets it runs them,
and keeps it for as long as he lives: the others, and those who come later, find it held. When a
script changes, the name does, too.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import msgspec

from ..background import end
from ..cluster.locks import LockStore
from ..encoding import encode_json
from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.snapshot import Snapshot
from ..query.parse import parse
from ..query.plan import INTERNAL
from ..records.records import Records
from ..scripts.script import Failure, Language, Script, ScriptRunner, Stage
from .context import Context
from .messages import Response, success
from .scripted.alone import context_of_nobody, run_alone
from .scripted.stages import Hosts
from .scripted.trace import described

_log = get_logger("bootstrap")

TABLE = "bootstrap_script_definition"
PATH = "/admin/bootstrap/run"
LOCK = "bootstrap-script-execution"
LEASE = 30.0
# Seconds to wait for those who run them already: beside the requests, and in one.
PATIENCE = 600.0
SHORT = 10.0
# Seconds after which it is tried again, where Redis or the database was away.
REST = 5.0
_FIELDS = "id,name,sourceCode,scriptLanguage,timeout,priority,updatedAt"


class _Row(msgspec.Struct, rename="camel"):
    id: Any
    name: str
    source_code: str | None
    script_language: str | None
    timeout: int | None
    priority: int
    updated_at: Any


class Report(msgspec.Struct, frozen=True):
    """How one script ran.

    Attributes:
        error: What went wrong, and in which line; None if nothing did.
    """

    name: str
    milliseconds: float
    logs: tuple[str, ...] = ()
    error: str | None = None


class BootstrapScripts:
    """Runs the rows of `bootstrap_script_definition` in the order of their priority.

    Args:
        runner: Runs scripts.
        hosts: Answers what they ask for; their repositories are trusted.
        snapshot: Gives the definitions of the moment.
        env: What the operator lets scripts know, as JSON.
        tell: Tells the other instances that rows have changed.
    """

    def __init__(
        self,
        records: Records,
        runner: ScriptRunner,
        hosts: Hosts,
        locks: LockStore,
        snapshot: Callable[[], Snapshot],
        env: bytes,
        tell: Callable[[], Awaitable[None]],
    ) -> None:
        self._records = records
        self._runner = runner
        self._hosts = hosts
        self._locks = locks
        self._snapshot = snapshot
        self._env = env
        self._tell = tell
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # What this instance has run, and the lock that it keeps since.
        self._mine: str | None = None
        self._kept = AsyncExitStack()

    # -- once for the cluster -------------------------------------------------------------------

    def start(self) -> None:
        """Run them beside the requests, unless another instance has."""
        self._task = asyncio.ensure_future(self._look_after())
        self._wake.set()

    async def stop(self) -> None:
        """End; a script that runs is broken off."""
        await end(self._task)
        await self._kept.aclose()
        self._mine = None

    async def changed(self) -> None:
        """Have them run after a row has changed, here or on another instance."""
        self._wake.set()
        await self._tell()

    async def changed_elsewhere(self, _: Any) -> None:
        """Have them run if the instance that changed a row does not."""
        self._wake.set()

    async def _look_after(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._once()
            except EnfyraError as error:
                _log.warning("bootstrap scripts wait", extra={"reason": error.message})
                await self._rest()
            except Exception:
                _log.exception("bootstrap scripts could not be run")
                await self._rest()

    async def _rest(self) -> None:
        """Wait before the next attempt, which comes sooner when a row changes."""
        self._mine = None
        await self._kept.aclose()
        with suppress(TimeoutError):
            async with asyncio.timeout(REST):
                await self._wake.wait()
        self._wake.set()

    async def _once(self) -> None:
        rows = await self._rows()
        mark = _mark(rows)
        if mark == self._mine:
            return
        await self._kept.aclose()
        self._kept, self._mine = AsyncExitStack(), None
        if not rows:
            return
        attempt = self._locks.attempt(f"bootstrap-scripts:{mark}", ttl=LEASE)
        if await self._kept.enter_async_context(attempt) is None:
            return
        self._mine = mark
        async with self._locks.hold(LOCK, ttl=LEASE, wait=PATIENCE):
            await self._run_all(rows)

    # -- running --------------------------------------------------------------------------------

    async def run(self, context: Context) -> Response:
        """Answer POST /admin/bootstrap/run: run all of them now, and say how it went.

        Raises:
            EnfyraError: LOCK_HELD when they are running already, and for longer.
        """
        if context.caller is None or not context.caller.is_root:
            raise EnfyraError("AUTHORIZATION_ERROR", "Bootstrap scripts are for administrators")
        async with self._locks.hold(LOCK, ttl=LEASE, wait=SHORT):
            return success(encode_json(await self._run_all(await self._rows())))

    async def _rows(self) -> list[_Row]:
        enabled = {"isEnabled": {"_eq": True}}
        asked = {"filter": enabled, "sort": "priority,id", "limit": 0, "fields": _FIELDS}
        page = await self._records.of(TABLE).find(parse(asked), INTERNAL)
        return msgspec.json.decode(page.rows, type=list[_Row])

    async def _run_all(self, rows: Sequence[_Row]) -> list[Report]:
        """Run scripts one after another; one that fails keeps none from running."""
        return [await self._run(row) for row in rows]

    async def _run(self, row: _Row) -> Report:
        began = time.perf_counter()
        name = f"bootstrap script '{row.name}'"
        logs: list[str] = []
        try:
            failure = await self._failure(name, row, logs)
            error = None if failure is None else described(failure)
        except EnfyraError as refused:
            error = refused.message
        took = round((time.perf_counter() - began) * 1000, 3)
        extra = {"script": row.name, "milliseconds": took}
        if error is None:
            _log.info("bootstrap script", extra=extra)
        else:
            _log.error("bootstrap script failed", extra={**extra, "reason": error})
        return Report(row.name, took, tuple(logs), error)

    async def _failure(self, name: str, row: _Row, logs: list[str]) -> Failure | None:
        script = Script(
            name=name,
            stage=Stage.HANDLER,
            language=Language(row.script_language or Language.PYTHON),
            source=row.source_code or "",
            timeout=row.timeout or 30_000,
        )
        host = self._hosts.open(context_of_nobody(PATH, self._snapshot()))
        outcome = await run_alone(self._runner, script, host, {"env": self._env})
        for ran in outcome.ran:
            logs += ran.logs
        return outcome.failure


def _mark(rows: Sequence[_Row]) -> str:
    """Give what tells these scripts, as they are, from all others."""
    return hashlib.sha256(encode_json(rows)).hexdigest()[:32]
