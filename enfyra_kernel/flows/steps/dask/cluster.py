"""A cluster of Dask, as whoever runs flows is connected to it."""

from __future__ import annotations

import asyncio
import importlib
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, cast

from ....background import end
from ....errors import EnfyraError
from ....logs import get_logger
from ....version import VERSION
from ..executors import EXTRA
from . import worker as remote

_log = get_logger("flows")

# Seconds to reach the scheduler in, and to have any question answered by a worker.
CONNECT = 5.0
ANSWER = 30.0
# Seconds without a place after which the run's log says what it waits for.
_PATIENCE = 3.0
UNAVAILABLE = "EXECUTOR_UNAVAILABLE"


class Place(NamedTuple):
    """A place for a step on one of the workers."""

    step: str
    worker: str
    # Dask's; it is there as long as somebody holds on to it.
    future: Any


class _Scheduler(Protocol):
    """What the scheduler is asked for."""

    async def proxy(self, *, worker: str, msg: Any) -> Any: ...
    async def ncores(self, *, workers: list[str]) -> Any: ...


class _Client(Protocol):
    """What is used of Dask's client; its own types are known in parts only."""

    status: str
    scheduler: _Scheduler

    def submit(self, function: Any, *arguments: Any, **options: Any) -> Any: ...
    def subscribe_topic(self, topic: str, handler: Callable[[Any], None]) -> None: ...
    async def close(self, timeout: float) -> None: ...


class Cluster:
    """A connection to a scheduler.

    Attributes:
        address: The scheduler's.
    """

    def __init__(self, client: _Client, address: str) -> None:
        self._client = client
        self.address = address
        # Steps are known by it: workers tell all who are connected.
        self._sign = uuid.uuid4().hex
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    async def connect(cls, address: str) -> Cluster:
        """Connect to a scheduler.

        Raises:
            EnfyraError: EXECUTOR_UNAVAILABLE.
        """
        try:
            # On a thread: it takes a second.
            distributed = await asyncio.to_thread(importlib.import_module, "distributed")
        except ImportError:
            raise EnfyraError(
                UNAVAILABLE, "Dask is not installed where this flow runs", hint=EXTRA
            ) from None
        try:
            client = await distributed.Client(
                address, asynchronous=True, set_as_default=False, timeout=CONNECT
            )
        except (OSError, TimeoutError, ValueError, ImportError) as error:
            raise EnfyraError(
                UNAVAILABLE,
                f"Dask's scheduler at {address} cannot be reached: {_first_line(error)}",
                hint="See that it runs, and that ENFYRA_DASK_SCHEDULER names it",
            ) from None
        return cls(cast("_Client", client), address)

    @property
    def is_open(self) -> bool:
        """Whether it is connected, as far as is known."""
        return self._client.status == "running"

    async def close(self) -> None:
        """Let go of it."""
        for task in list(self._tasks):
            await end(task)
        with suppress(OSError, TimeoutError):
            await self._client.close(timeout=2.0)

    # -- places ---------------------------------------------------------------------------------

    async def place(self, silence: float, waits: Callable[[], None]) -> Place:
        """Wait for a place on one of the workers.

        Args:
            silence: Seconds without a question after which a worker gives the step up.
            waits: Called when it takes longer.

        Raises:
            EnfyraError: EXECUTOR_UNAVAILABLE.
        """
        step = f"{self._sign}-{uuid.uuid4().hex}"
        asked = self._asked[step] = asyncio.get_running_loop().create_future()
        # Each time: a scheduler that was started again has forgotten it.
        self._client.subscribe_topic(remote.TOPIC, self._told)
        future = self._client.submit(
            remote.hold, step, silence, key=f"enfyra-step-{step}", pure=False, retries=0
        )
        given_up = asyncio.ensure_future(_given_up(future))
        try:
            done: set[asyncio.Future[Any]] = set()
            wanted: set[asyncio.Future[Any]] = {asked, given_up}
            for patience in (_PATIENCE, None):
                done, _ = await asyncio.wait(
                    wanted, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    break
                waits()
            if asked not in done:
                raise EnfyraError(UNAVAILABLE, f"Dask has not begun the step: {await given_up}")
            told = asked.result()
            if told["version"] != VERSION:
                raise EnfyraError(
                    UNAVAILABLE,
                    f"The Dask worker {told['worker']} has version {told['version']} of Enfyra "
                    f"Kernel; the flow runs with {VERSION}",
                    hint="Install the same version there",
                )
            return Place(step, told["worker"], future)
        except BaseException:
            future.release()
            if asked.done():
                self._refuse(Place(step, asked.result()["worker"], None))
            raise
        finally:
            del self._asked[step]
            await end(given_up)

    def _told(self, event: tuple[float, dict[str, Any]]) -> None:
        told = event[1]
        step = str(told["step"])
        asked = self._asked.get(step)
        if asked is not None and not asked.done():
            asked.set_result(told)
        elif step.startswith(self._sign):
            # Nobody waits for it any more; or Dask begins it again, whose worker has gone.
            self._refuse(Place(step, told["worker"], None))

    def _refuse(self, place: Place) -> None:
        """Let a worker know that nobody needs its place."""
        task = asyncio.ensure_future(self._let_go(place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_go(self, place: Place) -> None:
        with suppress(EnfyraError):
            await self.ask(place, remote.END, gently=False)

    # -- questions ------------------------------------------------------------------------------

    async def ask(self, place: Place, what: str, **facts: Any) -> dict[str, Any]:
        """Ask a worker for something, by the scheduler.

        Raises:
            EnfyraError: EXECUTOR_UNAVAILABLE.
        """
        message = {"op": what, "step": place.step, **facts}
        try:
            async with asyncio.timeout(ANSWER):
                return await self._client.scheduler.proxy(worker=place.worker, msg=message)
        except Exception as error:
            # Whatever it is: Dask gives on what a worker, the scheduler or the network has said.
            reason = _first_line(error)
        raise EnfyraError(UNAVAILABLE, f"{await self._lost(place)}: {reason}")

    async def _lost(self, place: Place) -> str:
        """Say who does not answer."""
        try:
            async with asyncio.timeout(CONNECT):
                await self._client.scheduler.ncores(workers=[])
        except Exception:
            return f"Dask's scheduler at {self.address} has gone while the step ran"
        return f"The Dask worker {place.worker} has gone while it ran the step"


async def _given_up(future: Any) -> str:
    """Say why Dask does not go on with a task."""
    try:
        await future
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and str(error.name).startswith("enfyra"):
            return "its workers have no enfyra-kernel, which must be installed there, too"
        return _first_line(error)
    return "it was over before anybody had heard of it"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


class Clusters:
    """The clusters that steps have asked for, each connected once."""

    def __init__(self) -> None:
        self._open: dict[str, Cluster] = {}
        self._lock = asyncio.Lock()

    async def connected(self, address: str) -> Cluster:
        """Give a cluster by the address of its scheduler.

        Raises:
            EnfyraError: EXECUTOR_UNAVAILABLE.
        """
        async with self._lock:
            cluster = self._open.get(address)
            if cluster is None or not cluster.is_open:
                if cluster is not None:
                    await cluster.close()
                cluster = self._open[address] = await Cluster.connect(address)
            return cluster

    async def close(self) -> None:
        """Let go of all."""
        for cluster in self._open.values():
            await cluster.close()
        self._open.clear()
