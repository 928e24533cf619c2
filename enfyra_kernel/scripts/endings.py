"""What a call ends with when no worker has brought it to its end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from ..errors import EnfyraError
from .calls import Batch, Call
from .script import Failure, Problem, Ran, Script, Stage

_NULL = b"null"


def failed(call: Call, code: str, message: str) -> Failure:
    """Give the failure of the script that runs now."""
    name = call.scripts[call.index].name if isinstance(call, Batch) else "check"
    return Failure(code=code, script=name, problem=Problem(message=message))


def unavailable(call: Call, reason: str) -> Failure:
    """Give the failure of a call that cannot be run, or not to its end."""
    message = f"The script could not be run to its end: {reason}"
    return failed(call, "SCRIPT_UNAVAILABLE", message)


class Aftermath(NamedTuple):
    """What is left of a batch whose worker had to go.

    Attributes:
        ran: The script that it ended with.
        failure: What decides about the batch; None when that was known before it began.
        posts: The post-hooks that have yet to run.
        sections: What they see.
    """

    ran: Ran
    failure: Failure | None
    posts: list[Script]
    sections: dict[str, bytes]


def aftermath(batch: Batch, failure: Failure) -> Aftermath:
    """Say what is left of a batch that has ended with a failure of its worker."""
    index = batch.index
    late = failure.code == "SCRIPT_TIMEOUT_ERROR"
    culprit = batch.scripts[index]
    ran = Ran(
        script=culprit.name, stage=culprit.stage,
        milliseconds=float(batch.timeouts[index]) if late else 0.0,
        logs=batch.logs, failure=failure,
    )  # fmt: skip
    decisive: Failure | None = failure
    if batch.fault is not None:
        decisive = batch.failure(batch.fault, batch.failed)
    elif batch.sections.get("error", _NULL) != _NULL:
        decisive = None
    posts = [one for one in batch.scripts[index + 1 :] if one.stage is Stage.POST]
    sections = dict(batch.sections) | {"data": _NULL}
    if decisive is not None:
        sections["error"] = _error_section(decisive)
    return Aftermath(ran, decisive, posts, sections)


def _error_section(failure: Failure) -> bytes:
    return msgspec.json.encode(
        {
            "message": failure.problem.message,
            "name": failure.script,
            "code": failure.code,
            "statusCode": failure.status or EnfyraError(failure.code).status,
            "details": failure.details,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
    )
