"""The workers of a server: which one runs what, and what happens when one has to go."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import EnfyraError
from ..logs import get_logger
from .calls import Batch, Call, SourceCheck
from .channel import (
    MAX_FROM_HOST,
    Cancel,
    ChannelError,
    Check,
    Checked,
    Done,
    Log,
    Next,
    Ready,
    Rpc,
    frame,
)  # fmt: skip
from .crew import Crew, Isolation, Worker
from .endings import aftermath, failed, unavailable
from .process import Packages
from .script import Failure, Host, Language, Outcome, Problem, Script

# The worker itself breaks off what is late; after that much more, in seconds, it is killed.
_GRACE = 0.25
_TICK = 0.05
_STARTING = 30.0
_QUEUED = 30.0
_ATTEMPTS = 3
_CHECK_TIMEOUT = 10_000
_ABANDONED = 1.0

_log = get_logger("scripts")


class WorkerPool:
    """Runs scripts in processes of their own; a [`ScriptRunner`][enfyra_kernel.scripts.script].

    Nothing is started until the first script is run or checked.

    Args:
        workers: How many processes run scripts.
        spare: How many more stand by to take the place of one that has to be killed.
        memory_mb: What the scripts of each may use of memory.
        isolation: Whether a process runs many calls, or one.
        idle: After so many seconds without a script the processes end; None for never.

    Example:
        >>> from enfyra_kernel.scripts.script import Script, Stage
        >>> async def main():
        ...     pool = WorkerPool(workers=1)
        ...     script = Script(name="handler", stage=Stage.HANDLER, source="return 6 * 7")
        ...     outcome = await pool.run([script], {}, host=None)
        ...     await pool.stop()
        ...     return outcome.result
        >>> asyncio.run(main())
        b'42'
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        spare: int = 1,
        memory_mb: int = 256,
        isolation: Isolation = Isolation.WARM,
        idle: float | None = None,
    ) -> None:
        self._crew = Crew(
            isolation=isolation, serving=workers, spare=spare, megabytes=memory_mb,
            heard=self._heard, lost=self._lost,
        )  # fmt: skip
        self._idle = idle
        self._used = 0.0
        self._queue: deque[Call] = deque()
        self._number = 0
        self._sweep_handle: asyncio.TimerHandle | None = None
        self._rest_handle: asyncio.TimerHandle | None = None
        self._fill_handle: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return [worker.process.pid for worker in self._crew.workers if worker.process.pid]

    @property
    def ready(self) -> int:
        """How many of them have begun to serve."""
        return sum(worker.ready for worker in self._crew.workers)

    @property
    def layers(self) -> Mapping[str, str]:
        """What each layer of the sandbox has got; empty until a worker is ready."""
        return self._crew.layers

    def _now(self) -> float:
        return self._loop.time() if self._loop is not None else 0.0

    async def start(self) -> None:
        """Do nothing: workers are started when there is something for them."""
        self._stopped = False

    async def stop(self) -> None:
        """End all workers; what is running fails as SCRIPT_UNAVAILABLE."""
        self._stopped = True
        for handle in (self._sweep_handle, self._rest_handle, self._fill_handle):
            if handle is not None:
                handle.cancel()
        self._sweep_handle = self._rest_handle = self._fill_handle = None
        workers = self._crew.workers
        calls = [*self._queue, *(call for one in workers for call in one.calls.values())]
        for worker in workers:
            worker.calls.clear()
        self._crew.end_all()
        self._queue.clear()
        rpcs = [task for call in calls for task in call.rpcs.values()]
        for call in calls:
            self._give_up(call, "the server is ending")
        await asyncio.gather(self._crew.ended(), *rpcs, return_exceptions=True)

    async def use_packages(self, folder: Path | None, modules: Mapping[str, Sequence[str]]) -> None:
        """Have scripts that begin from now on use other packages."""
        names = sorted({name for some in modules.values() for name in some})
        self._crew.packages = Packages("" if folder is None else str(folder), tuple(names))
        if not self._crew.workers:
            return
        for worker in self._crew.workers[:]:
            worker.worn = True
            if not worker.calls:
                self._crew.end(worker)
        self._pump()

    async def check(self, language: Language, source: str) -> list[Problem]:
        """Say what is wrong with a source, without running it.

        Raises:
            EnfyraError: SCRIPT_UNAVAILABLE when no worker can be had.
        """
        self._number += 1
        message = Check(self._number, language, source)
        answer = await self._answer(SourceCheck(self._number, message, _CHECK_TIMEOUT))
        if isinstance(answer, Failure):
            if answer.code == "SCRIPT_UNAVAILABLE":
                raise EnfyraError("SCRIPT_UNAVAILABLE", answer.problem.message)
            return [Problem(message="The source cannot be read: it is too large, or too involved")]
        return answer

    async def run(
        self, scripts: Sequence[Script], sections: Mapping[str, bytes], host: Host
    ) -> Outcome:
        """Run the scripts of one request, one after another; see `ScriptRunner`."""
        if not scripts:
            return Outcome(sections={})
        if sum(map(len, sections.values())) > MAX_FROM_HOST // 2:
            raise EnfyraError("PAYLOAD_TOO_LARGE", "The request is too large for scripts")
        self._number += 1
        batch = Batch(self._number, scripts, sections, host)
        answer = await self._answer(batch)
        if isinstance(answer, Outcome):
            return answer
        return await self._after_kill(batch, answer)

    async def _after_kill(self, batch: Batch, failure: Failure) -> Outcome:
        """Let the post-hooks run that the end of a worker has kept from running."""
        left = aftermath(batch, failure)
        if not left.posts or self._stopped:
            return Outcome(sections={}, failure=left.failure, ran=[left.ran])
        rest = await self.run(left.posts, left.sections, batch.host())
        return rest._replace(result=None, failure=left.failure, ran=[left.ran, *rest.ran])

    async def _answer(self, call: Call) -> Any:
        if self._stopped:
            return unavailable(call, "the server is ending")
        try:
            call.frame = frame(call.message())
        except UnicodeEncodeError:
            return failed(call, "SCRIPT_EXECUTION_ERROR", "The source holds half a character")
        self._loop = asyncio.get_running_loop()
        self._queue.append(call)
        self._used = self._now()
        call.deadline = self._used + _QUEUED
        self._pump()
        try:
            return await call.answer
        except asyncio.CancelledError:
            self._abandon(call)
            raise

    # -- workers ---------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Give what waits to workers that have room, and see that there are workers."""
        now = self._now()
        while self._queue:
            worker = self._crew.free(self._queue[0], now)
            if worker is None:
                break
            self._assign(worker, self._queue.popleft(), now)
        if not self._crew.full:
            self._keep_up()
        if self._sweep_handle is None and self._loop is not None:
            self._sweep_handle = self._loop.call_later(_TICK, self._sweep)

    def _assign(self, worker: Worker, call: Call, now: float) -> None:
        call.attempts += 1
        call.deadline = now + call.timeouts[0] / 1000 + _GRACE
        self._crew.take(worker, call, now)
        worker.process.send_frame(call.frame)

    def _keep_up(self) -> None:
        if self._stopped:
            return
        try:
            more = self._crew.fill(len(self._queue), self._now())
        except OSError as error:
            self._not_started(str(error))
            return
        if more and self._fill_handle is None and self._loop is not None:
            self._fill_handle = self._loop.call_soon(self._fill_up)

    def _fill_up(self) -> None:
        self._fill_handle = None
        self._keep_up()

    def _not_started(self, reason: str) -> None:
        _log.error("A script worker did not start: %s", reason)
        if self._crew.hopeless:
            while self._queue:
                self._give_up(self._queue.popleft(), f"no worker can be started: {reason}")
            self._crew.try_again()  # with the next script

    # -- what workers say ------------------------------------------------------------------------

    def _heard(self, worker: Worker, message: Any) -> None:
        """Take a message of a worker.

        Raises:
            ChannelError: It may not say that now.
        """
        worker.silent_since = None
        if isinstance(message, Ready):
            self._is_ready(worker, message)
            return
        call = worker.calls.get(message.call)
        if call is None:
            raise ChannelError("something about a call that it does not have")
        match message:
            case Done() if isinstance(call, Batch):
                outcome = call.outcome(message)
                worker.worn = worker.worn or message.worn
                self._finish(worker, call, outcome)
            case Checked() if isinstance(call, SourceCheck):
                problems = [
                    Problem(message=one.message, line=one.line, column=one.column, text=one.text,
                            hint=one.hint)
                    for one in message.problems
                ]  # fmt: skip
                self._finish(worker, call, problems)
            case Rpc():
                call.ask(message, worker.process.send)
            case Next():
                call.next(message)
                call.deadline = self._now() + call.timeouts[message.index] / 1000 + _GRACE
            case Log():
                call.logged(message)
            case _:
                raise ChannelError("something that goes with no call of that kind")

    def _is_ready(self, worker: Worker, message: Ready) -> None:
        if worker.ready:
            raise ChannelError("that it is ready, twice")
        if message.problem:
            raise ChannelError(f"that it cannot keep scripts in: {message.problem}")
        if not self.layers:
            listed = "; ".join(f"{name}: {got}" for name, got in message.layers.items())
            _log.info("The sandbox of scripts on %s has %s", sys.platform, listed)
        self._crew.is_ready(worker, message.layers)
        self._pump()

    def _finish(self, worker: Worker, call: Call, answer: Any) -> None:
        del worker.calls[call.number]
        worker.alone = False
        call.end()
        if not call.answer.done():
            call.answer.set_result(answer)
        if worker.worn and not worker.calls:
            self._crew.end(worker)
        if self._queue or worker.worn:
            self._pump()

    def _lost(self, worker: Worker, reason: str) -> None:
        """A worker has ended, or has said what it may not say."""
        if worker not in self._crew.workers:
            return
        if not worker.ready:
            self._crew.has_not_started(worker)
            self._not_started(reason)
        else:
            _log.warning("A script worker was lost with %d calls: %s", len(worker.calls), reason)
            self._replace(worker, reason, alone=True)
            self._crew.renew()
        self._pump()

    def _replace(self, worker: Worker, reason: str, *, alone: bool) -> None:
        """End a worker; its calls are run again elsewhere if they have not done anything yet."""
        calls = list(worker.calls.values())
        worker.calls.clear()
        culprit = calls[0] if worker.alone and calls else None
        self._crew.end(worker)
        for call in calls:
            if call is culprit and alone:
                message = f"The process that ran the script has come to an end: {reason}"
                self._fail(call, "SCRIPT_EXECUTION_ERROR", message)
            elif call.asked or call.index or call.attempts >= _ATTEMPTS or call.abandoned:
                self._give_up(call, f"the process that ran it has come to an end: {reason}")
            else:
                call.alone = call.alone or alone
                call.deadline = self._now() + _QUEUED
                self._queue.appendleft(call)

    # -- time ------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        now = self._now()
        busy = bool(self._queue)
        for worker in self._crew.workers[:]:
            if not worker.ready and now - worker.started > _STARTING:
                self._lost(worker, "it did not start in time")
                continue
            late = [call for call in worker.calls.values() if now >= call.deadline]
            if late:
                for call in late:
                    del worker.calls[call.number]
                    self._fail(
                        call, "SCRIPT_TIMEOUT_ERROR",
                        f"It took longer than {call.timeouts[call.index]} ms",
                    )  # fmt: skip
                worker.alone = False
                self._replace(worker, "another script took too long", alone=False)
            busy = busy or bool(worker.calls) or not worker.ready
        for call in [one for one in self._queue if now >= one.deadline]:
            self._queue.remove(call)
            self._give_up(call, "all workers are busy")
        self._sweep_handle = None
        self._keep_up()
        if busy or self._queue:
            self._pump()
        else:
            self._rest(now)

    def _rest(self, now: float) -> None:
        """End the processes when nobody has had use for them in a long time, or look again."""
        if self._rest_handle is not None:
            self._rest_handle.cancel()
            self._rest_handle = None
        if self._idle is None or self._loop is None or self._stopped:
            return
        left = self._used + self._idle - now
        if left > 0:
            self._rest_handle = self._loop.call_later(left, lambda: self._rest(self._now()))
        elif self._sweep_handle is None:  # otherwise something runs, however long ago it began
            self._crew.end_all()

    def _abandon(self, call: Call) -> None:
        """Break off a call that nobody waits for any more."""
        call.abandoned = True
        call.end()
        if call in self._queue:
            self._queue.remove(call)
            return
        for worker in self._crew.workers:
            if call.number in worker.calls:
                call.deadline = min(call.deadline, self._now() + _ABANDONED)
                worker.process.send(Cancel(call.number))

    def _give_up(self, call: Call, reason: str) -> None:
        call.end()
        if not call.answer.done():
            call.answer.set_result(unavailable(call, reason))

    def _fail(self, call: Call, code: str, message: str) -> None:
        call.end()
        if not call.answer.done():
            call.answer.set_result(failed(call, code, message))
