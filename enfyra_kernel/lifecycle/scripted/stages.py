"""The stages of a request that has scripts: pre-hooks, handler or default, post-hooks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ...background import end
from ...clock import Clock
from ...encoding import encode_json
from ...errors import EnfyraError
from ...identity.callers import Caller
from ...logs import get_logger
from ...metadata.hooks import HandlerDefinition, HookDefinition, MethodScripts
from ...scripts.script import Failure, Language, Outcome, Script, ScriptRunner, Stage
from ..context import Context
from ..messages import JSON, Response, Stream, failure, success
from .host import NULL, ScriptHost
from .sections import Sections, changed_context, sections_of, sections_seen
from .streaming import Streaming
from .trace import Trace, described, error_details, thrown_error, trace_of

_log = get_logger("scripts")

Operation = Callable[[Context], Awaitable[Response]]
# Of so many methods of routes, the scripts are kept ready.
_KEPT = 10_000
_ANSWERS = range(200, 600)


class Hosts(Protocol):
    """Gives what answers the calls of a request's scripts."""

    def open(self, context: Context) -> ScriptHost:
        """Give the host of one request; it is closed at its end."""
        ...


class Users(Protocol):
    """Knows the rows of those who call."""

    async def profile(self, caller: Caller) -> bytes:
        """Give a caller's row as JSON, without what is secret."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """The scripts of one method of a route, ready to run.

    Attributes:
        seen: The sections, of those that take time to make, that they may look into.
    """

    pre: tuple[Script, ...]
    handler: Script | None
    post: tuple[Script, ...]
    seen: frozenset[str]


class Scripted:
    """Answers requests of routes that have scripts.

    Args:
        runner: Runs scripts.
        hosts: Answers what they ask for.
        users: Knows who calls.
        env: What the operator lets scripts know, as JSON.
        debug: Whether everybody may see logs and traces.
    """

    def __init__(
        self,
        runner: ScriptRunner,
        hosts: Hosts,
        users: Users,
        clock: Clock,
        *,
        env: bytes,
        debug: bool,
    ) -> None:
        self.runner = runner
        self._hosts = hosts
        self._users = users
        self._clock = clock
        self._env = env
        self._debug = debug
        self._kept: dict[MethodScripts, Prepared] = {}

    async def answer(
        self, context: Context, scripts: MethodScripts, default: Operation
    ) -> Response:
        """Answer a request.

        Args:
            default: What the route does by itself.
        """
        prepared = self._prepared(scripts, context)
        trace = trace_of(context, debug=self._debug)
        try:
            run = await self.begin(context, prepared, trace)
        except EnfyraError as error:
            return trace.onto(failure(error, context.request))
        if prepared.handler is None:
            return await _closing(run, default)
        return await _perhaps_streamed(run, default)

    async def begin(self, context: Context, prepared: Prepared, trace: Trace) -> Run:
        """Begin a request; it is to be closed at its end."""
        user = NULL if context.caller is None else await self._users.profile(context.caller)
        sections = await sections_of(context, self._clock, user, self._env, prepared.seen)
        return Run(self.runner, self._hosts, context, prepared, sections, trace)

    def _prepared(self, scripts: MethodScripts, context: Context) -> Prepared:
        found = self._kept.get(scripts)
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            found = self._kept[scripts] = prepare(scripts, context)
        return found


def prepare(scripts: MethodScripts, context: Context) -> Prepared:
    """Make the scripts of a method ready to run."""
    pre = tuple(_script(f"pre-hook '{one.name}'", Stage.PRE, one) for one in scripts.pre)
    post = tuple(_script(f"post-hook '{one.name}'", Stage.POST, one) for one in scripts.post)
    handler = None
    if scripts.handler is not None:
        name = f"handler {context.request.method} {context.route.path}"
        handler = _script(name, Stage.HANDLER, scripts.handler)
    every = (*pre, *post) if handler is None else (*pre, handler, *post)
    return Prepared(pre, handler, post, sections_seen(every))


def _script(name: str, stage: Stage, saved: HookDefinition | HandlerDefinition) -> Script:
    return Script(
        name=name, stage=stage, language=Language(saved.language), source=saved.source,
        timeout=saved.timeout,
    )  # fmt: skip


class Run:
    """One request on its way through the stages; it answers what its scripts ask for.

    Attributes:
        sections: What scripts see, as they have left it.
        trace: What has been seen of it.
    """

    def __init__(
        self,
        runner: ScriptRunner,
        hosts: Hosts,
        context: Context,
        prepared: Prepared,
        sections: Sections,
        trace: Trace,
    ) -> None:
        self._hosts = hosts
        self._host: ScriptHost | None = None
        self._runner = runner
        self._context = context
        self._prepared = prepared
        self.sections = sections
        self.trace = trace

    @property
    def host(self) -> ScriptHost:
        """What answers the scripts, made when the first of them asks."""
        if self._host is None:
            self._host = self._hosts.open(self._context)
        return self._host

    async def call(self, name: str, arguments: bytes) -> bytes:
        """Answer a call of a script; see `scripts.Host`."""
        return await self.host.call(name, arguments)

    async def close(self) -> None:
        """Let go of what the scripts have left open."""
        if self._host is not None:
            await self._host.close()

    async def answer(self, default: Operation) -> Response:
        """Go through the stages; an error becomes the answer that clients get for it."""
        try:
            response = await self._answered(default)
        except EnfyraError as error:
            response = failure(error, self._context.request)
        return self.trace.onto(response)

    async def _answered(self, default: Operation) -> Response:
        prepared = self._prepared
        made: Response | None = None
        if prepared.pre:
            outcome = await self._ran(prepared.pre)
            if outcome.failure is not None:
                raise await self._after_error(self._error(outcome.failure))
            if outcome.result is not None:
                made = Response(self._status(200), outcome.result)
            self._adopt(outcome)
        if made is None and prepared.handler is not None:
            return await self._handled(prepared.handler)
        if made is None:
            made = await self._by_itself(default)
        return await self._after(made)

    def _adopt(self, outcome: Outcome) -> None:
        """Have what follows see what pre-hooks have changed."""
        self._context = changed_context(self._context, self.sections, outcome.sections)
        if self._host is not None:
            self._host.see(self._context)

    async def _handled(self, handler: Script) -> Response:
        """Run the handler and the post-hooks, which are in the same place anyway."""
        outcome = await self._ran((handler, *self._prepared.post))
        if outcome.failure is not None:
            raise self._error(outcome.failure)
        return await self._made(outcome, success())

    async def _by_itself(self, default: Operation) -> Response:
        began = time.perf_counter()
        name = f"{self._context.request.method} {self._context.route.path}"
        try:
            response = await default(self._context)
        except EnfyraError as error:
            self.trace.note_default(name, began, error.message)
            raise await self._after_error(error) from error
        except Exception as error:
            _log.exception("request failed", extra={"path": self._context.request.path})
            internal = EnfyraError("INTERNAL_SERVER_ERROR")
            self.trace.note_default(name, began, internal.message)
            raise await self._after_error(internal) from error
        self.trace.note_default(name, began)
        return response

    # -- post-hooks -----------------------------------------------------------------------------

    async def _after(self, response: Response) -> Response:
        """Run the post-hooks after a success."""
        if not self._prepared.post:
            return self._with_status(response)
        plain = response.stream is None and response.content_type == JSON
        self.sections["data"] = response.body if plain and response.body else NULL
        self.sections["status"] = encode_json(self._status(response.status))
        outcome = await self._ran(self._prepared.post)
        if outcome.failure is not None:
            raise self._error(outcome.failure)
        return await self._made(outcome, response)

    async def _after_error(self, error: EnfyraError) -> EnfyraError:
        """Run the post-hooks after an error, which stays one whatever they do."""
        if self._prepared.post:
            self.sections["data"] = NULL
            self.sections["status"] = encode_json(error.status)
            self.sections["error"] = encode_json(
                {
                    "message": error.message,
                    "name": error.code,
                    "code": error.code,
                    "statusCode": error.status,
                    "details": error.details,
                    "timestamp": self._timestamp(),
                }
            )
            await self._ran(self._prepared.post)
        return error

    def _timestamp(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    # -- what comes of them ---------------------------------------------------------------------

    async def _ran(self, scripts: Sequence[Script]) -> Outcome:
        outcome = await self._runner.run(scripts, self.sections, self)
        self.sections |= outcome.sections
        self.trace.note(outcome)
        return outcome

    async def _made(self, outcome: Outcome, response: Response) -> Response:
        """Give the answer: what scripts have returned, or else what was there before."""
        body = outcome.result
        if body is None and "data" in outcome.sections:
            body = outcome.sections["data"]
        if body is None:
            return self._with_status(response)
        # Whatever else was said of the other body does not hold for this one.
        await response.aclose()
        return self._with_status(Response(response.status, body))

    def _with_status(self, response: Response) -> Response:
        status = self._status(response.status)
        return response if status == response.status else replace(response, status=status)

    def _status(self, otherwise: int) -> int:
        """Give the status that scripts have set."""
        text = self.sections.get("status", NULL)
        if text == NULL:
            return otherwise
        if not text.isdigit() or int(text) not in _ANSWERS:
            raise EnfyraError(
                "SCRIPT_EXECUTION_ERROR", "A script has set @STATUS to what is no HTTP status"
            )
        return int(text)

    def _error(self, failed: Failure) -> EnfyraError:
        """Give the error that clients get for that of a script."""
        thrown = thrown_error(failed)
        if thrown is not None:
            return thrown
        text = f"{failed.script} failed: {described(failed)}"
        _log.warning("script failed", extra={"script": failed.script, "reason": text})
        if not self.trace.shown:
            return EnfyraError(failed.code)
        return EnfyraError(
            failed.code, text, details=error_details(failed), hint=failed.problem.hint
        )


async def _closing(run: Run, default: Operation) -> Response:
    try:
        return await run.answer(default)
    finally:
        await run.close()


async def _perhaps_streamed(run: Run, default: Operation) -> Response:
    """Run a handler, which may begin to stream its answer before it has ended."""
    streaming = run.host.streaming = Streaming()
    script = asyncio.ensure_future(_closing(run, default))
    try:
        await asyncio.wait({script, streaming.begun}, return_when=asyncio.FIRST_COMPLETED)
    except BaseException:
        await end(script)
        raise
    if not streaming.begun.done():
        streaming.begun.cancel()
        return script.result()
    stream = Stream(streaming.pieces(script), lambda: end(script))
    return replace(streaming.begun.result(), stream=stream)
