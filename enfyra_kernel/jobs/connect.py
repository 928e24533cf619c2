"""The queue that the settings ask for."""

from __future__ import annotations

from importlib.util import find_spec

from ..clock import Clock
from ..cluster.bus import Bus
from ..errors import EnfyraError
from ..records.records import Records
from ..settings import Settings
from .bullmq_queue import BullQueue
from .database_queue import DatabaseQueue
from .queue import Queue


def connect_queue(
    settings: Settings, records: Records, clock: Clock, bus: Bus, instance: str
) -> Queue:
    """Give the queue of jobs.

    Args:
        bus: Tells the other instances of jobs that they may run.
        instance: Who this is, for people who look at the jobs.

    Raises:
        EnfyraError: CONFIGURATION_ERROR where BullMQ is asked for and cannot be had.
    """
    grace = settings.jobs_grace
    if settings.jobs == "database":
        return DatabaseQueue(records, clock, bus, instance=instance, grace=grace)
    if settings.redis_uri is None:
        raise EnfyraError("CONFIGURATION_ERROR", "ENFYRA_JOBS=bullmq needs REDIS_URI")
    if find_spec("bullmq") is None:
        raise EnfyraError(
            "CONFIGURATION_ERROR",
            "ENFYRA_JOBS=bullmq needs the package bullmq",
            hint="pip install 'enfyra-kernel[bullmq]'",
        )
    uri = settings.redis_uri.get_secret_value()
    return BullQueue(uri, records, clock, node_name=settings.node_name, grace=grace)
