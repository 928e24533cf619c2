"""The server's side of one call: what it may still ask, and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..errors import CATALOGUE, EnfyraError
from ..logs import get_logger
from .channel import (
    MAX_CALL_BYTES,
    MAX_LOG,
    MAX_LOG_LINE,
    MAX_MESSAGE,
    MAX_RPCS,
    MAX_RPCS_AT_ONCE,
    ChannelError,
    Check,
    Done,
    Fault,
    FromHost,
    Log,
    Next,
    Reply,
    Rpc,
    Run,
    Source,
)  # fmt: skip
from .script import Failure, Host, Outcome, Problem, Ran, Script

_log = get_logger("scripts")
_SECTIONS = frozenset({"body", "query", "share", "data", "status"})
_MOST_FRAMES = 4 * MAX_RPCS
_raw = msgspec.json.Decoder(msgspec.Raw)


class Call:
    """One batch of scripts, or the check of a source, on its way through the workers.

    Attributes:
        frame: The bytes of its message.
        index: The number of the script that runs now.
        deadline: When its worker is killed, or it has waited too long for one, by the loop's clock.
        alone: Whether it runs in a worker of its own: a worker has ended under it.
        logs: What the script that runs now has logged, as far as that was told.
    """

    # As every call begins: most of them end without having changed any of it.
    frame = b""
    index = 0
    deadline = 0.0
    alone = False
    attempts = 0
    asked = 0
    logs: tuple[str, ...] = ()
    fault: Fault | None = None
    failed = -1
    abandoned = False
    _bytes = 0
    _frames = 0

    def __init__(self, number: int, timeouts: Sequence[int]) -> None:
        self.number = number
        self.timeouts = timeouts
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.rpcs: dict[int, asyncio.Task[None]] = {}

    def message(self) -> FromHost:
        """Give what a worker is told."""
        raise NotImplementedError

    def host(self) -> Host | None:
        """Give who answers what is asked."""
        return None

    def next(self, message: Next) -> None:
        """Take that another script begins."""
        self._count(0)
        if not self.index < message.index < len(self.timeouts):
            raise ChannelError(f"script {message.index} after {self.index}")
        self.index = message.index
        self.logs = ()
        self.fault, self.failed = message.fault, message.failed

    def logged(self, message: Log) -> None:
        """Take what was logged so far."""
        self._count(sum(map(len, message.lines)))
        self.logs = tidy_lines(message.lines)

    def ask(self, rpc: Rpc, send: Any) -> None:
        """Begin to answer a request.

        Raises:
            ChannelError: It asks for more than a worker lets through.
        """
        self._count(len(rpc.arguments))
        if rpc.rpc in self.rpcs or len(self.rpcs) >= MAX_RPCS_AT_ONCE:
            raise ChannelError("more requests than there may be")
        self.asked += 1
        host = self.host()
        if host is None or self.abandoned:
            return
        if self.asked > MAX_RPCS:
            message = f"A call may ask the server {MAX_RPCS} times"
            fault = Fault(code="SCRIPT_EXECUTION_ERROR", message=message, status=500)
            send(Reply(self.number, rpc.rpc, b"null", fault))
            return
        self.rpcs[rpc.rpc] = asyncio.ensure_future(self._serve(host, rpc, send))

    async def _serve(self, host: Host, rpc: Rpc, send: Any) -> None:
        value, fault = b"null", None
        try:
            _raw.decode(rpc.arguments)
            value = await host.call(rpc.name, rpc.arguments)
        except EnfyraError as error:
            fault = _fault_of(error)
        except msgspec.MsgspecError:
            fault = _fault_of(EnfyraError("INVALID_JSON"))
        except Exception:  # a defect of ours is not the script's to see
            _log.exception("A script asked for %r", rpc.name[:100])
            fault = _fault_of(EnfyraError("INTERNAL_SERVER_ERROR"))
        del self.rpcs[rpc.rpc]
        send(Reply(self.number, rpc.rpc, value, fault))

    def end(self) -> None:
        """Break off what is still being answered."""
        for task in self.rpcs.values():
            task.cancel()

    def _count(self, size: int) -> None:
        self._bytes += size
        self._frames += 1
        if self._bytes > MAX_CALL_BYTES or self._frames > _MOST_FRAMES:
            raise ChannelError("more than a call may send")


class Batch(Call):
    """Scripts of one request."""

    def __init__(
        self, number: int, scripts: Sequence[Script], sections: Mapping[str, bytes], host: Host
    ) -> None:
        super().__init__(number, [script.timeout for script in scripts])
        self.scripts = scripts
        self.sections = sections
        self._host = host

    def message(self) -> FromHost:
        """Give the scripts as they are sent."""
        sources = [
            Source(one.name, one.stage, one.language, one.source, one.timeout, one.digest)
            for one in self.scripts
        ]
        return Run(self.number, sources, dict(self.sections))

    def host(self) -> Host:
        """Give who answers the scripts."""
        return self._host

    def outcome(self, done: Done) -> Outcome:
        """Give what a worker says that came of it.

        Raises:
            ChannelError: What it says cannot be.
        """
        if not done.sections.keys() <= _SECTIONS:
            raise ChannelError("sections that cannot be changed")
        for text in (*done.sections.values(), done.result or b"null"):
            _check_json(text)
        ran = [
            Ran(
                script=self._script(one.index).name,
                stage=self._script(one.index).stage,
                milliseconds=one.milliseconds,
                logs=tidy_lines(one.logs),
                returned=one.returned,
                failure=self.failure(one.fault, one.index),
            )
            for one in done.ran[: len(self.scripts)]
        ]
        failure = self.failure(done.fault, done.failed)
        return Outcome(sections=done.sections, result=done.result, failure=failure, ran=ran)

    def failure(self, fault: Fault | None, index: int) -> Failure | None:
        """Give a failure that a worker tells of."""
        if fault is None:
            return None
        problem = Problem(
            message=fault.message[:MAX_MESSAGE], line=fault.line, column=fault.column,
            text=fault.text[:MAX_MESSAGE], hint=fault.hint and fault.hint[:MAX_MESSAGE],
        )  # fmt: skip
        if fault.details is not None:
            _check_json(fault.details)
        details = msgspec.json.decode(fault.details) if fault.details is not None else None
        status = fault.status if fault.status is not None and 400 <= fault.status < 600 else None
        return Failure(
            code=fault.code if fault.code in CATALOGUE else "SCRIPT_EXECUTION_ERROR",
            script=self._script(index).name, problem=problem, details=details,
            thrown=fault.thrown, status=status,
        )  # fmt: skip

    def _script(self, index: int) -> Script:
        if not 0 <= index < len(self.scripts):
            raise ChannelError(f"there is no script {index}")
        return self.scripts[index]


class SourceCheck(Call):
    """The check of one source."""

    def __init__(self, number: int, check: Check, timeout: int) -> None:
        super().__init__(number, [timeout])
        self._check = check

    def message(self) -> FromHost:
        """Give the source as it is sent."""
        return self._check


def tidy_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Give the lines of a log, cut to what a log may hold."""
    kept: list[str] = []
    left = MAX_LOG
    for line in lines:
        left -= min(len(line), MAX_LOG_LINE) + 1
        if left < -MAX_LOG_LINE:
            break
        kept.append(line[:MAX_LOG_LINE])
    return tuple(kept)


def _check_json(text: bytes) -> None:
    try:
        _raw.decode(text)
        text.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ChannelError("something that is not JSON") from None


def _fault_of(error: EnfyraError) -> Fault:
    try:
        details = msgspec.json.encode(error.details) if error.details is not None else None
    except (TypeError, ValueError):
        details = None
    return Fault(
        code=error.code, message=error.message, hint=error.hint or None, details=details,
        thrown=True, status=error.status,
    )  # fmt: skip
