"""When flows are due: zones, days on which clocks change, and ticks that were missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from enfyra_kernel.flows.schedule import Schedule
from enfyra_kernel.flows.times import Cron, due, times_of
from enfyra_kernel.metadata.flows import FlowDefinition, Flows

END = datetime(2100, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ticks(cron: str, zone: str, after: str, number: int, **facts: str) -> list[str]:
    times = times_of({"cron": cron, "timezone": zone, **facts})
    return [one.strftime("%m-%d %H:%M") for one in islice(due(times, at(after), END), number)]


def test_a_zone_says_when_it_is_two_at_night() -> None:
    assert ticks("0 2 * * *", "Asia/Ho_Chi_Minh", "2026-03-01", 2) == ["03-01 19:00", "03-02 19:00"]


def test_a_time_that_does_not_exist_is_due_an_hour_later() -> None:
    found = ticks("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2)
    assert found == ["03-29 01:30", "03-30 00:30"]


def test_a_time_that_there_is_twice_is_due_once() -> None:
    found = ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2)
    assert found == ["10-25 00:30", "10-26 01:30"]
    both = ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 3, repeatedHour="twice")
    assert both == ["10-25 00:30", "10-25 01:30", "10-26 01:30"]
    hourly = ticks("30 * * * *", "Europe/Berlin", "2026-10-25T00:00", 3)
    assert hourly == ["10-25 00:30", "10-25 01:30", "10-25 02:30"]


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN"])
def test_sunday_has_two_numbers(sunday: str) -> None:
    found = Cron(f"0 0 * * {sunday}").after(at("2026-03-02"))
    assert found is not None
    assert found.strftime("%A") == "Sunday"


def test_intervals_do_not_depend_on_when_one_begins_to_count() -> None:
    times = times_of({"interval": 90})
    first = list(islice(due(times, at("2026-03-01T10:00:07"), END), 3))
    second = list(islice(due(times, at("2026-03-01T10:00:59"), END), 3))
    assert first == second


def test_an_instant_comes_once() -> None:
    times = times_of({"at": "2026-03-01T02:00:00+01:00"})
    assert list(due(times, at("2026-02-01"), END)) == [at("2026-03-01T01:00")]


# -- keeping to them ------------------------------------------------------------------------------


class World:
    """A schedule with a clock that tests move."""

    def __init__(self, **config: object) -> None:
        self.time = at("2026-03-01T12:00")
        self.fired: list[str] = []
        self.failing = False
        self.flows = Flows([self.flow(**config)])
        self.schedule = Schedule(lambda: self.flows, self.last, self.fire, self)
        self.last_due: dict[int, datetime] = {}

    def flow(self, **config: object) -> FlowDefinition:
        created = self.time.isoformat()
        return FlowDefinition(
            id=1, name="f", trigger="schedule", trigger_config=config, created=created
        )

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def last(self) -> dict[int, datetime]:
        return self.last_due

    async def fire(self, flow: FlowDefinition, instant: datetime) -> None:
        self.fired.append(instant.strftime("%H:%M"))

    async def after(self, **span: float) -> list[str]:
        """Let time pass, and give what was set off."""
        self.time += timedelta(**span)
        self.fired = []
        await self.schedule.tick()
        return self.fired


@pytest.fixture
async def world() -> Callable[..., World]:
    return World


@pytest.mark.asyncio
async def test_each_tick_is_dealt_with_once() -> None:
    world = World(cron="*/5 * * * *")
    assert await world.after(minutes=4) == []
    assert await world.after(minutes=1) == ["12:05"]
    assert await world.after(seconds=1) == []
    assert await world.after(minutes=5) == ["12:10"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("missed", "fired"),
    [("skip", []), ("last", ["12:25"]), ("all", ["12:05", "12:10", "12:15", "12:20", "12:25"])],
)
async def test_ticks_that_were_missed(missed: str, fired: list[str]) -> None:
    world = World(cron="*/5 * * * *", missed=missed)
    assert await world.after() == []
    assert await world.after(minutes=28) == fired
    assert await world.after(minutes=2) == ["12:30"]


@pytest.mark.asyncio
async def test_all_that_were_missed_have_a_limit() -> None:
    world = World(cron="* * * * *", missed="all")
    await world.after()
    assert len(await world.after(days=1)) == 100


@pytest.mark.asyncio
async def test_a_server_that_starts_knows_what_it_has_missed() -> None:
    world = World(cron="*/5 * * * *", missed="last")
    world.last_due = {1: at("2026-03-01T11:10")}
    world.time = at("2026-03-01T11:58")
    await world.schedule.start()
    await world.schedule.stop()
    assert await world.after() == ["11:55"]


@pytest.mark.asyncio
async def test_one_instant_is_late_rather_than_never() -> None:
    world = World(at="2026-03-01T13:00:00+00:00")
    await world.after()
    assert await world.after(hours=5) == ["13:00"]
    assert await world.after(hours=5) == []


@pytest.mark.asyncio
async def test_a_schedule_that_changes_begins_anew() -> None:
    world = World(cron="*/5 * * * *", missed="all")
    await world.after()
    world.time += timedelta(minutes=12)
    world.flows = Flows([world.flow(cron="*/10 * * * *")])
    assert await world.after() == []
    assert await world.after(minutes=8) == ["12:20"]
    assert [one.next for one in world.schedule.upcoming()] == [at("2026-03-01T12:30")]
    world.flows = Flows()
    assert await world.after(hours=1) == []
