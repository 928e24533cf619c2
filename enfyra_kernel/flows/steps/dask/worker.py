"""What runs on Dask's workers: a task that holds a place, with the step's process beside it.

The task itself is told nothing but a name. What the step is, what it knows and what it says are
messages between its process and whoever runs the flow; they pass through the scheduler, and
neither that nor the worker keeps them. A task of Dask cannot be stopped, but a process can: it ends
when the flow says so, and when nothing has been heard of the flow for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol, cast

from ....version import VERSION
from ..processes import StepProcess

# Workers say under this topic which steps have got a place.
TOPIC = "enfyra-steps"
# What workers are asked for.
BEGIN, SAY, HEAR, END = (
    "enfyra_step_begin", "enfyra_step_say", "enfyra_step_hear", "enfyra_step_end",
)  # fmt: skip
# Seconds that one question after news waits for some.
WAIT = 2.0
# Bytes that wait to be heard before the process has to wait, too.
_MOST_WAITING = 1 << 20
LINE, MESSAGE, WORDS = "line", "message", "words"

News = tuple[str, bytes]


class Worker(Protocol):
    """What is used of a worker of Dask."""

    address: str
    handlers: dict[str, Any]
    extensions: dict[str, Any]

    def log_event(self, topic: str, msg: Any) -> None:
        """Tell those who have subscribed to a topic."""
        ...


async def hold(step: str, silence: float) -> None:
    """Hold a place for a step until it is over. This is the task.

    Args:
        silence: Seconds without a question after which the flow is taken to be gone.
    """
    from distributed import get_worker

    worker = cast("Worker", get_worker())
    steps = worker.extensions.get(TOPIC)
    if steps is None:
        steps = worker.extensions[TOPIC] = Steps(worker)
    await steps.hold(step, silence)


class Steps:
    """The steps that have a place on a worker, and the answers to questions after them."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._held: dict[str, _Held] = {}
        worker.handlers.update({BEGIN: self.begin, SAY: self.say, HEAR: self.hear, END: self.end})

    async def hold(self, step: str, silence: float) -> None:
        """Hold a place for a step until it is over."""
        held = self._held[step] = _Held(silence)
        place = {"step": step, "worker": self._worker.address, "version": VERSION}
        self._worker.log_event(TOPIC, place)
        try:
            await held.run()
        finally:
            del self._held[step]
            held.gone.set()

    # The answers are plain data, and are no errors: Dask writes arguments of those into its log.

    async def begin(self, step: str, env: Mapping[str, str], task: bytes) -> dict[str, Any]:
        """Start a step's process, and tell it what to do."""
        held = self._held.get(step)
        if held is not None:
            held.begin(env, task)
        return {"known": held is not None}

    async def say(self, step: str, message: bytes) -> dict[str, Any]:
        """Tell a step's process something."""
        held = self._held.get(step)
        if held is not None:
            await held.say(message)
        return {"known": held is not None}

    async def hear(self, step: str) -> dict[str, Any]:
        """Give what a step's process has said since, and wait a little until it says something."""
        held = self._held.get(step)
        return {"known": held is not None, "news": [] if held is None else await held.hear()}

    async def end(self, step: str, gently: bool) -> dict[str, Any]:
        """End a step; give what its process has said at last.

        Args:
            gently: It has given its result, and ends by itself.
        """
        held = self._held.get(step)
        if held is None:
            return {"known": False, "news": []}
        held.stop(gently=gently)
        await held.gone.wait()
        return {"known": True, "news": held.news()}

    async def close(self) -> None:
        """End all steps: the worker does."""
        for step in list(self._held):
            await self.end(step, gently=False)


class _Held:
    """A step that has a place here."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._task: asyncio.Future[tuple[Mapping[str, str], bytes]] = asyncio.Future()
        self._process: StepProcess | None = None
        self._news: list[News] = []
        self._waiting = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._heard = time.monotonic()
        self._over = asyncio.Event()
        self._gently = False
        self.gone = asyncio.Event()

    # -- what is asked ----------------------------------------------------------------------------

    def begin(self, env: Mapping[str, str], task: bytes) -> None:
        """Have the process started."""
        self._heard = time.monotonic()
        if not self._task.done():
            self._task.set_result((env, task))

    async def say(self, message: bytes) -> None:
        """Tell the process something."""
        if self._process is not None:
            await self._process.send(message)

    async def hear(self) -> list[News]:
        """Wait a little for news; give them."""
        self._heard = time.monotonic()
        if not self._news and not self._over.is_set():
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    await self._changed.wait()
        self._heard = time.monotonic()
        return self.news()

    def news(self) -> list[News]:
        """Give what nobody has heard yet."""
        news, self._news, self._waiting = self._news, [], 0
        self._room.set()
        return news

    def stop(self, *, gently: bool) -> None:
        """Have the step end."""
        self._gently = gently
        self._over.set()
        self._changed.set()
        self._room.set()

    # -- the step ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the process until somebody says that it is over, or nobody asks any more."""
        begun = asyncio.ensure_future(self._until_over(self._task))
        await begun
        if not self._task.done():
            return
        env, task = self._task.result()
        process = self._process = await StepProcess.start(env, self._line)
        listener = asyncio.ensure_future(self._listen(process))
        try:
            await process.send(task)
            await self._until_over()
        finally:
            # Whoever is asked to wait for room now would wait for good.
            self.stop(gently=self._gently)
            await process.end(gently=self._gently)
            listener.cancel()

    async def _until_over(self, other: asyncio.Future[Any] | None = None) -> None:
        """Wait for the end, or for something else."""
        over = asyncio.ensure_future(self._over.wait())
        waited: set[asyncio.Future[Any]] = {over} if other is None else {over, other}
        try:
            while (left := self._heard + self._silence - time.monotonic()) > 0:
                done, _ = await asyncio.wait(
                    waited, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    return
        finally:
            over.cancel()

    async def _listen(self, process: StepProcess) -> None:
        while (message := await process.received()) is not None:
            await self._put(MESSAGE, message)
        await self._put(WORDS, (await process.last_words()).encode())

    async def _line(self, text: str) -> None:
        await self._put(LINE, text.encode(errors="replace"))

    async def _put(self, kind: str, body: bytes) -> None:
        while self._waiting > _MOST_WAITING and not self._over.is_set():
            self._room.clear()
            await self._room.wait()
        self._news.append((kind, body))
        self._waiting += len(body)
        self._changed.set()
