"""`{{ expressions }}` in the configuration of steps, over what the run knows so far."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

_EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
# What can be looked up without running anything.
_PATH = re.compile(
    r"@FLOW(?P<room>_PAYLOAD|_LAST|_META)?(?P<steps>(?:\.[A-Za-z_]\w*|\[\d{1,9}\]|\[-\d{1,9}\])*)"
)
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(-?\d+)\]")
_ROOMS = {"_PAYLOAD": "payload", "_LAST": "last", "_META": "meta"}


class Path(NamedTuple):
    """A way into what a run knows: names and positions, one after the other."""

    steps: tuple[str | int, ...]

    def value(self, known: Mapping[str, Any]) -> Any:
        """Follow it; what is not there is null.

        Example:
            >>> path_of("@FLOW_PAYLOAD.rows[0].id").value({"payload": {"rows": [{"id": 7}]}})
            7
        """
        value: Any = known
        for step in self.steps:
            if isinstance(value, Mapping):
                value = cast("Mapping[Any, Any]", value).get(step)
            elif isinstance(step, int) and isinstance(value, list):
                found = cast("list[Any]", value)
                value = found[step] if -len(found) <= step < len(found) else None
            else:
                return None
        return value


def path_of(expression: str) -> Path | None:
    """Read an expression that only looks something up; None for one that computes."""
    found = _PATH.fullmatch(expression.strip())
    if found is None:
        return None
    room = _ROOMS.get(found["room"] or "")
    steps: list[str | int] = [room] if room else []
    for name, position in _STEP.findall(found["steps"]):
        steps.append(name or int(position))
    return Path(tuple(steps))


def expressions_in(config: Any) -> list[str]:
    """Give all expressions that a configuration holds, each once.

    Example:
        >>> expressions_in({"id": "{{ @FLOW_PAYLOAD.id }}", "note": ["{{ 1 + 1 }} pieces"]})
        ['@FLOW_PAYLOAD.id', '1 + 1']
    """
    found = (one.strip() for text in _texts(config) for one in _EXPRESSION.findall(text))
    return list(dict.fromkeys(found))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in cast("Mapping[Any, Any]", value).values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _texts(one)


def filled(config: Any, values: Mapping[str, Any], text: Callable[[Any], str]) -> Any:
    """Put values in the places of expressions.

    A string that is one expression becomes its value, of whatever type; within a longer string,
    the value stands as text.

    Args:
        values: By expression.
        text: Gives a value as text.

    Example:
        >>> filled({"n": "{{ a }}", "s": "n is {{ a }}"}, {"a": 1}, str)
        {'n': 1, 's': 'n is 1'}
    """
    if isinstance(config, str):
        whole = _EXPRESSION.fullmatch(config.strip())
        if whole is not None and "{{" not in whole[1]:
            return values[whole[1].strip()]
        return _EXPRESSION.sub(lambda found: text(values[found[1].strip()]), config)
    if isinstance(config, Mapping):
        named = cast("Mapping[str, Any]", config)
        return {name: filled(one, values, text) for name, one in named.items()}
    if isinstance(config, list):
        return [filled(one, values, text) for one in cast("list[Any]", config)]
    return config


def script_of(expressions: Sequence[str]) -> str:
    """Give the script that computes some expressions, as a list.

    Example:
        >>> print(script_of(["@FLOW_LAST.total * 2"]))
        return [
            (@FLOW_LAST.total * 2),
        ]
    """
    lines = "".join(f"    ({one}),\n" for one in expressions)
    return f"return [\n{lines}]"
