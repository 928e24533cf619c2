"""Steps that get a process of their own on a worker of Dask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from ....background import end
from ....errors import EnfyraError
from ....logs import get_logger
from ..executors import SCHEDULER
from ..scene import Scene
from ..talk import Logins, Talk
from . import worker as remote
from .cluster import Cluster, Clusters, Place

_log = get_logger("flows")

# Seconds without a question after which a worker takes whoever runs the flow to be gone.
SILENCE = 15.0


class DaskProcesses:
    """Runs steps in processes on the workers of a cluster.

    Args:
        scheduler: Where Dask is, unless a step says so itself.
        address: Gives where the API is served; None where nobody knows.
        env: What the operator lets scripts know of the environment.

    Attributes:
        logins: Lets steps in that ask for it.
    """

    logins: Logins

    def __init__(
        self,
        scheduler: str | None,
        address: Callable[[], str | None],
        env: Mapping[str, str],
    ) -> None:
        self._scheduler = scheduler
        self._address = address
        self._env = dict(env)
        self._clusters = Clusters()
        self.silence = SILENCE

    async def run(self, scene: Scene, task: Mapping[str, Any]) -> Any:
        """Do a task; give its result.

        Raises:
            EnfyraError: SCRIPT_EXECUTION_ERROR when it has failed, or its process has ended;
                EXECUTOR_UNAVAILABLE when Dask, or the worker, has gone.
        """
        cluster = await self._cluster(scene)
        place = await cluster.place(
            self.silence,
            lambda: scene.log("info", "The step waits for a free worker of Dask"),
        )
        talk = Talk(self.logins, scene)
        wire = _Wire(cluster, place, self._env, talk)
        try:
            return await talk.to_the_end(wire, {**task, "url": self._address()})
        finally:
            try:
                await wire.end(gently=talk.over)
            finally:
                await talk.close()
                place.future.release()

    async def _cluster(self, scene: Scene) -> Cluster:
        address = scene.config.get(SCHEDULER) or self._scheduler
        if address is None:
            raise EnfyraError(
                "EXECUTOR_UNAVAILABLE",
                "Nobody has said where Dask's scheduler is",
                hint="Set ENFYRA_DASK_SCHEDULER where this flow runs",
            )
        return await self._clusters.connected(str(address))

    async def close(self) -> None:
        """Let go of the clusters."""
        await self._clusters.close()


class _Wire:
    """The way to a process on a worker; see `Wire`."""

    def __init__(self, cluster: Cluster, place: Place, env: Mapping[str, str], talk: Talk) -> None:
        self._cluster = cluster
        self._place = place
        self._env = env
        self._talk = talk
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._words = "The worker knows nothing of the step any more"
        self._problem: EnfyraError | None = None
        self._listener: asyncio.Task[None] | None = None

    async def send(self, message: bytes) -> None:
        """Tell it something; the first thing is what it is to do."""
        if self._listener is not None:
            await self._cluster.ask(self._place, remote.SAY, message=message)
            return
        await self._cluster.ask(self._place, remote.BEGIN, env=self._env, task=message)
        # Beside the talk: as long as somebody asks, the worker knows that the flow goes on.
        self._listener = asyncio.ensure_future(self._listen())

    async def received(self) -> bytes | None:
        """Wait for what it says next; None when it says nothing any more."""
        message = await self._messages.get()
        if message is None and self._problem is not None:
            raise self._problem
        return message

    async def last_words(self) -> str:
        """Say what has become of it."""
        return self._words

    async def _listen(self) -> None:
        try:
            known = True
            while known:
                answer = await self._cluster.ask(self._place, remote.HEAR)
                await self._take(answer["news"])
                known = answer["known"]
        except EnfyraError as error:
            self._problem = error
        self._messages.put_nowait(None)

    async def _take(self, news: Any) -> None:
        for kind, body in news:
            match kind:
                case remote.LINE:
                    await self._talk.line(body.decode(errors="replace"))
                case remote.WORDS:
                    self._words = body.decode()
                    self._messages.put_nowait(None)
                case _:
                    self._messages.put_nowait(body)

    async def end(self, *, gently: bool) -> None:
        """Wait until the process has ended, by itself or because it is told to."""
        try:
            if self._problem is None:
                answer = await self._cluster.ask(self._place, remote.END, gently=gently)
                if self._listener is not None:
                    # It hears what was said before, and that this was the end.
                    await asyncio.wait([self._listener], timeout=remote.WAIT)
                await self._take(answer["news"])
        except EnfyraError as error:
            # The worker sees by itself that nobody asks any more.
            _log.warning("a step on Dask was not ended", extra={"reason": error.message})
        finally:
            await end(self._listener)
