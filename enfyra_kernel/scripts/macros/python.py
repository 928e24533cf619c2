r"""Macros in Python.

The scanner knows strings, comments and what stands before a sign, which is what decides:

- `@NAME` is a macro unless something that has a value stands before it (a matrix product, as in
  `a @ b`), or a function or class follows (a decorator).
- `%name` is a package unless something that has a value stands before it (a remainder).
- `#name` begins a comment unless something stands before it on its line that asks for a value:
    - behind `await`, and outside brackets behind an operator or a keyword, no comment can stand:
      it is a repository;
    - inside brackets and behind `return`, where a comment may stand, it is one if a call of one
      of its methods follows, as in `[#post.find(...)]`.
  `#post.find(` at the beginning of a line may be meant either way, and is refused.
"""

from __future__ import annotations

import difflib
import keyword
import re
import sys
from collections.abc import Sequence

from ..script import Language
from .expanded import Edit, MacroError, problem_at, unknown_macro
from .names import METHODS, PREFIXES, expansions

_MACROS = expansions(Language.PYTHON)
_PREFIXES = PREFIXES[Language.PYTHON]
_NAME = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"\.?\d(?:[eE][+-]?|[\w.])*")
_SPACE = re.compile(r"(?:[ \t\f]|\\\n)+")
_STRING_PREFIXES = frozenset({"r", "u", "b", "br", "rb", "f", "fr", "rf", "t", "tr", "rt"})
_STRINGS = {
    quote: re.compile(pattern, re.DOTALL)
    for quote, pattern in {
        "'": r"'(?:[^'\\\n]|\\.)*'?",
        '"': r'"(?:[^"\\\n]|\\.)*"?',
        "'''": r"'''(?:[^\\]|\\.)*?(?:'''|\Z)",
        '"""': r'"""(?:[^\\]|\\.)*?(?:"""|\Z)',
    }.items()
}
_CALL = re.compile(r"#(?:secure\.)?[^\W\d]\w*\.([^\W\d]\w*)\(")
_DECORATED = re.compile(r"(?:[ \t]*(?:#.*)?\n)*[ \t]*(?:async|def|class|@)")
_KEYWORDS = frozenset(keyword.kwlist) - {"None", "True", "False"}
# Behind these a comment may stand, outside of brackets too.
_MAY_END = frozenset(
    {"return", "yield", "raise", "pass", "break", "continue", ",", "*", ":", ";", "match"}
)
# Since 3.12 a string inside a field of an f-string may have the quotes of the f-string.
_NESTED_QUOTES = sys.version_info >= (3, 12)
_DEEPEST = 50


