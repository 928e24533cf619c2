"""The guard in front of SQL that people write: one statement that reads, and reads no secret.

It does not judge the text, but what it makes of it: the statement is parsed, bound to tables that
may be read, written anew from what was understood, and each word of that must be a known one. A
table with secrets becomes a subquery without them, so that no `*`, record or join can reach them.
What the guard does not understand is refused.
"""

# The types of sqlglot's tree differ between its versions.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import ErrorLevel, ParseError, TokenError, UnsupportedError

from ...errors import EnfyraError
from .columns import refuse_unknown_columns
from .parameters import Parameters
from .readable import Readable
from .sources import CTE, Sources
from .words import BARE, FUNCTIONS, KEYWORDS, TYPES

MOST_CHARACTERS = 100_000
_BEGINS = frozenset({TokenType.SELECT, TokenType.WITH, TokenType.VALUES, TokenType.L_PAREN})
_WORD = re.compile(r"[A-Za-z_]\w*")
_NAME = re.compile(r"[^\W\d]\w*")
_LITERALS = frozenset({TokenType.STRING, TokenType.NUMBER, TokenType.IDENTIFIER})
# They lead to variables and further statements, or mean something to some databases only.
_SIGNS = re.compile(r"[@;$#{}\\?]|:=")
_OPERATORS = frozenset({"#>", "#>>", "@>", "<@"})
_NO_PARTS: Mapping[str, str] = MappingProxyType({})


class _MariaDb(MySQL):
    """MySQL's language, in the words that MariaDB understands as well."""

    class Generator(MySQL.Generator):
        TRANSFORMS = {  # noqa: RUF012 - the base class's own interface
            **MySQL.Generator.TRANSFORMS,
            exp.RegexpLike: lambda self, one: self.binary(one, "REGEXP"),
        }


class _Sqlite(SQLite):
    """SQLite's language, with names in backticks: an unknown one in double quotes is a text."""

    class Tokenizer(SQLite.Tokenizer):
        IDENTIFIERS = ["`", '"', ("[", "]")]  # noqa: RUF012 - the base class's own interface

    class Generator(SQLite.Generator):
        # The parts of a WITH may have them, which older versions of sqlglot do not know.
        SUPPORTS_TABLE_ALIAS_COLUMNS = True


