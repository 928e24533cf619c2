"""A pool of workers that run scripts; started when the first script is there."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ..encoding import encode_json
from ..errors import EnfyraError
from ..logs import get_logger
from .frames import Abandon, Begun, Check, Checked, Done, Ready, Reply, Request, Run, Source
from .process import NO_PACKAGES, Packages, WorkerProcess
from .script import Failure, Host, Language, Outcome, Problem, Ran, Script, Stage

_log = get_logger("scripts")

DEFAULT_WORKERS = 2
DEFAULT_MEMORY = 512 << 20
# Seconds that a worker has beyond a script's own time, to say so itself.
GRACE = 0.25
# Seconds for a source to be looked at, and for a worker to begin.
CHECK_TIMEOUT = 5.0
START_TIMEOUT = 30.0
# Requests that the scripts of one call may make, and how often a call is begun anew.
MOST_REQUESTS = 10_000
ATTEMPTS = 2
# A worker that has said something within so many seconds gets up to so many calls at once.
PROMPT = 0.002
TOGETHER = 16
_SOURCES = 2_000
NULL = b"null"


@dataclass(slots=True, eq=False)
class _Call:
    """What a worker is asked for.

    Attributes:
        asked: How often scripts have asked for something; then it cannot be begun anew.
        index: Which of the scripts runs.
    """

    number: int
    answer: asyncio.Future[Any]
    host: Host | None = None
    scripts: Sequence[Script] = ()
    asked: int = 0
    index: int = 0
    timer: asyncio.TimerHandle | None = None
    requests: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])


class _WorkerLost(Exception):
    """The worker of a call has ended.

    Attributes:
        late: Whether it was killed because of this very call.
    """

    def __init__(self, *, late: bool) -> None:
        super().__init__(late)
        self.late = late


class WorkerPool:
    """Runs scripts in processes of their own.

    Nothing is started until the first script runs or is checked. A worker that runs out of time is
    killed and replaced; what else it ran is begun anew elsewhere, if it has asked for nothing yet.

    Args:
        workers: How many processes there are.
        memory: Bytes of address space that each may have.
    """

    def __init__(self, workers: int = DEFAULT_WORKERS, memory: int = DEFAULT_MEMORY) -> None:
        self._size = workers
        self._memory = memory
        self._packages = NO_PACKAGES
        self._workers: dict[WorkerProcess, dict[int, _Call]] = {}
        # Workers that do what they have begun, and nothing more.
        self._retired: set[WorkerProcess] = set()
        self._waits: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._layers: Ready | None = None
        self._stopped = False

    @property
    def layers(self) -> Ready | None:
        """What keeps the workers in; None before the first has begun."""
        return self._layers

    @property
    def pids(self) -> list[int]:
        """The numbers of the processes."""
        return [worker.pid for worker in self._workers]

    async def start(self) -> None:
        """Get ready: the first script starts the workers."""
        self._stopped = False

    async def stop(self) -> None:
        """End all workers; what is running is broken off."""
        self._stopped = True
        for worker in tuple(self._workers):
            worker.end()
        while self._waits:
            await asyncio.wait(tuple(self._waits))

    async def use_packages(self, folder: Path | None, modules: Mapping[str, Sequence[str]]) -> None:
        """Have scripts that begin from now on use other packages."""
        names = sorted({name for some in modules.values() for name in some})
        self._packages = Packages(folder, tuple(names))
        for worker in tuple(self._workers):
            self._retired.add(worker)
            self._end_if_done(worker)

    def _end_if_done(self, worker: WorkerProcess) -> None:
        if worker in self._retired and not self._workers.get(worker):
            worker.end()

    # -- workers --------------------------------------------------------------------------------

    def _add(self) -> WorkerProcess:
        worker = WorkerProcess(self._memory, self._heard, self._gone, self._packages)
        self._workers[worker] = {}
        worker.ready.add_done_callback(lambda done: self._is_ready(worker, done))
        return worker

    def _is_ready(self, worker: WorkerProcess, done: asyncio.Future[Ready]) -> None:
        if done.cancelled():
            return
        needed = done.result().missing.get("needed")
        if needed is not None:
            _log.error("scripts cannot be run safely here", extra={"missing": needed})
        elif self._layers is None:
            extra = {"layers": list(done.result().layers), "missing": dict(done.result().missing)}
            _log.info("scripts are shut in", extra=extra)
        self._layers = done.result()

    def _gone(self, worker: WorkerProcess) -> None:
        self._retired.discard(worker)
        calls = self._workers.pop(worker, {})
        wait = asyncio.ensure_future(worker.wait())
        self._waits.add(wait)
        wait.add_done_callback(self._waits.discard)
        for call in calls.values():
            self._let_go(call)
            if not call.answer.done():
                call.answer.set_exception(_WorkerLost(late=False))
        if calls and not self._stopped:
            self._add()

    async def _worker(self) -> WorkerProcess:
        """Give a worker: one that is awake and prompt, or else the one with the least to do.

        Waking another process costs more than a small script does.
        """
        if self._stopped:
            raise EnfyraError("SCRIPT_UNAVAILABLE", "The server is stopping")
        while len(self._workers) - len(self._retired) < self._size:
            self._add()
        ready = [
            one
            for one in self._workers
            if one.ready.done() and not one.ready.cancelled() and one not in self._retired
        ]
        if not ready:
            ready = [await self._first_ready()]
        now = asyncio.get_running_loop().time()
        for worker in ready:
            busy = len(self._workers[worker])
            if busy == 0 or (busy < TOGETHER and now - worker.heard < PROMPT):
                return worker
        return min(ready, key=lambda one: len(self._workers[one]))

    async def _first_ready(self) -> WorkerProcess:
        waiting = {worker.ready: worker for worker in self._workers if worker not in self._retired}
        done, _ = await asyncio.wait(
            waiting, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
        )
        for future in done:
            worker = waiting[future]
            if not future.cancelled() and not worker.ended:
                needed = future.result().missing.get("needed")
                if needed is None:
                    return worker
                raise EnfyraError(
                    "SCRIPT_UNAVAILABLE", f"Scripts cannot be run safely on this machine: {needed}"
                )
        raise EnfyraError("SCRIPT_UNAVAILABLE", "No worker for scripts could be started")

    # -- calls ----------------------------------------------------------------------------------

    async def check(self, language: Language, source: str) -> list[Problem]:
        """Say what is wrong with a source, without running it."""
        worker = await self._worker()
        call = self._begin(worker, CHECK_TIMEOUT)
        worker.send(Check(call.number, language, source))
        try:
            return list(await call.answer)
        except _WorkerLost:
            return [Problem(message="The source is more than can be read in time")]
        finally:
            self._finish(worker, call)

    async def run(
        self, scripts: Sequence[Script], sections: Mapping[str, bytes], host: Host
    ) -> Outcome:
        """Run the scripts of one request, one after another; see `ScriptRunner`."""
        for attempt in itertools.count(1):
            worker = await self._worker()
            call = self._begin(worker, scripts[0].timeout / 1000 + GRACE, host, scripts)
            worker.send(Run(call.number, _sources(worker, scripts), dict(sections)))
            try:
                return await call.answer
            except _WorkerLost as lost:
                if not lost.late and not call.asked and attempt < ATTEMPTS:
                    continue
                failed = _lost(call, lost, again=attempt >= ATTEMPTS)
                return await self._after(failed, call, scripts, sections, host)
            finally:
                self._finish(worker, call)
        raise AssertionError

    async def _after(
        self,
        failed: Outcome,
        call: _Call,
        scripts: Sequence[Script],
        sections: Mapping[str, bytes],
        host: Host,
    ) -> Outcome:
        """Run the post-hooks that a worker did not get to."""
        left = [one for one in scripts[call.index + 1 :] if one.stage is Stage.POST]
        failure = failed.failure
        if not left or failure is None:
            return failed
        error = {
            "message": failure.problem.message,
            "name": failure.code,
            "code": failure.code,
            "statusCode": 504,
            "details": None,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        outcome = await self.run(
            left, {**sections, "data": NULL, "error": encode_json(error)}, host
        )
        return replace(failed, sections=outcome.sections, ran=(*failed.ran, *outcome.ran))

    def _begin(
        self,
        worker: WorkerProcess,
        seconds: float,
        host: Host | None = None,
        scripts: Sequence[Script] = (),
    ) -> _Call:
        loop = asyncio.get_running_loop()
        call = _Call(next(self._numbers), loop.create_future(), host, scripts)
        self._workers[worker][call.number] = call
        call.timer = loop.call_later(seconds, self._too_late, worker, call)
        return call

    def _finish(self, worker: WorkerProcess, call: _Call) -> None:
        """Let go of a call; if nobody waits for it any more, it is broken off."""
        self._let_go(call)
        calls = self._workers.get(worker, {})
        unanswered = not call.answer.done() or call.answer.cancelled()
        if calls.pop(call.number, None) is not None and unanswered:
            worker.send(Abandon(call.number))
        self._end_if_done(worker)

    def _let_go(self, call: _Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
        for request in tuple(call.requests):
            request.cancel()

    def _too_late(self, worker: WorkerProcess, call: _Call) -> None:
        """End a worker whose script does not end by itself."""
        _log.warning("a script has run out of time", extra={"pid": worker.pid})
        if not call.answer.done():
            call.answer.set_exception(_WorkerLost(late=True))
        worker.end()

    # -- what workers say -----------------------------------------------------------------------

    def _heard(self, worker: WorkerProcess, frame: Begun | Request | Done | Checked) -> None:
        worker.heard = asyncio.get_running_loop().time()
        call = self._workers.get(worker, {}).get(frame.call)
        if call is None or call.answer.done():
            return
        match frame:
            case Done():
                call.answer.set_result(frame.outcome)
            case Checked():
                call.answer.set_result(frame.problems)
            case Begun():
                self._next(worker, call, frame.index)
            case Request():
                self._requested(worker, call, frame)

    def _next(self, worker: WorkerProcess, call: _Call, index: int) -> None:
        """Begin the time of the next script of a call."""
        if not call.index < index < len(call.scripts):
            worker.end()
            return
        call.index = index
        if call.timer is not None:
            call.timer.cancel()
        seconds = call.scripts[index].timeout / 1000 + GRACE
        call.timer = asyncio.get_running_loop().call_later(seconds, self._too_late, worker, call)

    def _requested(self, worker: WorkerProcess, call: _Call, frame: Request) -> None:
        call.asked += 1
        if call.asked > MOST_REQUESTS or call.host is None:
            worker.end()
            return
        task = asyncio.ensure_future(_answered(worker, call.host, frame))
        call.requests.add(task)
        task.add_done_callback(call.requests.discard)


async def _answered(worker: WorkerProcess, host: Host, frame: Request) -> None:
    try:
        value = await host.call(frame.name, frame.arguments)
    except EnfyraError as error:
        message = "; ".join(error.problems) if error.problems else error.message
        refused: dict[str, Any] = {
            "code": error.code,
            "message": message,
            "status": error.status,
            "details": _plain(error.details),
        }
        worker.send(Reply(frame.call, frame.number, refused=refused))
    except Exception:
        _log.exception("a request of a script failed", extra={"request": frame.name})
        refused = {"code": "INTERNAL_SERVER_ERROR", "message": "That went wrong", "status": 500}
        worker.send(Reply(frame.call, frame.number, refused=refused))
    else:
        worker.send(Reply(frame.call, frame.number, value))


def _plain(details: Any) -> Any:
    return msgspec.to_builtins(details, enc_hook=str)


def _sources(worker: WorkerProcess, scripts: Sequence[Script]) -> list[Source]:
    """Give the scripts as the worker needs them: with their sources at the first time."""
    found: list[Source] = []
    for one in scripts:
        known = one.digest in worker.known
        if not known:
            worker.known[one.digest] = None
            if len(worker.known) > _SOURCES:
                del worker.known[next(iter(worker.known))]
        source = None if known else one.source
        found.append(Source(one.name, one.stage, one.language, one.timeout, one.digest, source))
    return found


def _lost(call: _Call, lost: _WorkerLost, *, again: bool) -> Outcome:
    """Give the outcome of a call whose worker has ended."""
    script = call.scripts[call.index]
    if lost.late:
        code, message = "SCRIPT_TIMEOUT_ERROR", f"It took longer than {script.timeout} ms"
    elif again:
        code = "SCRIPT_EXECUTION_ERROR"
        message = "It ended its process: it needs more memory than it may have, or did worse"
    else:
        code, message = "SCRIPT_UNAVAILABLE", "Its process was ended by another script"
    failure = Failure(code=code, script=script.name, problem=Problem(message=message))
    ran = Ran(script=script.name, stage=script.stage, milliseconds=0.0, failure=failure)
    return Outcome(sections={}, failure=failure, ran=(ran,))
