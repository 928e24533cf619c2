"""A pool for each trust domain: scripts that are not trusted alike never share a process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from .crew import Isolation
from .pool import WorkerPool
from .script import ScriptRunner

# Seconds after which the process for unsaved scripts ends, when nobody tries any.
_IDLE = 60.0


class Domain(StrEnum):
    """Whose code it is.

    What one domain's script could leave behind in a process, past all rules, never meets a script
    of another one.
    """

    SAVED = "saved"
    UNSAVED = "unsaved"


class DomainPools:
    """The pools of all domains.

    Saved scripts have as many processes as are set, and one that stands by. Those that are only
    checked or tried share one process, which is started when there is something to try and ends
    when that was long ago.

    Args:
        workers: How many processes run saved scripts.
        memory_mb: What the scripts of each process may use of memory.
        isolation: Whether a process runs many calls, or one.

    Example:
        >>> pools = DomainPools(workers=2, memory_mb=64)
        >>> pools.of(Domain.SAVED) is pools.of(Domain.UNSAVED)
        False
    """

    def __init__(
        self, *, workers: int, memory_mb: int, isolation: Isolation = Isolation.WARM
    ) -> None:
        self._pools: Mapping[Domain, WorkerPool] = {
            Domain.SAVED: WorkerPool(workers=workers, memory_mb=memory_mb, isolation=isolation),
            Domain.UNSAVED: WorkerPool(
                workers=1, spare=0, memory_mb=memory_mb, isolation=isolation, idle=_IDLE
            ),
        }

    def of(self, domain: Domain) -> ScriptRunner:
        """Give what runs the scripts of a domain."""
        return self._pools[domain]

    async def start(self) -> None:
        """Get ready; the first script of a domain starts its processes."""
        await asyncio.gather(*(pool.start() for pool in self._pools.values()))

    async def stop(self) -> None:
        """End all processes; what is running is broken off."""
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    async def use_packages(self, folder: Path | None, modules: Mapping[str, Sequence[str]]) -> None:
        """Have scripts of all domains that begin from now on use other packages."""
        pools = self._pools.values()
        await asyncio.gather(*(pool.use_packages(folder, modules) for pool in pools))
