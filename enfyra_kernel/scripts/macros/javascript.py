"""Macros in JavaScript.

The scanner knows strings, templates, comments and regular expressions, and pairs the brackets.

- `@NAME` is a macro; JavaScript itself has no such sign.
- `%name` is a package unless something that has a value stands before it (a remainder).
- `#name` is a repository unless it names a private member of a class: behind a dot, before `in`,
  or where a statement or a member begins and no `.` follows the name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..script import Language, Problem
from .expanded import Edit, MacroError, problem_at, unknown_macro
from .names import PREFIXES, expansions

_MACROS = expansions(Language.JAVASCRIPT)
_PREFIXES = PREFIXES[Language.JAVASCRIPT]
_NAME = re.compile(r"(?:\$|[^\W\d])[$\w]*")
_NUMBER = re.compile(r"\.?\d(?:[eE][+-]?|[\w.])*")
_SPACE = re.compile(r"\s+")
_COMMENT = re.compile(r"//[^\n\u2028\u2029]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_STRINGS = {
    "'": re.compile(r"'(?:[^'\\\n]|\\.)*'?", re.DOTALL),
    '"': re.compile(r'"(?:[^"\\\n]|\\.)*"?', re.DOTALL),
}
_TEMPLATE = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{|\Z)", re.DOTALL)
_REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[$\w]*")
_SIGNS = re.compile(r"\+\+|--|=>|\?\.(?!\d)|\.\.\.|.", re.DOTALL)
_IN = re.compile(r"\s+in\b")
_MEMBER = re.compile(r"\s*(?:\?\.|\.)")
# Behind these a value begins; behind any other name an operator.
_KEYWORDS = frozenset(
    {
        "await", "break", "case", "continue", "default", "delete", "do", "else", "extends",
        "finally", "in", "instanceof", "new", "of", "return", "throw", "try", "typeof", "void",
        "yield",
    }
)  # fmt: skip
_CONTROL = frozenset({"if", "while", "for", "with", "catch", "switch"})
_CLOSES = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of code that is neither space nor comment."""

    text: str
    start: int


@dataclass(slots=True)
class _Opened:
    """A bracket that is open.

    Attributes:
        has_value: Whether what it encloses is a value, so that a `/` behind it divides.
        template: Whether it is the `${` of a template.
    """

    sign: str
    start: int
    has_value: bool
    template: bool = False


class JavascriptScanner:
    """Finds the macros of one source, and a bracket that has no counterpart."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._edits: list[Edit] = []
        self._opened: list[_Opened] = []
        self._has_value = False
        self._new_line = True
        self._bracket_problem: Problem | None = None
        self.tokens: list[Token] = []

    def edits(self) -> Sequence[Edit]:
        """Give what has to be replaced, in order.

        Raises:
            MacroError: There is no such macro.
        """
        while self._at < len(self._source):
            self._step()
        return self._edits

    def bracket_problem(self) -> Problem | None:
        """Say which bracket has no counterpart, after `edits`."""
        if self._bracket_problem is None and self._opened:
            opened = self._opened[-1]
            sign = "${" if opened.template else opened.sign
            return problem_at(self._source, opened.start, f"'{sign}' was never closed")
        return self._bracket_problem

    def _step(self) -> None:
        source, at = self._source, self._at
        sign = source[at]
        if space := _SPACE.match(source, at):
            self._new_line = self._new_line or "\n" in space[0]
            self._at = space.end()
        elif comment := _COMMENT.match(source, at):
            self._new_line = self._new_line or "\n" in comment[0]
            self._at = comment.end()
        elif string := _STRINGS[sign].match(source, at) if sign in _STRINGS else None:
            self._token(string[0], has_value=True)
        elif sign == "`":
            self._template(at, at + 1)
        elif number := _NUMBER.match(source, at):
            self._token(number[0], has_value=True)
        elif name := _NAME.match(source, at):
            member = self._before in {".", "?."}
            self._token(name[0], has_value=member or name[0] not in _KEYWORDS)
        elif sign == "/" and not self._has_value and (regex := _REGEX.match(source, at)):
            self._token(regex[0], has_value=True)
        elif sign in "@#%" and self._macro(sign):
            pass
        else:
            self._sign()

    @property
    def _before(self) -> str:
        return self.tokens[-1].text if self.tokens else ""

    def _token(self, text: str, *, has_value: bool) -> None:
        self.tokens.append(Token(text, self._at))
        self._at += len(text)
        self._has_value = has_value
        self._new_line = False

    def _template(self, start: int, at: int) -> None:
        """Read a template's text from `at` to its end or its next field."""
        found = _TEMPLATE.match(self._source, at)
        end = found.end() if found is not None else len(self._source)
        field = self._source.endswith("${", at, end)
        if field:
            self._opened.append(_Opened("{", end - 2, has_value=True, template=True))
        elif not self._source.endswith("`", at, end):
            self._report(start, "'`' was never closed")
        self._token(self._source[self._at : end], has_value=not field)

    # -- signs ------------------------------------------------------------------------------------

    def _sign(self) -> None:
        found = _SIGNS.match(self._source, self._at)
        sign = found[0] if found is not None else self._source[self._at]
        if sign in "([{":
            self._open(sign)
        elif sign in _CLOSES:
            self._close(sign)
        else:
            postfix = sign in {"++", "--"} and self._has_value and not self._new_line
            self._token(sign, has_value=postfix)

    def _open(self, sign: str) -> None:
        has_value = True
        if sign == "(":
            has_value = self._before not in _CONTROL
        elif sign == "{":
            block = self._before in {"", ")", ";", "{", "}", "=>", "else", "do", "try", "finally"}
            has_value = not block
        self._opened.append(_Opened(sign, self._at, has_value))
        self._token(sign, has_value=False)

    def _close(self, sign: str) -> None:
        opened = self._opened.pop() if self._opened else None
        if opened is None:
            self._report(self._at, f"'{sign}' closes nothing")
        elif opened.sign != _CLOSES[sign]:
            line = self._source.count("\n", 0, opened.start) + 1
            self._report(self._at, f"'{sign}' does not close the '{opened.sign}' of line {line}")
        elif opened.template:
            self._template(opened.start, self._at + 1)
            return
        self._token(sign, has_value=opened is None or opened.has_value)

    def _report(self, start: int, message: str) -> None:
        if self._bracket_problem is None:
            self._bracket_problem = problem_at(self._source, start, message)

    # -- macros -----------------------------------------------------------------------------------

    def _macro(self, sign: str) -> bool:
        """Read a macro, and say whether there is one here."""
        source, at = self._source, self._at
        found = _NAME.match(source, at + 1)
        if found is None:
            return False
        name = found[0]
        if sign == "@":
            if name not in _MACROS:
                raise unknown_macro(source, at, name, _MACROS)
            if self._before in {".", "?."}:
                raise MacroError(problem_at(source, at, f"@{name} cannot stand behind a dot"))
            self._edits.append(Edit(at, found.end(), _MACROS[name]))
            self._token(sign + name, has_value=True)
            return True
        if sign == "%" and self._has_value:
            return False
        if sign == "#" and not self._is_repository(found.end()):
            self._token(sign + name, has_value=True)
            return True
        self._edits.append(Edit(at, at + 1, _PREFIXES[sign]))
        self._token(sign + name, has_value=True)
        return True

    def _is_repository(self, end: int) -> bool:
        before = self._before
        if before in {".", "?."} or (self._has_value and not self._new_line):
            return False
        if self._has_value or before in {"", "{", "}", ";", "*"}:
            return _MEMBER.match(self._source, end) is not None
        return _IN.match(self._source, end) is None
