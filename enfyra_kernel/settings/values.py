"""Values of settings: read from text, or refused with ValueError."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..networks import parse_network
from ..uri import DatabaseUri, split_address

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SCHEDULER = re.compile(r"(tcp|tls|ws|wss|ucx|ucxx)://([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}/?")


def database_uri(value: Any) -> Any:
    """Read the address of a database."""
    return DatabaseUri.parse(value) if isinstance(value, str) else value


def database_uris(value: Any) -> Any:
    """Read the addresses of databases."""
    if not isinstance(value, str):
        return value
    return tuple(DatabaseUri.parse(part) for part in separated(value))


def networks(value: Any) -> Any:
    """Read a list of addresses and networks."""
    if not isinstance(value, str):
        return value
    listed = separated(value)
    for one in listed:
        parse_network(one)
    return listed


def header_name(value: Any) -> Any:
    """Check the name of a header."""
    if not isinstance(value, str):
        return value
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError("must be the name of a header, such as X-Forwarded-For or Forwarded")
    return value.lower()


def redis_uri(value: Any) -> Any:
    """Check the address of a Redis."""
    if isinstance(value, str):
        parts = split_address(value)
        if parts.scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must start with redis://, rediss:// or unix://")
        if parts.scheme != "unix" and not parts.hostname:
            raise ValueError("names no host")
    return value


def node_name(value: Any) -> Any:
    """Check an instance's name."""
    if isinstance(value, str) and not _NODE_NAME.fullmatch(value):
        raise ValueError("must be letters, digits, '.', '_' or '-', at most 128 of them")
    return value


def http_url(value: Any) -> Any:
    """Check an address of the web."""
    if isinstance(value, str):
        parts = split_address(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an http:// or https:// address")
        return value.rstrip("/")
    return value


def scheduler_address(value: Any) -> Any:
    """Check the address of a scheduler of Dask."""
    if value is not None and not (isinstance(value, str) and _SCHEDULER.fullmatch(value)):
        raise ValueError("must be an address such as tcp://host:8786 or tls://host:8786")
    return value


def keys_of(least: int) -> Callable[[Any], Any]:
    """Give what checks a list of keys, each with so many characters at least."""

    def check(value: Any) -> Any:
        if isinstance(value, str):
            keys = separated(value)
            if not keys:
                raise ValueError("holds no key")
            if any(len(key) < least for key in keys):
                raise ValueError(f"each key must have at least {least} characters")
            if len(set(keys)) != len(keys):
                raise ValueError("a key is there twice")
        return value

    return check


def names(value: Any) -> Any:
    """Read a list of names."""
    return separated(value) if isinstance(value, str) else value


def separated(value: str) -> tuple[str, ...]:
    """Give the parts between commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())
