"""Problems of a source in JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..javascript.engine import NOT_INSTALLED, Engine, EngineError, Limits, available
from ..javascript.source import Prepared, prepare
from ..macros import METHODS, MacroError
from ..macros.expanded import problem_at
from ..macros.javascript import Token
from ..script import Problem
from .wording import hint_for, rules

_LIMITS = Limits(seconds=2.0)
_WRITTEN = rules(
    [
        (r"^\s*#(?!\w+\.)", "In JavaScript a comment begins with //"),
        (r"^\s*elif\b", "JavaScript writes: else if (...)"),
        (r"^\s*def\s", "JavaScript writes: function name(argument) { ... }"),
        (r"^\s*(?:if|for|while|else)\b[^{]*:\s*$", "JavaScript has braces: if (condition) { ... }"),
        (r"^\s*(?:if|while)\s+[^(\s]", "The condition stands in brackets: if (condition)"),
        (r"\b(?:let|const|var)\s+\w+\s*:\s*\w", "Types cannot be written: this is not TypeScript"),
        (r"\)\s*:\s*\w+\s*(?:=>|\{)", "Types cannot be written: this is not TypeScript"),
        (r"^\s*(?:interface|enum)\s", "Types cannot be written: this is not TypeScript"),
        (
            r"\bas\s+(?:any|string|number|boolean)\b",
            "Types cannot be written: this is not TypeScript",
        ),
        (r"\snot\s", "JavaScript writes ! for 'not'"),
        (r"\sand\s", "JavaScript writes && for 'and'"),
        (r"\sor\s", "JavaScript writes || for 'or'"),
        (r"\blambda\b", "JavaScript writes: argument => value"),
        (r"\b[fr]['\"]", "JavaScript writes `... ${value} ...`"),
        (r"\bexcept\b", "JavaScript writes: catch (error) { ... }"),
        (r"^\s*import\b", "A script cannot import anything"),
        (r"^\s*export\b", "A script is the body of a function: it gives its result with return"),
    ]
)
_NAMES = {"None": "null", "True": "true", "False": "false"}
_MAKES = frozenset({"let", "const", "var", "function", "class"})
_HANDLERS = frozenset({"then", "catch", "finally"})
# Behind these a variable is handed on to something that may await it.
_HANDS_ON = frozenset({"await", "return", "(", "[", ",", ":", "=>", "...", "yield", "="})
_SYNTAX = re.compile(r"^SyntaxError: ")


def javascript_problems(source: str) -> list[Problem]:
    """Say what is wrong with a source that has `\\n` at the end of every line."""
    try:
        prepared = prepare(source)
    except MacroError as error:
        return [error.problem]
    if not available():
        return [NOT_INSTALLED]
    try:
        Engine(_LIMITS).compile(prepared.text)
    except EngineError as error:
        return [_syntax_problem(prepared, error)]
    return [*_foreign_names(source, prepared.tokens), *_missing_awaits(source, prepared.tokens)]


def _syntax_problem(prepared: Prepared, error: EngineError) -> Problem:
    message = _SYNTAX.sub("", error.message)
    if "Maximum call stack" in message:
        return Problem(message="The script is nested too deeply")
    message = message[:1].upper() + message[1:]
    problem = prepared.problem(message, error.stack)
    return replace(problem, hint=hint_for(problem.text, _WRITTEN))


def _foreign_names(source: str, tokens: Sequence[Token]) -> Iterator[Problem]:
    for before, token, after in _triples(tokens):
        if token.text in _NAMES and before not in {".", "?."} | _MAKES and after not in {":", "="}:
            message = f"There is no '{token.text}' in JavaScript"
            hint = f"JavaScript writes {_NAMES[token.text]}"
            yield problem_at(source, token.start, message, hint)


def _triples(tokens: Sequence[Token]) -> Iterator[tuple[str, Token, str]]:
    for index, token in enumerate(tokens):
        before = tokens[index - 1].text if index else ""
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        yield before, token, after


def _missing_awaits(source: str, tokens: Sequence[Token]) -> Iterator[Problem]:
    texts = [token.text for token in tokens]
    for index, text in enumerate(texts):
        end = _end_of_call(texts, index) if text[:1] in {"#", "@"} else None
        if end is None or not _is_used_at_once(texts, index, end):
            continue
        call = "".join(texts[index : texts.index("(", index)])
        message = f"await is missing before {call}(...)"
        if texts[end : end + 1] == ["."] or texts[end : end + 1] == ["["]:
            hint = f"Brackets too: (await {call}(...)){texts[end]}..."
        else:
            hint = "What asks the server has to be awaited"
        yield problem_at(source, tokens[index].start, message, hint)


def _end_of_call(texts: Sequence[str], index: int) -> int | None:
    """Give what follows a call that asks the server, as `#post.find(...)`, if there is one."""
    at = index + 1
    while texts[at : at + 1] == ["."] and at + 1 < len(texts):
        at += 2
    asks = {"@FETCH": at == index + 1, "@CACHE": at == index + 3}.get(texts[index])
    if asks is None:
        asks = texts[at - 1] in METHODS and (texts[index] == "@REPOS" or texts[index][0] == "#")
    if not asks or texts[at : at + 1] != ["("]:
        return None
    depth = 0
    for position in range(at, len(texts)):
        depth += (texts[position] in ("(", "[", "{")) - (texts[position] in (")", "]", "}"))
        if depth == 0:
            return position + 1
    return None


def _is_used_at_once(texts: Sequence[str], index: int, end: int) -> bool:
    before = texts[index - 1] if index else ""
    after = texts[end] if end < len(texts) else ""
    if before == "await":
        return False
    if after in {".", "?."}:
        return texts[end + 1] not in _HANDLERS if end + 1 < len(texts) else False
    if after == "[" or before == "!":
        return True
    if before == "(" and index >= 2 and texts[index - 2] in {"if", "while"}:
        return True
    if before != "=" or index < 2:
        return False
    if texts[index - 2] in {"}", "]"}:
        return True
    return _is_never_handed_on(texts, index - 2, end)


def _is_never_handed_on(texts: Sequence[str], defined: int, end: int) -> bool:
    """Whether a variable is used, and nowhere so that it may be awaited."""
    name = texts[defined]
    uses = [at for at in range(end, len(texts)) if texts[at] == name and texts[at - 1] != "."]
    direct = [at for at in uses if texts[at + 1 : at + 2] in (["."], ["["], ["?."])]
    handled = [at for at in direct if texts[at + 2 : at + 3] and texts[at + 2] in _HANDLERS]
    handed_on = [at for at in uses if at not in direct and texts[at - 1] in _HANDS_ON]
    awaited = [at for at in direct if texts[at - 1] == "await"]
    return bool(direct) and not handled and not handed_on and not awaited
