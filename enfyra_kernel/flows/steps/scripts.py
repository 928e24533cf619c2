"""Steps that run code of their authors in the sandbox, and all that goes through its host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, cast

from ...encoding import decode_json, encode_json
from ...errors import EnfyraError
from ...identity.callers import Caller
from ...lifecycle.scripted.alone import context_of_nobody, run_alone
from ...lifecycle.scripted.host import NULL, ScriptHost
from ...lifecycle.scripted.stages import Hosts
from ...lifecycle.scripted.trace import described, thrown_error
from ...metadata.snapshot import Snapshot
from ...scripts.script import Failure, Language, Script, ScriptRunner, Stage
from ..chain import CHAIN
from ..expressions import expressions_in, filled, path_of, script_of
from ..runs import Run
from .scene import Scene

# Milliseconds that all expressions of one step may take together.
_EXPRESSIONS = 5_000


class Callers(Protocol):
    """Knows who has set a run off."""

    async def caller_of(self, user: str) -> Caller:
        """Give a user as a caller, by id or e-mail address."""
        ...

    async def profile(self, caller: Caller) -> bytes:
        """Give a caller's row as JSON, without what is secret."""
        ...


class Scripting:
    """Runs scripts of flows, and asks their host in the name of steps.

    Args:
        runner: Runs scripts.
        snapshot: Gives the definitions of the moment.
        env: What the operator lets scripts know, as JSON.

    Attributes:
        hosts: Answers what scripts ask for.
    """

    hosts: Hosts

    def __init__(
        self,
        runner: ScriptRunner,
        callers: Callers,
        snapshot: Callable[[], Snapshot],
        env: bytes,
    ) -> None:
        self._runner = runner
        self._callers = callers
        self._snapshot = snapshot
        self._env = env

    # -- scripts --------------------------------------------------------------------------------

    async def script(self, scene: Scene) -> Any:
        """Run the step's script; give what it returns."""
        step = scene.step
        source = Script(
            name=f"step '{step.key}' of the flow '{scene.flow.name}'",
            stage=Stage.HANDLER,
            language=Language(step.language),
            source=step.source,
            timeout=scene.timeout,
        )
        known = {**scene.known, "vars": scene.config.get("vars")}
        return await self._run(source, known, scene)

    async def condition(self, scene: Scene) -> bool:
        """Run the step's script; say whether what it returns is true."""
        return bool(await self.script(scene))

    async def _run(self, script: Script, known: Mapping[str, Any], scene: Scene) -> Any:
        caller = await self._caller(scene.run)
        host = self._host(scene, caller)
        sections = {
            "flow": encode_json(known),
            "user": NULL if caller is None else await self._callers.profile(caller),
            "env": self._env,
        }
        outcome = await run_alone(self._runner, script, host, sections)
        for ran in outcome.ran:
            for line in ran.logs:
                scene.log("info", line)
        if outcome.failure is not None:
            raise _error(outcome.failure)
        return None if outcome.result is None else decode_json(outcome.result)

    # -- expressions ----------------------------------------------------------------------------

    async def filled(self, config: Any, scene: Scene) -> Any:
        """Give a step's configuration with all expressions replaced by their values."""
        expressions = expressions_in(config)
        if not expressions:
            return config
        values: dict[str, Any] = {}
        computed: list[str] = []
        for one in expressions:
            path = path_of(one)
            if path is None:
                computed.append(one)
            else:
                values[one] = path.value(scene.known)
        if computed:
            values |= await self._computed(computed, scene)
        return filled(config, values, _text)

    async def _computed(self, expressions: Sequence[str], scene: Scene) -> dict[str, Any]:
        script = Script(
            name=f"expressions of step '{scene.step.key}' of the flow '{scene.flow.name}'",
            stage=Stage.HANDLER,
            source=script_of(expressions),
            timeout=min(scene.timeout, _EXPRESSIONS),
        )
        given = cast("list[Any]", await self._run(script, scene.known, scene))
        return dict(zip(expressions, given, strict=True))

    # -- what hosts do for steps ----------------------------------------------------------------

    async def ask(self, scene: Scene, name: str, *arguments: Any) -> Any:
        """Ask the host for something, as a trusted script would."""
        host = self._host(scene, await self._caller(scene.run))
        try:
            return decode_json(await host.call(name, encode_json(list(arguments))))
        finally:
            await host.close()

    def _host(self, scene: Scene, caller: Caller | None) -> _ChainedHost:
        run = scene.run
        chain = (*cast("list[int]", run.chain or []), run.flow_id)
        context = context_of_nobody(f"/flow/{scene.flow.id}", self._snapshot(), caller)
        return _ChainedHost(self.hosts.open(context), chain)

    async def _caller(self, run: Run) -> Caller | None:
        if run.triggered_by is None:
            return None
        with suppress(EnfyraError):
            return await self._callers.caller_of(str(run.triggered_by.id))
        # The account has gone meanwhile.
        return None


class _ChainedHost:
    """A host that says which flows have led to what is asked of it."""

    def __init__(self, host: ScriptHost, chain: tuple[int, ...]) -> None:
        self._host = host
        self._chain = chain

    async def call(self, name: str, arguments: bytes) -> bytes:
        """Answer a call; see `scripts.Host`."""
        token = CHAIN.set(self._chain)
        try:
            return await self._host.call(name, arguments)
        finally:
            CHAIN.reset(token)

    async def close(self) -> None:
        """Let go of what scripts have left open."""
        await self._host.close()


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else encode_json(value).decode()


def _error(failed: Failure) -> EnfyraError:
    thrown = thrown_error(failed)
    return thrown or EnfyraError(failed.code, described(failed), hint=failed.problem.hint)
