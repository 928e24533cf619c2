"""The engine's words about an error, in plain ones."""

from __future__ import annotations

import re
from dataclasses import replace

from ..script import Problem
from .engine import Limits
from .source import Prepared

_UNDEFINED = re.compile(r"ReferenceError: '?([\w$]+)'? is not defined")
_NOT_A_FUNCTION = re.compile(r"[.\s]*([\w$]+)")
_INSTEAD = {
    "setTimeout": "await @HELPERS.$sleep(milliseconds) waits",
    "setInterval": "await @HELPERS.$sleep(milliseconds) waits",
    "queueMicrotask": "Use Promise.resolve().then(...)",
    "fetch": "await @FETCH(url, options) asks another server",
    "crypto": "@HELPERS.$crypto has randomUUID, randomBytes, sha256 and hmacSha256",
    "process": "The environment is @ENV",
    "require": "JavaScript has no packages here",
    "Buffer": "btoa and atob convert base64; @HELPERS.$crypto hashes texts",
    "None": "JavaScript writes null",
    "True": "JavaScript writes true",
    "False": "JavaScript writes false",
    "print": "@LOGS(...) or console.log(...) writes to the log",
    "len": "The length is text.length",
    "ctx": "In JavaScript the context is $ctx, as in $ctx.$body",
}


def explained(prepared: Prepared, message: str, stack: str, limits: Limits) -> Problem:
    """Give the problem for an error of the engine or of the script's own code."""
    if message.startswith("InternalError: interrupted"):
        return prepared.problem(
            f"The script has computed for more than {limits.seconds:g} seconds",
            stack,
            "A loop that never ends? Large amounts of data are for a flow",
        )
    if message.startswith("InternalError: out of memory"):
        megabytes = limits.memory >> 20
        return prepared.problem(f"The script has used more than {megabytes} MB of memory", stack)
    if message == "null":
        hint = f"Or it has used its {limits.memory >> 20} MB of memory"
        return prepared.problem("The script has thrown null", stack, hint)
    if message.startswith("RangeError: Maximum call stack size exceeded"):
        hint = "A function that calls itself without end?"
        return prepared.problem("The calls are nested too deeply", stack, hint)
    undefined = _UNDEFINED.match(message)
    problem = prepared.problem(message, stack, _INSTEAD.get(undefined[1]) if undefined else None)
    if message == "TypeError: not a function" and problem.column is not None:
        # The engine does not say what is not a function, but where it stands.
        name = _NOT_A_FUNCTION.match(problem.text, problem.column - 1)
        if name is not None:
            return replace(problem, message=f"TypeError: {name[1]} is not a function")
    return problem
