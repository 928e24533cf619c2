"""Web origins whose pages may call: listed one by one, by patterns, or all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

ANY = "*"
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9*_.-]+|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}|\*))?"
)
_LONGEST = 200


class Welcome(StrEnum):
    """How the pages of an origin may call."""

    # With cookies: it is listed.
    LISTED = "listed"
    # Without: all are let in.
    ANYBODY = "anybody"


def origin_problem(text: str) -> str | None:
    """Say what is wrong with an origin or a pattern; None if nothing is.

    Example:
        >>> origin_problem("https://*.example.com"), origin_problem("https://example.com/")
        (None, 'must be without a path: https://example.com')
    """
    lower = text.lower()
    if lower == ANY:
        return None
    if lower == "null":
        return "cannot be null: that is what any page calls itself that is shut in"
    found = _ORIGIN.fullmatch(lower)
    if found is None or len(text) > _LONGEST:
        head = _ORIGIN.match(lower)
        if head is not None and lower[head.end() : head.end() + 1] in {"/", "?", "#"}:
            return f"must be without a path: {head[0][:_LONGEST]}"
        return (
            "must look like https://shop.example.com, https://*.example.com, http://localhost:* "
            "or *"
        )
    scheme, host, port = found["scheme"], found["host"], found["port"]
    if port is not None and port == _DEFAULT_PORTS.get(scheme):
        return f"must be without the port {port}, as browsers send it: {scheme}://{host}"
    if port is not None and port != "*" and int(port) > 65535:
        return "has a port that there is not"
    if host.count("*") > 1:
        return "can have one * in its host, not more"
    if "*" in host and any("*" in label for label in _domain_of(host)):
        return (
            "is a pattern for far too much: only what is before a domain such as example.com can "
            "be *"
        )
    return None


def _domain_of(host: str) -> list[str]:
    """Give the labels at the end of a host that somebody owns."""
    labels = host.split(".")
    return labels[-1:] if labels[-1] == "localhost" else labels[-2:]


class Origins:
    """The origins that are let in. In a pattern `*` is a part of a name, or any port.

    Example:
        >>> origins = Origins(["https://shop.example.com", "https://*.example.org"])
        >>> origins.welcome("https://a.example.org"), origins.welcome("https://a.b.example.org")
        (<Welcome.LISTED: 'listed'>, None)
    """

    def __init__(self, texts: Iterable[str]) -> None:
        sound = [text.lower() for text in texts if origin_problem(text) is None]
        self._exact = frozenset(text for text in sound if "*" not in text)
        self._patterns = tuple(_compiled(one) for one in sound if "*" in one and one != ANY)
        self._anybody = ANY in sound

    def __bool__(self) -> bool:
        return bool(self._exact or self._patterns or self._anybody)

    @property
    def differ(self) -> bool:
        """Whether answers differ by origin."""
        return bool(self._exact or self._patterns)

    def welcome(self, origin: str) -> Welcome | None:
        """Say how an origin's pages may call; None if they may not."""
        if len(origin) <= _LONGEST:
            lower = origin.lower()
            if lower in self._exact or any(one.fullmatch(lower) for one in self._patterns):
                return Welcome.LISTED
        return Welcome.ANYBODY if self._anybody else None


def _compiled(pattern: str) -> re.Pattern[str]:
    head, any_port = pattern.removesuffix(":*"), pattern.endswith(":*")
    text = re.escape(head).replace(r"\*", "[a-z0-9-]+")
    return re.compile(text + (r"(?::\d{1,5})?" if any_port else ""))
