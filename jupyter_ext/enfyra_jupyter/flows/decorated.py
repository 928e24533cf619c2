"""Flows written as functions of Python with `@step` above them.

Their source is taken as it stands, and runs in the server's sandbox: it may use macros such as
`@FLOW_PAYLOAD` and `#post`, which are no Python, so that the cell is read line by line. What
parameters a function has says what it gets: results of other steps by their keys, or `payload`,
`last`, `meta`.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from enfyra_kernel.errors import did_you_mean

from ..definitions import DefinitionError

_DECORATOR = re.compile(r"^@(?P<name>\w+)\s*(?P<call>\(.*\))?\s*(?:#.*)?$")
_HEAD = re.compile(r"^(?:async\s+)?def\s+(?P<name>\w+)\s*\((?P<given>[^()]*)\)\s*(?:->[^:]+)?:")
_MARK = re.compile(r"^@(?:step|condition)\b", re.MULTILINE)
_KNOWN = ("step", "condition")
_OPTIONS = ("retry", "timeout", "on_error", "when", "unless", "type")
_TYPES = ("script", "python")
_MACROS = {"payload": "@FLOW_PAYLOAD", "last": "@FLOW_LAST", "meta": "@FLOW_META"}


def is_decorated(text: str) -> bool:
    """Say whether a cell is functions rather than YAML."""
    return _MARK.search(text) is not None


def read_decorated(text: str) -> dict[str, Any]:
    """Read functions into a flow.

    Raises:
        DefinitionError: Naming the line.

    Example:
        >>> read_decorated('''
        ... @step(retry=3)
        ... def total(payload):
        ...     return sum(payload.amounts)
        ... ''')["steps"]
        [{'key': 'total', 'type': 'script', 'sourceCode': 'payload = @FLOW_PAYLOAD\\nreturn \
sum(payload.amounts)', 'onError': 'retry', 'retryAttempts': 3}]
    """
    steps: list[dict[str, Any]] = []
    by_key: dict[str, dict[str, Any]] = {}
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        if not line.strip() or line.startswith("#"):
            number += 1
            continue
        decorator = _decorator(line, number + 1)
        step, options, number = _function(decorator, lines, number + 1)
        if step["key"] in by_key:
            raise DefinitionError(f"Line {number}: there are two functions '{step['key']}'")
        by_key[step["key"]] = step
        _place(step, options, steps, by_key)
    return {"steps": steps}


def _decorator(line: str, number: int) -> tuple[str, dict[str, Any]]:
    found = _DECORATOR.match(line)
    if found is None:
        raise DefinitionError(
            f"Line {number}: only functions with @step or @condition stand here, and not "
            f"'{line.strip()[:40]}'; imports belong into the functions"
        )
    name = found["name"]
    if name not in _KNOWN:
        raise DefinitionError(f"Line {number}: there is no @{name}.{did_you_mean(name, _KNOWN)}")
    try:
        call = ast.parse(f"f{found['call'] or '()'}", mode="eval").body
        options = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
        assert not call.args  # noqa: S101 - caught below
    except (SyntaxError, ValueError, AssertionError):
        raise DefinitionError(
            f"Line {number}: @{name} takes options that are written out, as in "
            "@step(retry=3, timeout=10000)"
        ) from None
    for option in options:
        if option not in _OPTIONS:
            hint = did_you_mean(str(option), _OPTIONS) or f" There are: {', '.join(_OPTIONS)}"
            raise DefinitionError(f"Line {number}: @{name} has no option '{option}'.{hint}")
    return name, options


def _function(
    decorator: tuple[str, dict[str, Any]], lines: list[str], number: int
) -> tuple[dict[str, Any], Mapping[str, Any], int]:
    """Read one function; give the step, its options, and the number of the line behind it."""
    name, options = decorator
    head = _HEAD.match(lines[number]) if number < len(lines) else None
    if head is None:
        raise DefinitionError(
            f"Line {number + 1}: below @{name} stands a function on one line, as in "
            "def total(payload):"
        )
    begin, rest = number + 1, lines[number][head.end() :].strip()
    number = begin
    while number < len(lines) and (not lines[number].strip() or lines[number][0] in " \t"):
        number += 1
    body = textwrap.dedent("\n".join(lines[begin:number])).strip("\n").rstrip()
    if rest and not rest.startswith("#"):
        body = rest
    if not body:
        raise DefinitionError(f"Line {begin}: the function '{head['name']}' is empty")
    parameters = [_parameter(one, begin) for one in head["given"].split(",") if one.strip()]
    kind = "condition" if name == "condition" else _type(options, begin)
    if kind == "python":
        source = _called(head, lines[begin - 1 : number], parameters, begin)
    else:
        # In one line, so that the lines of errors are those of the function, `def` being the first.
        given = "; ".join(f"{one} = {_MACROS.get(one, f'@FLOW.{one}')}" for one in parameters)
        source = f"{given}\n{body}" if given else body
    step: dict[str, Any] = {"key": head["name"], "type": kind, "sourceCode": source}
    if "retry" in options:
        step |= {"onError": "retry", "retryAttempts": options["retry"]}
    elif "on_error" in options:
        step["onError"] = options["on_error"]
    if "timeout" in options:
        step["timeout"] = options["timeout"]
    return step, options, number


def _type(options: Mapping[str, Any], number: int) -> str:
    kind = str(options.get("type", "script"))
    if kind not in _TYPES:
        hint = did_you_mean(kind, _TYPES)
        raise DefinitionError(
            f"Line {number}: a function is a step of the type {' or '.join(_TYPES)}, not "
            f"'{kind}'.{hint} YAML has all types"
        )
    return kind


def _parameter(text: str, number: int) -> str:
    name = text.partition(":")[0].strip()
    if not name.isidentifier() or "=" in text:
        raise DefinitionError(
            f"Line {number}: parameters are keys of other steps, payload, last or meta, and not "
            f"'{text.strip()}'"
        )
    return name


def _called(head: re.Match[str], lines: list[str], parameters: list[str], number: int) -> str:
    """Give the source of a step of the type `python`: the function as it is, and a call of it."""
    if head[0].startswith("async"):
        raise DefinitionError(f"Line {number}: a step of the type python is no async function")
    function = "\n".join(lines).rstrip()
    given = ", ".join(f'flow["{one}"]' for one in parameters)
    return f"{function}\n\n\n{head['name']}({given})"


def _place(
    step: dict[str, Any],
    options: Mapping[str, Any],
    steps: list[dict[str, Any]],
    by_key: Mapping[str, dict[str, Any]],
) -> None:
    """Put a step at the end of the flow, or of the branch that it says."""
    for option, branch in (("when", "then"), ("unless", "else")):
        if option not in options:
            continue
        key = str(options[option])
        conditions = [name for name, one in by_key.items() if one["type"] == "condition"]
        if key not in conditions:
            hint = did_you_mean(key, conditions)
            raise DefinitionError(
                f"{step['key']}: {option} names a @condition above it, and not '{key}'.{hint}"
            )
        by_key[key].setdefault(branch, []).append(step)
        return
    steps.append(step)
