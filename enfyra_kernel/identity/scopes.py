"""Scopes: which methods of which paths an API token is for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from ..errors import did_you_mean
from ..metadata.definitions import METHODS

MOST_SCOPES = 50
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """Methods of a path, or of all paths like it.

    Attributes:
        methods: None for all.
        segments: The path's parts; `*` is any one of them.
        deep: Whether everything below is meant, too.

    Example:
        >>> scope = parse_scope("GET,PATCH /post/**")
        >>> scope.covers("GET", "/post"), scope.covers("PATCH", "/post/7")
        (True, True)
        >>> scope.covers("DELETE", "/post/7"), scope.covers("GET", "/posts")
        (False, False)
    """

    methods: frozenset[str] | None
    segments: tuple[str, ...]
    deep: bool

    def covers(self, method: str, path: str) -> bool:
        """Say whether a method of a path is meant."""
        parts = [part for part in path.split("/") if part]
        return self._fits(method, len(parts)) and all(
            wanted in ("*", part) for wanted, part in zip(self.segments, parts, strict=False)
        )

    def may_cover(self, method: str, template: str) -> bool:
        """Say whether a method of some path is meant, as OpenAPI writes what is left open.

        Example:
            >>> parse_scope("PATCH /post/7").may_cover("PATCH", "/post/{id}")
            True
        """
        parts = [part for part in template.split("/") if part]
        return self._fits(method, len(parts)) and all(
            wanted in ("*", part) or part.startswith("{")
            for wanted, part in zip(self.segments, parts, strict=False)
        )

    def _fits(self, method: str, length: int) -> bool:
        if self.methods is not None and ("GET" if method == "HEAD" else method) not in self.methods:
            return False
        return length == len(self.segments) or (length > len(self.segments) and self.deep)


def parse_scope(text: str) -> Scope:
    """Read a scope, such as `GET,POST /shop/*/orders`, `* /post/**` or `GET /me`.

    Raises:
        ValueError: It is none; the message says why.
    """
    methods, _, path = text.strip().partition(" ")
    path = path.strip()
    if not path.startswith("/") or len(text) > _LONGEST:
        raise ValueError("must be methods and a path, such as 'GET,POST /post/**'")
    segments = [part for part in path.split("/") if part]
    deep = bool(segments) and segments[-1] == "**"
    if deep:
        segments.pop()
    if any("*" in part and part != "*" for part in segments):
        raise ValueError("may have '*' for one part of the path, and '/**' at its end")
    return Scope(_methods(methods), tuple(segments), deep)


def _methods(text: str) -> frozenset[str] | None:
    if text == "*":
        return None
    named = [part.strip().upper() for part in text.split(",") if part.strip()]
    for one in named:
        if one not in METHODS:
            raise ValueError(f"has the unknown method '{one[:20]}'.{did_you_mean(one, METHODS)}")
    return frozenset(named)


def problems_of_scopes(value: Any) -> list[str]:
    """Say what is wrong with a body's scopes.

    Example:
        >>> problems_of_scopes(["GET /post", "GTE /post"])
        ["scopes.1 has the unknown method 'GTE'. Did you mean 'GET'?"]
    """
    if not isinstance(value, list) or not all(
        isinstance(one, str) for one in cast("list[Any]", value)
    ):
        return ["scopes must be a list of texts, such as 'GET,POST /post/**'"]
    texts = cast("list[str]", value)
    if not texts or len(texts) > MOST_SCOPES:
        return [f"scopes must have 1 to {MOST_SCOPES} items; leave it out for everything"]
    problems: list[str] = []
    for number, text in enumerate(texts):
        try:
            parse_scope(text)
        except ValueError as error:
            problems.append(f"scopes.{number} {error}")
    return problems


def read_scopes(texts: Iterable[str] | None) -> tuple[Scope, ...] | None:
    """Give the scopes that are stored with a token; None for everything."""
    return None if texts is None else tuple(parse_scope(text) for text in texts)
