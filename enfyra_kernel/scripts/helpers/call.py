"""What a script has called, and the reading of its arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from ...errors import EnfyraError, did_you_mean

_Options = TypeVar("_Options", bound=msgspec.Struct)
_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_KINDS: dict[type[Any], str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


def kind_of(value: object) -> str:
    """Say what a JSON value is.

    Example:
        >>> kind_of([1]), kind_of(None)
        ('a list', 'null')
    """
    kind = type(value)
    return _KINDS.get(kind, kind.__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a script; its methods read an argument by its place, and give its name in errors.

    Every method raises INVALID_ARGUMENT when the argument is not what it should be.

    Example:
        >>> Call("cache.get", ["greeting"]).text(0, "key")
        'greeting'
    """

    function: str
    arguments: list[Any]

    def value(self, place: int) -> Any:
        """Give an argument, or None if it was left out."""
        return self.arguments[place] if place < len(self.arguments) else None

    def takes(self, most: int) -> Call:
        """Refuse more arguments than there are parameters."""
        if len(self.arguments) > most:
            raise self.refusal(f"takes {most} arguments at most, not {len(self.arguments)}")
        return self

    def text(self, place: int, name: str, *, longest: int = 1_000_000) -> str:
        """Give a text that is not empty."""
        value = self.value(place)
        if not isinstance(value, str):
            raise self.refusal(f"{name} must be a text, not {kind_of(value)}", name)
        if not value:
            raise self.refusal(f"{name} is empty", name)
        if len(value) > longest:
            raise self.refusal(f"{name} is longer than {longest} characters", name)
        return value

    def number(self, place: int, name: str, *, default: float) -> float:
        """Give a number, or the default for null."""
        value = self.value(place)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refusal(f"{name} must be a number, not {kind_of(value)}", name)
        return value

    def record(self, place: int, name: str) -> dict[str, Any]:
        """Give an object."""
        value = self.value(place)
        if not isinstance(value, dict):
            raise self.refusal(f"{name} must be an object, not {kind_of(value)}", name)
        return value  # pyright: ignore[reportUnknownVariableType]

    def options(self, place: int, kind: type[_Options]) -> _Options:
        """Give options, which are an object with some of the names that there are."""
        given: Any = self.value(place)
        if given is None:
            given = {}
        if not isinstance(given, dict):
            raise self.refusal(f"options must be an object, not {kind_of(given)}", "options")
        names = [one.encode_name for one in msgspec.structs.fields(kind)]
        for name in map(str, given):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            if name not in names:
                raise EnfyraError(
                    "INVALID_ARGUMENT",
                    f"{self.function} has no option '{name}'.{did_you_mean(name, names)}",
                    details={"function": self.function, "argument": name, "options": names},
                )
        try:
            return msgspec.convert(given, kind)
        except msgspec.ValidationError as error:
            raise self._misfit(str(error)) from None

    def _misfit(self, message: str) -> EnfyraError:
        found = _PLACE.search(message)
        if found is None:
            return self.refusal(f"options: {message}", "options")
        return self.refusal(f"option '{found[1]}': {message[: found.start()]}", found[1])

    def refusal(self, problem: str, argument: str | None = None) -> EnfyraError:
        """Give the error for an argument that does not fit."""
        return EnfyraError(
            "INVALID_ARGUMENT",
            f"{self.function}: {problem}",
            details={"function": self.function, "argument": argument},
        )
