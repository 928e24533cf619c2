"""Runs the steps of one run, in order, with branches, retries and time-outs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import msgspec

from ..clock import Clock
from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.flows import CONDITION, FOREACH, PARALLEL, FlowDefinition, StepDefinition
from .progress import Entry, RunProgress
from .runs import Run
from .steps import Scene, StepKind
from .steps.executors import DASK, EXECUTOR, handed_down

_log = get_logger("flows")

# Milliseconds that a step has, unless it says otherwise.
TIMEOUT = 5_000
_TIMEOUTS: Mapping[str, int] = {
    "notebook": 600_000, "python": 600_000, "sleep": 3_610_000, "http": 30_000,
    PARALLEL: 600_000, FOREACH: 600_000,
}  # fmt: skip
# Seconds.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
# Parts of a loop, or of a parallel step, that go on at the same time.
AT_ONCE = 10
MOST_AT_ONCE = 100


class StepFailed(Exception):
    """A step has failed for good, and the run with it.

    Attributes:
        step: Which one.
        error: Why.
    """

    def __init__(self, step: StepDefinition, error: EnfyraError) -> None:
        super().__init__(step.key)
        self.step = step
        self.error = error


class Filling(Protocol):
    """Puts values in the places of expressions."""

    async def filled(self, config: Any, scene: Scene) -> Any:
        """Give a configuration without expressions."""
        ...


class Engine:
    """Runs steps.

    Args:
        kinds: What each kind of step does.
        filling: Replaces expressions.

    Attributes:
        pause: Waits for some seconds before a step is tried again.
    """

    def __init__(self, kinds: Mapping[str, StepKind], filling: Filling, clock: Clock) -> None:
        self._kinds = kinds
        self._filling = filling
        self._clock = clock
        self.pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(
        self,
        run: Run,
        flow: FlowDefinition,
        progress: RunProgress,
        saved: Callable[[], Awaitable[None]],
    ) -> None:
        """Run what is left of a run.

        Args:
            saved: Stores the progress; called between steps.

        Raises:
            StepFailed: A step has failed, and nothing says that the run goes on.
        """
        work = _Work(self, run, flow, progress, saved)
        await work.level(flow.steps)

    async def step(self, scene: Scene) -> Any:
        """Do what a step of no other steps does, once."""
        kind = self._kinds.get(scene.step.kind)
        if kind is None:
            raise EnfyraError(
                "INVALID_ARGUMENT", f"This server runs no steps of the kind '{scene.step.kind}'"
            )
        return await kind(scene)

    async def filled(self, config: Any, scene: Scene) -> Any:
        """Give a configuration without expressions."""
        return await self._filling.filled(config, scene)

    def now(self) -> str:
        """Give the instant as text."""
        return self._clock.now().isoformat()


def timeout_of(step: StepDefinition) -> int:
    """Give the milliseconds that a step has."""
    return step.timeout or _TIMEOUTS.get(step.kind, TIMEOUT)


class _Place(NamedTuple):
    """Where steps are in a run.

    Attributes:
        note: Notes that one of them is over.
        turn: Which turns of the loops around them it is.
    """

    note: Callable[[Entry], None]
    turn: tuple[int, ...] = ()


class _Work:
    """One run at work."""

    def __init__(
        self,
        engine: Engine,
        run: Run,
        flow: FlowDefinition,
        progress: RunProgress,
        saved: Callable[[], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._run = run
        self._flow = flow
        self._progress = progress
        self._saved = saved
        self._meta = {
            "flowId": flow.id,
            "flowName": flow.name,
            "executionId": run.id,
            "depth": len(cast("list[Any]", run.chain or [])),
            "trigger": run.trigger,
            "scheduledFor": run.scheduled_for,
            "startedAt": run.started_at,
            "fence": run.fence,
        }

    # -- one after the other --------------------------------------------------------------------

    async def level(self, steps: Sequence[StepDefinition]) -> None:
        """Run the steps of the flow itself, or of one branch: what they give is kept."""
        progress = self._progress
        for number, step in enumerate(steps):
            if progress.is_over(step):
                if step.kind == CONDITION:
                    await self.level(_branch(step, progress.results.get(step.key)))
                continue
            progress.begin(step)
            result = await self._tried(step, progress.known(self._meta), _Place(progress.note))
            progress.keep(step.key, result)
            if step.kind == CONDITION:
                await self.level(_branch(step, result))
            if number < len(steps) - 1:
                await self._saved()

    async def _sequence(
        self, steps: Sequence[StepDefinition], known: Mapping[str, Any], place: _Place
    ) -> dict[str, Any]:
        """Run the steps of one turn of a loop: what they give is known to each other only."""
        local = dict(known)
        for step in steps:
            result = await self._tried(step, local, place)
            local |= {step.key: result, "last": result}
            if step.kind == CONDITION:
                local = await self._sequence(_branch(step, result), local, place)
        return local

    # -- one ------------------------------------------------------------------------------------

    async def _tried(self, step: StepDefinition, known: Mapping[str, Any], place: _Place) -> Any:
        """Run one step, again where it says so; give its result.

        Raises:
            StepFailed: It has failed, and is not to be skipped.
        """
        began, started = time.perf_counter(), self._engine.now()
        attempts = step.retry_attempts if step.on_error == "retry" else 0
        retries = 0
        while True:
            try:
                result = await self._once(step, known, place)
                break
            except StepFailed as failed:
                error, inner = failed.error, failed
            except EnfyraError as failed:
                error, inner = failed, None
            self._progress.say(step.key, "error", error.message)
            if retries < attempts:
                retries += 1
                await self._engine.pause(_pause(retries))
                continue
            took = round((time.perf_counter() - began) * 1000, 1)
            skipped = step.on_error == "skip"
            place.note(
                Entry(
                    key=step.key, type=step.kind, status="skipped" if skipped else "failed",
                    duration=took, started_at=started, retries=retries, error=error.message,
                )
            )  # fmt: skip
            if skipped:
                return {"error": error.message, "skipped": True}
            raise inner or StepFailed(step, error)
        took = round((time.perf_counter() - began) * 1000, 1)
        branch = str(bool(result)).lower() if step.kind == CONDITION else None
        place.note(
            Entry(
                key=step.key, type=step.kind, status="completed", duration=took,
                started_at=started, retries=retries, branch=branch,
            )
        )  # fmt: skip
        return result

    async def _once(self, step: StepDefinition, known: Mapping[str, Any], place: _Place) -> Any:
        milliseconds = timeout_of(step)
        scene = Scene(
            run=self._run,
            flow=self._flow,
            step=step,
            config=step.config,
            known=known,
            timeout=milliseconds,
            log=lambda level, text: self._progress.say(step.key, level, text),
            progress=self._progress.work,
        )
        limit = asyncio.timeout(milliseconds / 1000)
        try:
            async with limit:
                return await self._done(scene, place)
        except TimeoutError:
            if not limit.expired():
                raise
            raise EnfyraError(
                "FLOW_TIMEOUT", f"The step '{step.key}' has taken longer than {milliseconds} ms"
            ) from None
        except (EnfyraError, StepFailed):
            raise
        except Exception as error:
            _log.exception("step failed", extra={"flow": self._flow.name, "step": step.key})
            raise EnfyraError("INTERNAL_SERVER_ERROR") from error

    async def _done(self, scene: Scene, place: _Place) -> Any:
        config = await self._engine.filled(scene.step.config, scene)
        match scene.step.kind:
            case "parallel":
                return await self._parallel(scene.step, config, scene.known, place)
            case "foreach":
                return await self._each(scene.step, config, scene.known, place)
            case _:
                changed = Scene(
                    run=scene.run, flow=scene.flow, step=scene.step, config=config,
                    known=scene.known, timeout=scene.timeout, log=scene.log,
                    progress=scene.progress,
                )  # fmt: skip
                return await self._engine.step(changed)

    # -- many -----------------------------------------------------------------------------------

    def _within(self, step: StepDefinition, turn: Sequence[int]) -> _Place:
        """Give where the steps of a turn are noted."""
        around, progress = list(turn), self._progress

        def note(entry: Entry) -> None:
            progress.note_turn(msgspec.structs.replace(entry, within=step.key, turn=around))

        return _Place(note, tuple(turn))

    async def _parallel(
        self,
        step: StepDefinition,
        config: Mapping[str, Any],
        known: Mapping[str, Any],
        place: _Place,
    ) -> dict[str, Any]:
        """Run all steps within one at the same time; give their results by key."""
        self._progress.turn_anew(step.key, place.turn)
        inner = self._within(step, place.turn)
        results = await self._together(
            [lambda child=child: self._sequence([child], known, inner) for child in step.children],
            _at_once(config, len(step.children)),
        )
        return {
            child.key: local[child.key] for child, local in zip(step.children, results, strict=True)
        }

    async def _each(
        self,
        step: StepDefinition,
        config: Mapping[str, Any],
        known: Mapping[str, Any],
        place: _Place,
    ) -> list[Any]:
        """Run the steps within one for each item; give what the last of them gave each time."""
        items = config["items"]
        if not isinstance(items, list):
            raise EnfyraError(
                "INVALID_ARGUMENT",
                f"items must be a list, not {type(items).__name__}",
                hint='Such as "items": "{{ @FLOW_PAYLOAD.rows }}"',
            )
        listed = cast("list[Any]", items)
        children = handed_down(step.children, config)
        # The workers of a cluster are there to be used.
        at_once = _at_once(config, AT_ONCE if config.get(EXECUTOR) == DASK else 1)
        done = 0
        self._progress.turn_anew(step.key, place.turn)

        async def turn(index: int, item: Any) -> Any:
            nonlocal done
            inner = self._within(step, (*place.turn, index))
            local = await self._sequence(children, {**known, "item": item, "index": index}, inner)
            done += 1
            self._progress.work(done, len(listed), step.key)
            return local["last"] if children else item

        turns = [lambda i=i, item=item: turn(i, item) for i, item in enumerate(listed)]
        return await self._together(turns, at_once)

    async def _together(
        self, works: Sequence[Callable[[], Awaitable[Any]]], at_once: int
    ) -> list[Any]:
        """Do many things, so many at once; when one fails, the others are broken off."""
        results: list[Any] = [None] * len(works)
        numbers = iter(range(len(works)))

        async def worker() -> None:
            for number in numbers:
                results[number] = await works[number]()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(at_once, len(works))):
                    group.create_task(worker())
        except BaseExceptionGroup as failed:
            raise _first(failed) from None
        return results


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give why the first of several failed."""
    expected = group.subgroup((StepFailed, EnfyraError))
    error: BaseException = group if expected is None else expected
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _branch(step: StepDefinition, outcome: Any) -> list[StepDefinition]:
    chosen = str(bool(outcome)).lower()
    return [child for child in step.children if child.branch == chosen]


def _at_once(config: Mapping[str, Any], otherwise: int) -> int:
    given = config.get("concurrency")
    if given is None:
        return min(otherwise, AT_ONCE)
    if type(given) is not int or not 1 <= given <= MOST_AT_ONCE:
        raise EnfyraError(
            "INVALID_ARGUMENT", f"concurrency must be a number from 1 to {MOST_AT_ONCE}"
        )
    return given


def _pause(retry: int) -> float:
    """Give the seconds before a retry: twice as long each time, and never quite the same."""
    longest = min(FIRST_PAUSE * 2 ** (retry - 1), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