_DIALECTS: Mapping[str, Any] = {"sqlite": _Sqlite, "postgresql": "postgres", "mysql": _MariaDb}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A statement that may be run.

    Attributes:
        text: As the database takes it.
        arguments: Values for its placeholders, in their order.
        shape: The statement without values, for the log.
    """

    text: str
    arguments: Sequence[Any]
    shape: str


def guarded(
    text: str,
    engine: str,
    readable: Readable,
    values: Mapping[str, Any],
    parts: Mapping[str, str] = _NO_PARTS,
) -> Guarded:
    """Make a statement ready to be run, or refuse it.

    Args:
        text: The statement; `:name` stands for a value.
        engine: `sqlite`, `postgresql` or `mysql`.
        readable: What may be read.
        values: The values by their names.
        parts: Statements that this one can read from like from tables, by what they are called.

    Raises:
        EnfyraError: SQL_SYNTAX_ERROR, SQL_REFUSED, or INVALID_VALUE for what is wrong with values.

    Example:
        >>> from enfyra_kernel.query.sql.readable import ReadableTable
        >>> posts = Readable({"post": ReadableTable("post", ("id", "title"))})
        >>> guarded("select title from post where id = :id", "sqlite", posts, {"id": 7}).text
        'SELECT `title` FROM `post` WHERE `id` = ?'
        >>> guarded("delete from post", "sqlite", posts, {})
        Traceback (most recent call last):
        enfyra_kernel.errors.EnfyraError: A statement begins with SELECT, WITH or VALUES, not DELETE
    """
    try:
        return _Guard(engine, readable).guard(text, values, parts)
    except RecursionError:
        raise _refused("The statement is nested too deeply") from None
    except UnsupportedError as error:
        raise _refused(str(error).partition("\n")[0]) from None


class _Guard:
    def __init__(self, engine: str, readable: Readable) -> None:
        self._engine = engine
        self._dialect: Any = sqlglot.Dialect.get_or_raise(_DIALECTS[engine])
        self._readable = readable

    def guard(self, text: str, values: Mapping[str, Any], parts: Mapping[str, str]) -> Guarded:
        """Do all that there is to it."""
        tree = self._parsed(text)
        if parts:
            # What is wrong with the statement has been said by now, with places that it has.
            text = self._with_parts(text, parts)
            tree = self._parsed(text)
        self._spell(tree)
        sources = Sources(tree, self._readable, folds=self._engine != "postgresql")
        _refuse_hidden(tree, sources)
        parameters = Parameters(self._engine, values, text)
        parameters.bind(tree)
        sources.bind()
        written = self._written(tree)
        self._check_words(written)
        if self._written(self._parsed(written)) != written:
            raise _refused("The statement is not certain to mean the same to the database")
        rendered, arguments = parameters.rendered(written)
        return Guarded(rendered, arguments, self._written(_bare(tree)))

    def check_columns(self, text: str) -> None:
        """Refuse a statement that names columns which there are not."""
        tree = self._parsed(text)
        self._spell(tree)
        folds = self._engine != "postgresql"
        refuse_unknown_columns(tree, Sources(tree, self._readable, folds=folds))

    # -- reading --------------------------------------------------------------------------------

    def _parsed(self, text: str) -> Any:
        if len(text) > MOST_CHARACTERS:
            raise _refused(f"The statement is longer than {MOST_CHARACTERS:,} characters")
        try:
            tokens = self._dialect.tokenize(text)
        except TokenError:
            raise EnfyraError(
                "SQL_SYNTAX_ERROR", "A quote or comment of the statement is not closed"
            ) from None
        if not tokens:
            raise EnfyraError("SQL_SYNTAX_ERROR", "There is no statement")
        if tokens[0].token_type not in _BEGINS:
            word = tokens[0].text.split(maxsplit=1)[0][:40].upper() if tokens[0].text else "that"
            raise _refused(f"A statement begins with SELECT, WITH or VALUES, not {word}")
        try:
            parts = self._dialect.parse(text)
        except ParseError as error:
            raise _not_understood(error) from None
        except TokenError:
            raise EnfyraError("SQL_SYNTAX_ERROR") from None
        # A comment behind the last semicolon is no statement.
        found = [one for one in parts if one is not None and not isinstance(one, exp.Semicolon)]
        if len(found) != 1:
            raise _refused("There must be exactly one statement")
        if not isinstance(found[0], exp.Query | exp.Values):
            raise _refused("Only SELECT, WITH and VALUES can be run")
        return found[0]

    def _with_parts(self, text: str, parts: Mapping[str, str]) -> str:
        """Give a statement with others in a `WITH` in front, before those of its own."""
        written: list[str] = []
        for name, part in parts.items():
            self._parsed(part)
            tokens = self._dialect.tokenize(part)
            ends = [one.end for one in tokens if one.token_type is not TokenType.SEMICOLON]
            # Without a semicolon at its end, and what may be said behind it.
            inner = part[: ends[-1] + 1]
            written.append(f"{_identifier(name, self._dialect)} AS (\n{inner}\n)")
        first, *others = self._dialect.tokenize(text)
        if first.token_type is not TokenType.WITH:
            return f"WITH {', '.join(written)}\n{text}"
        recursive = bool(others) and others[0].token_type is TokenType.RECURSIVE
        place = (others[0] if recursive else first).end + 1
        return f"{text[:place]} {', '.join(written)}, {text[place:]}"

    def names(self, text: str) -> frozenset[str]:
        """Give the names that stand for values in a statement."""
        found = self._parsed(text).find_all(exp.Placeholder)
        return frozenset(one.this for one in found if isinstance(one.this, str))

    def _spell(self, tree: Any) -> None:
        """Give names the case that they have in the definitions, unless they are quoted."""
        for one in tree.find_all(exp.Identifier):
            if not one.args.get("quoted"):
                if not _NAME.fullmatch(one.name):
                    raise _refused(f"'{one.name[:40]}' is no name")
                name = self._readable.spelling(one.name)
                if name is None:
                    name = one.name.lower() if self._engine == "postgresql" else one.name
                one.set("this", name)

    def _written(self, tree: Any) -> str:
        return tree.sql(
            dialect=self._dialect,
            identify=True,
            comments=False,
            unsupported_level=ErrorLevel.RAISE,
        )

    # -- judging --------------------------------------------------------------------------------

    def _check_words(self, written: str) -> None:
        """Refuse a statement with a word that is not known."""
        alone = KEYWORDS | BARE | TYPES
        called = KEYWORDS | TYPES | FUNCTIONS[self._engine]
        tokens = self._dialect.tokenize(written)
        if any(one.token_type is TokenType.HINT for one in tokens):
            raise _refused("Hints to the database have no place in a statement here")
        for number, token in enumerate(tokens):
            following = tokens[number + 1].token_type if number + 1 < len(tokens) else None
            calls = following is TokenType.L_PAREN
            if token.token_type in _LITERALS:
                before = tokens[number - 1].token_type if number else None
                if calls and not _may_list_columns(token, before):
                    raise _refused(f"'{token.text[:80]}' cannot be called")
                continue
            if token.token_type.name.endswith("_STRING"):
                raise _refused("Texts are written in plain single quotes")
            *first, last = token.text.upper().split() or [""]
            for word in (*first, last):
                if not _WORD.fullmatch(word):
                    if word not in _OPERATORS and _SIGNS.search(word):
                        raise _refused(f"'{word[:20]}' has no place in a statement here")
                elif word not in (called if calls and word == last else alone):
                    what = f"The function {word[:80]}" if calls else f"{word[:80]}"
                    raise _refused(f"{what} cannot be used here")


def parameter_names(text: str, engine: str) -> frozenset[str]:
    """Give the names that stand for values in a statement.

    Raises:
        EnfyraError: SQL_SYNTAX_ERROR or SQL_REFUSED for what is no statement that reads.

    Example:
        >>> sorted(parameter_names("SELECT ':no', title FROM post WHERE views > :least", "sqlite"))
        ['least']
    """
    return _Guard(engine, Readable({})).names(text)


def check_columns(text: str, engine: str, readable: Readable) -> None:
    """Refuse a statement that names columns which there are not, as far as it tells.

    The database would say so, when it is asked.

    Raises:
        EnfyraError: SQL_REFUSED, or SQL_SYNTAX_ERROR.

    Example:
        >>> from enfyra_kernel.query.sql.readable import ReadableTable
        >>> posts = Readable({"post": ReadableTable("post", ("id", "title"))})
        >>> check_columns("SELECT p.titel FROM post AS p", "sqlite", posts)
        Traceback (most recent call last):
        enfyra_kernel.errors.EnfyraError: There is no column 'p.titel'. Did you mean 'title'?
    """
    _Guard(engine, readable).check_columns(text)


def _identifier(name: str, dialect: Any) -> str:
    return exp.Identifier(this=name, quoted=True).sql(dialect=dialect)


def _may_list_columns(token: Any, before: Any) -> bool:
    """Say whether a name may be followed by names of columns: it is that of a table."""
    if token.token_type is not TokenType.IDENTIFIER:
        return False
    return before is TokenType.ALIAS or token.text.startswith(CTE)


def _refuse_hidden(tree: Any, sources: Sources) -> None:
    """Name the secret that a statement asks for; it could not read it anyway."""
    hidden = {name.casefold(): (one, name) for one in sources.used for name in one.hidden}
    if not hidden:
        return
    shown = {name.casefold() for one in sources.used for name in one.columns}
    shown |= {one.alias.casefold() for one in tree.find_all(exp.Alias)}
    for column in tree.find_all(exp.Column):
        name = column.name.casefold()
        if name in hidden and name not in shown:
            table, real = hidden[name]
            raise _refused(
                f"{table.name}.{real} is a secret",
                hint=f"Of {table.name}, these can be read: {', '.join(table.columns)}",
            )


def _bare(tree: Any) -> Any:
    """Give a statement with nothing in the place of its values."""

    def without(node: Any) -> Any:
        return exp.Var(this="?") if isinstance(node, exp.Literal) else node

    return tree.copy().transform(without)


def _refused(message: str, hint: str | None = None) -> EnfyraError:
    return EnfyraError("SQL_REFUSED", message, hint=hint)


def _not_understood(error: ParseError) -> EnfyraError:
    first: Mapping[str, Any] = error.errors[0] if error.errors else {}
    line, column = first.get("line"), first.get("col")
    near = str(first.get("highlight") or "")[:60]
    place = f"Line {line}, column {column}: " if line else ""
    about = f" near '{near}'" if near else ""
    # What follows are names of the parser's own.
    reason = re.split(r" but got <| for <class|\.$", str(first.get("description") or ""))[0]
    details = {"line": line, "column": column}
    message = f"{place}{reason or 'not understood'}{about}"
    return EnfyraError("SQL_SYNTAX_ERROR", message, details=details)