class PythonScanner:
    """Finds the macros of one source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._edits: list[Edit] = []
        # The token before; empty at the beginning of a statement.
        self._before = ""
        self._has_value = False
        self._brackets = 0
        self._line_is_empty = True
        self._fields = 0

    def edits(self) -> Sequence[Edit]:
        """Give what has to be replaced, in order.

        Raises:
            MacroError: There is no such macro, or it may also be something else.
        """
        self._code(None)
        return self._edits

    def _code(self, quote: str | None) -> None:
        """Read code, up to the end of a field when it is in an f-string with that quote."""
        source = self._source
        outermost = self._brackets
        while self._at < len(source):
            sign = source[self._at]
            if sign == "\n":
                if quote is not None and len(quote) == 1 and not _NESTED_QUOTES:
                    return
                self._line_break()
            elif space := _SPACE.match(source, self._at):
                self._at = space.end()
            elif quote is not None and self._ends_field(sign, quote, outermost):
                return
            elif sign in "'\"":
                self._string("")
            elif number := _NUMBER.match(source, self._at):
                self._token(number[0], has_value=True)
            elif name := _NAME.match(source, self._at):
                self._name(name[0])
            elif sign == "#":
                self._hash()
            elif sign == "@":
                self._macro()
            else:
                self._sign(sign)

    def _ends_field(self, sign: str, quote: str, outermost: int) -> bool:
        if not _NESTED_QUOTES and self._source.startswith(quote, self._at):
            return True
        if self._brackets > outermost:
            return False
        return sign in "}:" or (sign == "!" and self._source[self._at + 1 : self._at + 2] != "=")

    def _line_break(self) -> None:
        self._at += 1
        self._line_is_empty = True
        if not self._brackets:
            self._before, self._has_value = "", False

    def _token(self, text: str, *, has_value: bool) -> None:
        self._before = text
        self._has_value = has_value
        self._line_is_empty = False
        self._at += len(text)

    def _name(self, name: str) -> None:
        after = self._source[self._at + len(name) : self._at + len(name) + 1]
        if after and after in "'\"" and name.lower() in _STRING_PREFIXES:
            self._string(name)
            return
        begins_match = name == "match" and self._before == "" and after == " "
        has_value = name not in _KEYWORDS or self._before == "."
        self._token(name, has_value=has_value and not begins_match)

    def _sign(self, sign: str) -> None:
        source, at = self._source, self._at
        if source.startswith("...", at):
            self._token("...", has_value=True)
            return
        if sign in "([{":
            self._brackets += 1
        elif sign in ")]}":
            self._brackets = max(0, self._brackets - 1)
        elif sign == "%" and not self._has_value:
            name = _NAME.match(source, at + 1)
            if name is not None and name[0] not in _KEYWORDS:
                self._prefix(sign)
                return
        self._token(sign, has_value=sign in ")]}")

    def _prefix(self, sign: str) -> None:
        self._edits.append(Edit(self._at, self._at + 1, _PREFIXES[sign]))
        self._token(sign, has_value=False)

    # -- strings ----------------------------------------------------------------------------------

    def _string(self, prefix: str) -> None:
        start = self._at + len(prefix)
        quote = self._source[start : start + 3]
        if quote not in _STRINGS:
            quote = quote[0]
        if "f" in prefix.lower() or "t" in prefix.lower():
            self._at = start + len(quote)
            self._literal(quote, raw="r" in prefix.lower(), end=None)
        else:
            found = _STRINGS[quote].match(self._source, start)
            self._at = found.end() if found is not None else start + 1
        self._before, self._has_value, self._line_is_empty = quote, True, False

    def _literal(self, quote: str, *, raw: bool, end: str | None) -> None:
        """Read the text of an f-string to its closing quote, or of a format to its `end`."""
        source = self._source
        while self._at < len(source):
            sign = source[self._at]
            following = source[self._at : self._at + 2]
            if source.startswith(quote, self._at):
                self._at += len(quote) if end is None else 0
                return
            if sign == end or (sign == "\n" and len(quote) == 1):
                return
            if sign == "\\":
                self._escape(raw=raw)
            elif end is None and following in {"{{", "}}"}:
                self._at += 2
            elif sign == "{":
                self._field(quote, raw=raw)
            else:
                self._at += 1

    def _escape(self, *, raw: bool) -> None:
        source, at = self._source, self._at
        if source.startswith("\\N{", at) and not raw:
            end = source.find("}", at)
            self._at = end + 1 if end >= 0 else at + 3
        else:
            self._at += 1 if source[at + 1 : at + 2] in {"{", "}"} else 2

    def _field(self, quote: str, *, raw: bool) -> None:
        self._fields += 1
        if self._fields > _DEEPEST:
            message = "The f-strings are nested too deeply"
            raise MacroError(problem_at(self._source, self._at, message))
        outside = self._brackets
        self._brackets = 1
        self._token("{", has_value=False)
        self._code(quote)
        self._brackets = outside
        if self._source.startswith("!", self._at):
            self._at += 1
            if conversion := _NAME.match(self._source, self._at):
                self._at = conversion.end()
        if self._source.startswith(":", self._at):
            self._at += 1
            self._literal(quote, raw=raw, end="}")
        if self._source.startswith("}", self._at):
            self._at += 1
        self._fields -= 1

    # -- macros -----------------------------------------------------------------------------------

    def _macro(self) -> None:
        source, at = self._source, self._at
        found = _NAME.match(source, at + 1)
        name = found[0] if found is not None else ""
        if found is None or (self._has_value and name not in _MACROS):
            self._token("@", has_value=False)
        elif self._has_value:
            message = f"@{name} stands where a sign between two values is expected"
            hint = f"A matrix product is written with spaces: a @ {name}"
            raise MacroError(problem_at(source, at, message, hint))
        elif self._before == ".":
            message = f"@{name} cannot stand behind a dot"
            raise MacroError(problem_at(source, at, message))
        elif name in _MACROS:
            self._edits.append(Edit(at, found.end(), _MACROS[name]))
            self._token("@" + name, has_value=True)
        elif self._before == "" and self._decorates(found.end()):
            self._token("@", has_value=False)
        else:
            raise unknown_macro(source, at, name, _MACROS)

    def _decorates(self, at: int) -> bool:
        """Whether the statement that goes on at a place has a function or class below it."""
        source, open_brackets = self._source, 0
        while at < len(source) and (source[at] != "\n" or open_brackets):
            sign = source[at]
            if sign in "'\"":
                triple = source[at : at + 3]
                string = _STRINGS[triple if triple in _STRINGS else sign].match(source, at)
                at = string.end() if string is not None else at + 1
                continue
            if sign == "#":
                at = _end_of_line(source, at)
                continue
            open_brackets += (sign in "([{") - (sign in ")]}")
            at += 2 if sign == "\\" else 1
        return _DECORATED.match(source, at) is not None

    def _hash(self) -> None:
        if self._is_repository():
            self._prefix("#")
        else:
            self._at = _end_of_line(self._source, self._at)

    def _is_repository(self) -> bool:
        """Whether the `#` here begins the name of a repository."""
        source, at, before = self._source, self._at, self._before
        if self._has_value and not self._line_is_empty:
            return False
        if _NAME.match(source, at + 1) is None:
            return False
        call = _CALL.match(source, at)
        method = call[1] if call is not None else ""
        begins = self._line_is_empty or (not self._brackets and before in {":", ";"})
        if not begins:
            if before == "await" or (not self._brackets and before not in _MAY_END):
                return True
            if method in METHODS:
                return True
        meant = method in METHODS or (not begins and _resembles_method(method))
        if call is not None and meant:
            message = f"'{call[0]}' may be meant as a repository or as a comment"
            hint = (
                f"Write 'await {call[0]}...)' for the repository, '# {call[0][1:]}' for a comment"
            )
            if method not in METHODS:
                hint = f"A repository has {', '.join(METHODS)}; a comment is written '# ...'"
            raise MacroError(problem_at(source, at, message, hint))
        return False


def _resembles_method(name: str) -> bool:
    return bool(name) and bool(difflib.get_close_matches(name, METHODS, n=1, cutoff=0.75))


def _end_of_line(source: str, at: int) -> int:
    end = source.find("\n", at)
    return end if end >= 0 else len(source)
