"""Jobs: work that waits, runs, or has failed."""

from __future__ import annotations

from .declarations import Declarations


def declare(d: Declarations) -> None:
    """Declare the table."""
    d.table(
        "job_definition",
        uuid=True,
        uniques=(("dedupe",),),
        indexes=(("state", "dueAt"), ("name", "state", "finishedAt")),
        description="Work that waits, runs, is done, or has failed",
    )
    d.text("name", is_nullable=False)
    d.text("jobId")
    # What no two jobs share that are not finished; none has it when it is.
    d.text("dedupe", is_published=False)
    d.choice(
        "state",
        ["outgoing", "waiting", "active", "completed", "failed"],
        "waiting",
        is_nullable=False,
    )
    d.json("data", "result")
    d.number("attempts", 3, is_nullable=False)
    d.number("attemptsMade", 0, is_nullable=False)
    d.long("lastError")
    d.number("fence", 0, is_nullable=False)
    d.text("owner")
    # Of a dead letter of another queue, its id there.
    d.text("queueId", is_published=False)
    d.instant("dueAt", "leaseUntil", "startedAt", "finishedAt")
