"""The routes of jobs, for operators: `/admin/job`."""

from __future__ import annotations

from ..encoding import encode_json
from ..lifecycle.context import Context
from ..lifecycle.messages import Response, success
from ..lifecycle.operations import Operation
from .queue import Queue


class JobRoutes:
    """Shows how many jobs there are, retries those that have failed, and removes them.

    They are for administrators, and for those whom the permissions of the routes name.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def operations(self) -> dict[tuple[str, str], Operation]:
        """Give the operations by method and path."""
        return {
            ("GET", "/admin/job"): self.counts,
            ("POST", "/admin/job/:id/retry"): self.retry,
            ("DELETE", "/admin/job/:id"): self.remove,
        }

    async def counts(self, _context: Context) -> Response:
        """Answer GET /admin/job: how many jobs there are of each name, by state."""
        counts = await self._queue.counts()
        return success(
            encode_json([{"name": name, **one._asdict()} for name, one in counts.items()])
        )

    async def retry(self, context: Context) -> Response:
        """Answer POST /admin/job/:id/retry."""
        await self._queue.retry(context.match.parameters["id"])
        return success(message="The job is back in the queue")

    async def remove(self, context: Context) -> Response:
        """Answer DELETE /admin/job/:id."""
        await self._queue.remove(context.match.parameters["id"])
        return success(message="Deleted")
