"""The queue that the settings ask for."""

from __future__ import annotations

from ..clock import Clock
from ..records.records import Records
from ..settings import Settings
from .database_queue import DatabaseQueue
from .queue import Queue


def connect_queue(settings: Settings, records: Records, clock: Clock, instance: str) -> Queue:
    """Give the queue of jobs.

    Args:
        instance: Who this is, for people who look at the jobs.
    """
    return DatabaseQueue(records, clock, instance=instance, grace=settings.jobs_grace)
