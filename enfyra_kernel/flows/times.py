"""When a flow is due: APScheduler's triggers compute the instants, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from apscheduler.triggers.cron import CronTrigger  # pyright: ignore[reportMissingTypeStubs]

from ..errors import EnfyraError, did_you_mean
from .words import every, in_words

MISSED = ("skip", "last", "all")
KEYS = ("cron", "interval", "at", "timezone", "missed", "repeatedHour", "payload")
# Of a flow that catches up on all times that it has missed, the most.
MOST_MISSED = 100
# Seconds; a shorter interval is work for a loop of one's own.
SHORTEST = 1
_LONGEST = 366 * 24 * 3600
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHORT = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * sun", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}  # fmt: skip


class Times(Protocol):
    """The instants at which something is due."""

    def after(self, instant: datetime) -> datetime | None:
        """Give the first one after an instant; None when there is none any more."""
        ...

    def words(self) -> str:
        """Say it as people would."""
        ...


class Cron:
    """The times of a cron expression on the clocks of a zone.

    Two rules for the days on which clocks are changed. A time that does not exist, since clocks
    were put forward, is due as much later as they were put. A time that there is twice, since
    they were put back, is due the first time only, unless `repeated` is `twice`; expressions
    that are due every hour are due in each of the hours.

    Example:
        >>> from datetime import datetime, timezone
        >>> noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
        >>> Cron("0 2 * * *", "Asia/Ho_Chi_Minh").after(noon).isoformat()
        '2026-03-01T19:00:00+00:00'
    """

    def __init__(
        self, text: str, zone: str = "UTC", repeated: Literal["once", "twice"] = "once"
    ) -> None:
        self._text = text
        self._zone = zone_of(zone)
        fields = _SHORT.get(text.strip().lower(), text).split()
        if len(fields) != 5:
            raise EnfyraError(
                "INVALID_BODY",
                problems=[
                    f"cron must have 5 fields (minute hour day month weekday), not {len(fields)}"
                ],
            )
        minute, hour, day, month, weekday = fields
        try:
            self._trigger = CronTrigger(  # pyright: ignore[reportUnknownMemberType]
                minute=minute, hour=hour, day=day, month=month, day_of_week=_weekdays(weekday),
                timezone=self._zone,
            )  # fmt: skip
        except ValueError as error:
            raise EnfyraError("INVALID_BODY", problems=[f"cron: {error}"]) from None
        self._once = repeated == "once" and not hour.startswith("*")

    def after(self, instant: datetime) -> datetime | None:
        """Give the first one after an instant."""
        found = instant
        while True:
            # The trigger gives times from an instant on, including it.
            given = cast(
                "datetime | None",
                self._trigger.get_next_fire_time(None, found + timedelta(microseconds=1)),  # pyright: ignore[reportUnknownMemberType]
            )
            if given is None:
                return None
            found = given.astimezone(UTC)
            if not (self._once and found.astimezone(self._zone).fold):
                return found

    def words(self) -> str:
        """Say it as people would."""
        return f"{in_words(self._text)} ({self._zone.key})"


class Interval:
    """Every so many seconds, counted from midnight of 1 January 1970.

    So all instances mean the same instants, and a restart moves nothing.

    Example:
        >>> from datetime import datetime, timezone
        >>> Interval(900).after(datetime(2026, 3, 1, 12, 1, tzinfo=timezone.utc)).isoformat()
        '2026-03-01T12:15:00+00:00'
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def after(self, instant: datetime) -> datetime | None:
        """Give the first one after an instant."""
        number = instant.timestamp() // self._seconds + 1
        return datetime.fromtimestamp(round(number * self._seconds, 3), UTC)

    def words(self) -> str:
        """Say it as people would."""
        return every(self._seconds)


class Once:
    """One instant."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def after(self, instant: datetime) -> datetime | None:
        """Give it if it is after an instant."""
        return self._at if self._at > instant else None

    def words(self) -> str:
        """Say it as people would."""
        return f"once, at {self._at.isoformat()}"


def times_of(config: Mapping[str, Any]) -> Times:
    """Read when a flow is due: `{cron, timezone}`, `{interval: seconds}` or `{at: instant}`.

    Raises:
        EnfyraError: INVALID_BODY with every problem.

    Example:
        >>> times_of({"interval": 60}).words()
        'every minute'
    """
    problems = [
        f"triggerConfig.{name} is not allowed.{did_you_mean(name, KEYS)}"
        for name in config
        if name not in KEYS
    ]
    given = [name for name in ("cron", "interval", "at") if config.get(name) is not None]
    if len(given) != 1:
        problems.append("triggerConfig needs one of cron, interval and at")
    missed = config.get("missed", "skip")
    if missed not in MISSED:
        problems.append(f"missed must be one of {', '.join(MISSED)}")
    repeated = config.get("repeatedHour", "once")
    if repeated not in {"once", "twice"}:
        problems.append("repeatedHour must be once or twice")
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    match given[0]:
        case "cron":
            return Cron(str(config["cron"]), str(config.get("timezone") or "UTC"), repeated)
        case "interval":
            return Interval(_seconds(config["interval"]))
        case _:
            return Once(_instant(config["at"]))


def due(times: Times, after: datetime, until: datetime) -> Iterator[datetime]:
    """Give the instants after one and up to another."""
    instant: datetime | None = after
    while (instant := times.after(instant)) is not None and instant <= until:
        yield instant


def zone_of(name: str) -> ZoneInfo:
    """Give a time zone by its name, such as `Europe/Berlin`.

    Raises:
        EnfyraError: INVALID_BODY with the nearest name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(name, available_timezones())
        raise EnfyraError(
            "INVALID_BODY", problems=[f"there is no time zone '{name[:80]}'.{hint}"]
        ) from None


def _weekdays(text: str) -> str:
    """Give names for numbers: for cron 0 and 7 are Sunday, for APScheduler 0 is Monday."""
    return re.sub(r"(?<![/\d])[0-7](?!\d)", lambda found: _DAYS[int(found[0])], text)


def _seconds(value: Any) -> float:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None or not SHORTEST <= number <= _LONGEST:
        raise EnfyraError(
            "INVALID_BODY", problems=[f"interval must be seconds, from {SHORTEST} to {_LONGEST}"]
        )
    return float(number)


def _instant(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise EnfyraError(
            "INVALID_BODY", problems=["at must be an instant, such as 2026-03-01T02:00:00+01:00"]
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
