"""The configuration of a guard's rule, read from JSON."""

from __future__ import annotations

from typing import Any, cast

from ..errors import did_you_mean
from ..networks import Networks, parse_network

LISTS = frozenset({"ip_whitelist", "ip_blacklist"})
RATES = frozenset({"rate_limit_by_ip", "rate_limit_by_user", "rate_limit_by_route"})
MOST_REQUESTS = 100_000
# Thirty-one days.
LONGEST_WINDOW = 31 * 86_400
# So many problems of one list are told.
_MOST_TOLD = 5


def rule_problems(type_: str, config: Any) -> list[str]:
    """Give all that is wrong with a rule's configuration.

    Example:
        >>> rule_problems("ip_blacklist", {"ips": ["10.0.0.300"]})[0]
        "config.ips[0]: '10.0.0.300' is no address or network; write 192.0.2.1, 192.0.2.0/24 or \
2001:db8::/32"
        >>> rule_problems("rate_limit_by_ip", {"maxRequests": 0, "perSeconds": 60})
        ['config.maxRequests must be a whole number from 1 to 100000']
    """
    fields = ("ips",) if type_ in LISTS else ("maxRequests", "perSeconds")
    if not isinstance(config, dict):
        return [f"config must be an object with {' and '.join(fields)}"]
    given = cast("dict[str, Any]", config)
    problems = [
        f"config.{name[:80]} is unknown.{did_you_mean(name, fields)}"
        for name in given
        if name not in fields
    ]
    problems += [f"config.{name} is required" for name in fields if name not in given]
    if "ips" in fields and "ips" in given:
        problems += _list_problems(given["ips"])
    for name, most in (("maxRequests", MOST_REQUESTS), ("perSeconds", LONGEST_WINDOW)):
        if name in fields and name in given and not _is_whole(given[name], most):
            problems.append(f"config.{name} must be a whole number from 1 to {most}")
    return problems


def networks_of(config: Any) -> Networks:
    """Give the networks of a list. What is none is left out: it has been refused when it came.

    Example:
        >>> bool(networks_of({"ips": ["no address"]}))
        False
    """
    ips: Any = cast("dict[str, Any]", config).get("ips") if isinstance(config, dict) else None
    given = cast("list[Any]", ips) if isinstance(ips, list) else []
    return Networks(one for one in given if isinstance(one, str) and _is_network(one))


def rate_of(config: Any) -> tuple[int, int] | None:
    """Give how many requests may pass in how many seconds; None where that is not said."""
    if not isinstance(config, dict):
        return None
    given = cast("dict[str, Any]", config)
    most, seconds = given.get("maxRequests"), given.get("perSeconds")
    if _is_whole(most, MOST_REQUESTS) and _is_whole(seconds, LONGEST_WINDOW):
        return cast("int", most), cast("int", seconds)
    return None


def _list_problems(ips: Any) -> list[str]:
    if not isinstance(ips, list) or not ips:
        return ["config.ips must be a list of addresses and networks, and not empty"]
    problems: list[str] = []
    for number, one in enumerate(cast("list[Any]", ips)):
        if not isinstance(one, str):
            problems.append(f"config.ips[{number}] must be a text")
            continue
        try:
            parse_network(one)
        except ValueError as error:
            problems.append(f"config.ips[{number}]: {error}")
        if len(problems) > _MOST_TOLD:
            return [*problems[:_MOST_TOLD], "and more of them"]
    return problems


def _is_network(text: str) -> bool:
    try:
        parse_network(text)
    except ValueError:
        return False
    return True


def _is_whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
