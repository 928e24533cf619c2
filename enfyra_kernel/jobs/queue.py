"""What a queue of jobs is: the Protocol, a job, and what both implementations check alike."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

import msgspec

from ..encoding import decode_json, encode_json
from ..errors import EnfyraError
from ..metadata.values import check_document, check_text
from ..storage.database import Session

# Attempts that a job gets unless somebody says otherwise, and the seconds after the first one.
ATTEMPTS = 3
BACKOFF = 5.0
# Finished jobs that are kept of each name.
KEEP_COMPLETED = 100
KEEP_FAILED = 50
# Seconds that a worker may be silent before its jobs are taken over.
LEASE = 30.0

_MOST_ATTEMPTS = 1000
_LONGEST_DELAY = 366 * 86_400
_LARGEST = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:%/-]{0,99}")
_LONGEST_ID = 150
_LONGEST_ERROR = 4000


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its handler gets it.

    Attributes:
        id: Of the job itself, made by the queue.
        job_id: By which it is told apart from others of its name, if it was given one.
        attempt: 0 at first.
        attempts: How many there will be at most.
        fence: Greater at each attempt: what the handler writes elsewhere can be refused by it.
    """

    id: str
    name: str
    data: Any = None
    job_id: str | None = None
    attempt: int = 0
    attempts: int = ATTEMPTS
    fence: int = 0


class Counts(NamedTuple):
    """How many jobs of a name there are, by state; `failed` and `completed` are those kept."""

    waiting: int = 0
    active: int = 0
    delayed: int = 0
    failed: int = 0
    completed: int = 0


Handler = Callable[[Job], Awaitable[Any]]


class GiveUp(Exception):
    """Raised by a handler whose job would fail again: there is no other attempt.

    Example:
        >>> async def handler(job):
        ...     raise GiveUp("The order was deleted")
    """


class Queue(Protocol):
    """Runs jobs by their handlers: each at least once, and one at a time.

    A job whose handler raises is tried again, after 5 s, 10 s, 20 s and so on; after its last
    attempt it is `failed`, and kept until somebody retries or removes it. Of a job whose worker
    dies, the attempt is lost, and another worker takes it over when its lease has run out.
    """

    async def start(self) -> None:
        """Begin to run jobs that have a handler."""
        ...

    async def stop(self) -> None:
        """Begin no other job; those that run get a while, and then go back into the queue."""
        ...

    def register(self, name: str, handler: Handler, *, concurrency: int = 1) -> None:
        """Say what runs the jobs of a name on this instance; the last one who says so counts.

        Args:
            concurrency: How many jobs of that name this instance runs at once.

        Raises:
            EnfyraError: INVALID_ARGUMENT.
        """
        ...

    async def enqueue(
        self,
        name: str,
        data: Any = None,
        *,
        job_id: str | None = None,
        delay: float | timedelta | None = None,
        attempts: int = ATTEMPTS,
        session: Session | None = None,
    ) -> Job | None:
        """Put a job into the queue, on whichever instance it runs.

        Args:
            data: JSON, for the handler.
            job_id: There is at most one job with this id and name that waits, is delayed or runs:
                while there is one, nothing is put into the queue and None is given. When it has
                completed or failed, the id is free again.
            delay: Seconds before it may run.
            attempts: How often it is tried.
            session: A transaction: the job is in the queue only if that commits.

        Raises:
            EnfyraError: INVALID_ARGUMENT, naming the argument.
        """
        ...

    async def counts(self) -> dict[str, Counts]:
        """Give how many jobs there are of each name that has any, by state."""
        ...

    async def retry(self, id_: str) -> None:
        """Put a failed job back into the queue, with all of its attempts.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND; CONFLICT if it has not failed, or another job with
                its `job_id` is in the queue.
        """
        ...

    async def remove(self, id_: str) -> None:
        """Remove a job.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND; CONFLICT if it runs.
        """
        ...


class Order(NamedTuple):
    """What somebody wants to be put into a queue, checked.

    Attributes:
        delay: Seconds.
    """

    name: str
    data: Any
    job_id: str | None
    delay: float
    attempts: int


def order_of(
    name: str, data: Any, job_id: str | None, delay: float | timedelta | None, attempts: int
) -> Order:
    """Check the arguments of `enqueue`.

    Raises:
        EnfyraError: INVALID_ARGUMENT, naming the argument.

    Example:
        >>> order_of("mail", {"to": "ann"}, None, timedelta(minutes=1), 3).delay
        60.0
    """
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay or 0
    check_name(name)
    _check_job_id(job_id)
    if not _is_number(seconds) or not 0 <= seconds <= _LONGEST_DELAY:
        raise _invalid("delay", "must be seconds, from 0 to a year")
    _check_count("attempts", attempts, _MOST_ATTEMPTS)
    return Order(name, _checked_data(data), job_id, float(seconds), attempts)


def _check_job_id(job_id: Any) -> None:
    try:
        if job_id is None or 0 < len(check_text(job_id)) <= _LONGEST_ID:
            return
    except ValueError as error:
        raise _invalid("job_id", str(error)) from None
    raise _invalid("job_id", f"must have 1 to {_LONGEST_ID} characters")


def _checked_data(data: Any) -> Any:
    """Give the JSON that the handler gets, wherever it runs."""
    try:
        # An infinite number would become a null.
        check_document(data)
        encoded = encode_json(data)
        decoded = decode_json(encoded)
        check_document(decoded)
    except (TypeError, ValueError, RecursionError, EnfyraError) as error:
        raise _invalid("data", f"must be JSON ({error})") from None
    if len(encoded) > _LARGEST:
        problem = f"has {len(encoded)} bytes; at most {_LARGEST} are kept"
        raise _invalid("data", problem, "Store it, and send its id")
    return decoded


def check_name(name: Any) -> None:
    """Check the name of a kind of jobs.

    Raises:
        EnfyraError: INVALID_ARGUMENT.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _invalid("name", "must be 1 to 100 letters, digits and _ . : % / -")


def check_concurrency(concurrency: int) -> None:
    """Check how many jobs of a name may run at once.

    Raises:
        EnfyraError: INVALID_ARGUMENT.
    """
    _check_count("concurrency", concurrency, 10_000)


def _check_count(name: str, value: Any, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise _invalid(name, f"must be a whole number from 1 to {most}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _invalid(argument: str, problem: str, hint: str | None = None) -> EnfyraError:
    return EnfyraError(
        "INVALID_ARGUMENT", f"{argument} {problem}", hint=hint, details={"argument": argument}
    )


def pause_after(attempts_made: int, first: float = BACKOFF) -> float:
    """Give the seconds between an attempt that failed and the next one.

    Example:
        >>> [pause_after(made) for made in (1, 2, 3)]
        [5.0, 10.0, 20.0]
    """
    return min(first * 2.0 ** (attempts_made - 1), _LONGEST_DELAY)


def error_text(error: BaseException) -> str:
    """Give what is kept of an error.

    Example:
        >>> error_text(ValueError("no such order"))
        'ValueError: no such order'
    """
    return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR].replace("\0", "")


def kept_result(result: Any) -> Any:
    """Give what is kept of a handler's result: of what is no JSON, or large, nothing."""
    try:
        return _checked_data(result)
    except EnfyraError:
        return None
