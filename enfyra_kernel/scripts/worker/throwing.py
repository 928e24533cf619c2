"""The errors of scripts: what they throw, and what the server refuses them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

from ..channel import Fault
from ..throws import NAMED, STATUSES, Throw, by_status, duplicate_message, not_found_message
from .values import decoded, encoded


class Thrown(Exception):
    """What a script has thrown, or the server has refused it; scripts may catch it.

    Attributes:
        code: One of the catalogue's.
        status: The HTTP status.
    """

    def __init__(
        self, message: str, code: str, status: int | None, details: Any = None, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.details = details
        self.hint = hint


class TimeLimit(BaseException):
    """The script has taken longer than it may."""


def refusal(fault: Fault) -> Thrown:
    """Give the exception for what the server has refused."""
    details = decoded(fault.details) if fault.details is not None else None
    return Thrown(fault.message, fault.code, fault.status, details, fault.hint or "")


class Throwing:
    """`ctx.throw`: `throw("message")`, `throw.http(404, "message")`, `throw.http_404("message")`.

    Example:
        >>> try:
        ...     Throwing().not_found("Project", "p1")
        ... except Thrown as error:
        ...     error.status, error.message
        (404, "Project with identifier 'p1' not found")
    """

    __slots__ = ()

    def __call__(self, message: Any = None, details: Any = None) -> NoReturn:
        """Throw with the status 400."""
        raise _thrown(NAMED["businessLogic"], message, details)

    def http(self, status: int, message: Any = None, details: Any = None) -> NoReturn:
        """Throw with a status from 400 to 599."""
        raise _thrown(by_status(int(status)), message, details)

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        way = _WAYS.get(name)
        if way is None:
            raise AttributeError(
                f"There is no throw.{name}: there are {', '.join(sorted(_SNAKE.values()))}"
            )
        return way


def _thrown(way: Throw, message: Any, details: Any) -> Thrown:
    text = way.message if message is None else str(message)
    if details is not None:
        encoded(details)  # what cannot travel is the error of this line
    return Thrown(text, way.code, way.status, details)


def _plainly(way: Throw) -> Callable[..., NoReturn]:
    def throw(message: Any = None, details: Any = None) -> NoReturn:
        raise _thrown(way, message, details)

    return throw


def _not_found(resource: str = "", identifier: object = None) -> NoReturn:
    message = not_found_message(resource, identifier) if resource else None
    raise _thrown(NAMED["notFound"], message, None)


def _duplicate(resource: str = "", field: str | None = None, value: object = None) -> NoReturn:
    message = duplicate_message(resource, field, value) if resource else None
    raise _thrown(NAMED["duplicate"], message, None)


_SNAKE = {name: re.sub("([A-Z])", r"_\1", name).lower() for name in NAMED}
_CAMEL: dict[str, Callable[..., NoReturn]] = {
    **{f"http_{status}": _plainly(way) for status, way in STATUSES.items()},
    **{name: _plainly(way) for name, way in NAMED.items()},
    "notFound": _not_found,
    "duplicate": _duplicate,
}
_WAYS = _CAMEL | {snake: _CAMEL[name] for name, snake in _SNAKE.items()}
