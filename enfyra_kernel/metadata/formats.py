"""Formats of texts that a column rule can ask for."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from urllib.parse import urlsplit

_EMAIL = re.compile(r"([^\W_]|[_!#$%&'*+/=?^`{|}~-])+(\.([^\W_]|[_!#$%&'*+/=?^`{|}~-])+)*")
_DOMAIN_LABEL = re.compile(r"[^\W_]([^\W_]|-)*")
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?")
_PHONE = re.compile(r"\+[1-9]([ .()/-]{0,2}[0-9])*")
_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_BLANK = re.compile(r"[\s\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Format:
    """A format.

    Attributes:
        check: Says whether a text has it.
        phrase: What a text of it is called, with an example.
        openapi: Its name in JSON Schema, where it has one.
    """

    check: Callable[[str], bool]
    phrase: str
    openapi: str | None = None


def _email(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    labels = domain.split(".")
    return bool(
        at
        and len(text) <= 254
        and len(local) <= 64
        and _EMAIL.fullmatch(local)
        and len(labels) > 1
        and all(
            len(one) <= 63 and _DOMAIN_LABEL.fullmatch(one) and not one.endswith("-")
            for one in labels
        )
    )


def _hostname(text: str) -> bool:
    return len(text) <= 253 and all(
        len(label) <= 63 and _HOST_LABEL.fullmatch(label) for label in text.split(".")
    )


def _url(text: str) -> bool:
    if _BLANK.search(text):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return (
        parts.scheme in {"http", "https"}
        and port != 0
        and (_hostname(host) or _ipv6(host) or _foreign_host(host))
    )


def _foreign_host(host: str) -> bool:
    return len(host) <= 253 and all(
        len(label) <= 63 and _DOMAIN_LABEL.fullmatch(label) for label in host.split(".")
    )


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


_ipv4 = _parses(ipaddress.IPv4Address)
_any_ipv6 = _parses(ipaddress.IPv6Address)
_network = _parses(ipaddress.ip_interface)
_calendar_date = _parses(date.fromisoformat)
_clock_time = _parses(time.fromisoformat)
_instant = _parses(datetime.fromisoformat)


def _ipv6(text: str) -> bool:
    return "%" not in text and _any_ipv6(text)


def _ip(text: str) -> bool:
    return _ipv4(text) or _ipv6(text)


def _cidr(text: str) -> bool:
    return "/" in text and "%" not in text and _network(text)


def _date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None and _calendar_date(text)


def _time(text: str) -> bool:
    return _TIME.fullmatch(text) is not None and _clock_time(text)


def _datetime(text: str) -> bool:
    day, _, clock = text.partition("T")
    return _date(day) and _TIME.fullmatch(clock) is not None and _instant(text)


def _phone(text: str) -> bool:
    digits = sum(one.isdigit() for one in text)
    return len(text) <= 40 and 7 <= digits <= 15 and _PHONE.fullmatch(text) is not None


def _of(expression: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: expression.fullmatch(text) is not None


FORMATS: Mapping[str, Format] = {
    "email": Format(_email, "an email address, such as ann@example.org", "email"),
    "url": Format(_url, "a web address, such as https://example.org/page", "uri"),
    "uuid": Format(_of(_UUID), "a UUID", "uuid"),
    "ip": Format(_ip, "an IP address, such as 192.0.2.7 or 2001:db8::7"),
    "ipv4": Format(_ipv4, "an IPv4 address, such as 192.0.2.7", "ipv4"),
    "ipv6": Format(_ipv6, "an IPv6 address, such as 2001:db8::7", "ipv6"),
    "cidr": Format(_cidr, "an IP network, such as 192.0.2.0/24"),
    "hostname": Format(_hostname, "a host's name, such as www.example.org", "hostname"),
    "slug": Format(_of(_SLUG), "lower-case letters, digits and single hyphens, such as my-page"),
    "date": Format(_date, "a date, such as 2026-11-20", "date"),
    "time": Format(_time, "a time of day, such as 13:45"),
    "datetime": Format(_datetime, "a date and time, such as 2026-11-20T13:45:00Z"),
    "phone": Format(_phone, "an international telephone number, such as +49 30 123456"),
    "color": Format(_of(_COLOR), "a colour, such as #1e90ff"),
}
