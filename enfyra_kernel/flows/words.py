"""Schedules in words."""

from __future__ import annotations

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_DAYS = {
    "0": "Sunday", "1": "Monday", "2": "Tuesday", "3": "Wednesday", "4": "Thursday",
    "5": "Friday", "6": "Saturday", "7": "Sunday", "sun": "Sunday", "mon": "Monday",
    "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
}  # fmt: skip


def every(seconds: float) -> str:
    """Say an interval.

    Example:
        >>> every(60), every(5400), every(0.5)
        ('every minute', 'every 90 minutes', 'every 0.5 seconds')
    """
    for size, name in _UNITS:
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return f"every {name}" if number == 1 else f"every {number} {name}s"
    return f"every {seconds:g} seconds"


def in_words(cron: str) -> str:
    """Say a cron expression, or give it as it is where words would be longer than it.

    Example:
        >>> in_words("0 2 * * *")
        'every day at 02:00'
        >>> in_words("30 9 * * 1-5")
        'at 09:30 from Monday to Friday'
        >>> in_words("*/15 * * * *")
        'every 15 minutes'
        >>> in_words("0 0 1 * *")
        'at 00:00 on day 1 of every month'
        >>> in_words("5 4 1-7 2 mon")
        '5 4 1-7 2 mon'
    """
    fields = cron.split()
    if len(fields) != 5:
        return cron
    minute, hour, day, month, weekday = fields
    if hour == day == month == weekday == "*":
        return _of_minutes(minute) or cron
    at = _clock(minute, hour)
    if at is None or month != "*":
        return cron
    if day == "*" and weekday == "*":
        return f"every day at {at}"
    if weekday == "*" and day.isdigit():
        return f"at {at} on day {day} of every month"
    if day == "*" and (days := _days(weekday)) is not None:
        return f"at {at} {days}"
    return cron


def _of_minutes(minute: str) -> str | None:
    if minute == "*":
        return "every minute"
    if minute.startswith("*/") and minute[2:].isdigit():
        return every(60 * int(minute[2:]))
    if minute.isdigit():
        return f"every hour at minute {minute}"
    return None


def _clock(minute: str, hour: str) -> str | None:
    if not (minute.isdigit() and hour.isdigit()):
        return None
    return f"{int(hour):02}:{int(minute):02}"


def _days(weekday: str) -> str | None:
    first, dash, last = weekday.lower().partition("-")
    if dash and first in _DAYS and last in _DAYS:
        return f"from {_DAYS[first]} to {_DAYS[last]}"
    names = [_DAYS.get(one) for one in weekday.lower().split(",")]
    if None in names:
        return None
    return "on " + ", ".join(str(name) for name in names)
