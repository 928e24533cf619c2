"""Completion of what stands in a line of `%enfyra` and in the cells below `%%enfyra`.

It looks at what is known of the definitions and never waits for the server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from string import ascii_letters
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from enfyra_kernel.metadata.system.queries import SQL
from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from ..addresses import addresses
from ..client import ApiError
from ..grants import EVERYBODY, LOGGED_IN
from ..quoting import quoted
from .arguments import COMMANDS, KINDS, ON
from .cell_completion import (
    Found,
    complete_definition,
    complete_flow,
    complete_measures,
    complete_object,
    complete_query,
    field_paths,
    route_paths,
    starting,
    table_in,
    table_names,
)
from .command import Argument, Command
from .logging_in import VERBS as TOKEN_VERBS
from .outline import place_in_flow, place_in_yaml
from .scripting import ALL, METHODS, VERBS
from .session import Session
from .sql_completion import complete_sql
from .words import UnclosedError, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

MATCHER = "enfyra.magic"
_FIELDS = frozenset({"--fields", "--sort", "--key", "--rename", "--dimensions", "--label"})

_LINE = re.compile(r"(?:^|=\s*|^\s+)%enfyra(?:\s+(?P<rest>.*))?$")
_HEAD = re.compile(r"^\s*%%enfyra(?:\s+(?P<rest>.*))?$")
_IN_SQL = re.compile(r"\s--lang[\s=]+sql\b")
# In front of what gives a result: the variable that it goes to.
_INTO = re.compile(r"^\w+\s+<<\s+")
_FRAGMENT = re.compile(r"[^\s,{}\[\]()'\":=]*$")
# The last word, with the quote that is open in front of it.
_LAST = re.compile(r"(?:^|(?<=\s))(?:'[^']*|\"[^\"]*|\S*)$")


def is_about_us(before: list[str]) -> bool:
    """Say whether the cursor is in what the magic reads.

    Example:
        >>> is_about_us(["x = 1", "%enfyra "]), is_about_us(["%enfyra tables", "x"])
        (True, False)
    """
    return bool(_HEAD.match(before[0]) or _LINE.search(before[-1]))


class Completer:
    """Knows what can stand where."""

    def __init__(self, session: Session, shell: InteractiveShell) -> None:
        self._session = session
        self._shell = shell

    @property
    def matcher(self) -> Callable[[CompletionContext], SimpleMatcherResult]:
        """The function that IPython calls."""

        @context_matcher(identifier=MATCHER)  # type: ignore[untyped-decorator]
        def enfyra_matcher(context: CompletionContext) -> SimpleMatcherResult:
            lines = context.full_text.split("\n")
            before = [*lines[: context.cursor_line], context.text_until_cursor]
            if is_about_us(before):
                self._session.begin()
            rest = lines[context.cursor_line][len(context.text_until_cursor) :]
            after = "\n".join([rest, *lines[context.cursor_line + 1 :]])
            fragment, found = self.complete(before, after)
            return {
                "completions": [SimpleCompletion(text=one, type="enfyra") for one in found],
                "matched_fragment": fragment,
                "suppress": bool(found),
            }

        return enfyra_matcher

    def complete(self, before: list[str], after: str = "") -> Found:
        """Give the word at the cursor, and what it can become.

        Args:
            before: The cell's lines up to the cursor.
            after: What stands behind the cursor.
        """
        head = _HEAD.match(before[0])
        if head is not None and len(before) > 1:
            return self._in_cell(_INTO.sub("", head["rest"] or ""), before[1:], after)
        line = head or _LINE.search(before[-1])
        if line is None:
            return "", []
        rest = _INTO.sub("", line["rest"] or "")
        return self._in_line(rest, cell=head is not None)

    # -- the line -------------------------------------------------------------------------------

    def _in_line(self, rest: str, *, cell: bool) -> Found:
        name, space, arguments = rest.partition(" ")
        if not space:
            names = [one for one, command in COMMANDS.items() if not cell or command.body]
            return name, starting(names, name)
        command = COMMANDS.get(name)
        if command is None:
            return "", []
        flag, value = _open_flag(arguments, command)
        if flag is not None:
            return self._value(command, flag, value, arguments)
        found = _LAST.search(arguments)
        word = found[0] if found is not None else ""
        if word.startswith("-"):
            return word, starting([*command.flags, ON], word)
        before = _positional(command, arguments[: len(arguments) - len(word)])
        places = [one for one in command.arguments if not one.names[0].startswith("--")]
        if not places or (len(before) >= len(places) and places[-1].facts.get("nargs") != "*"):
            return word, []
        return self._word(command, places[min(len(before), len(places) - 1)], word, before)

    def _word(self, command: Command, place: Argument, word: str, before: Sequence[str]) -> Found:
        """Complete a word that belongs to no flag."""
        schema = self._session.glance()
        fragment = _fragment(word)
        match command.name, place.names[0]:
            case "adopt" | "login" | "users", _:
                return word, []
            case _, "table" | "tables":
                return word, table_names(schema, word)
            case "tables", "pattern":
                return word, table_names(schema, word)
            case "plot", "x" | "y":
                table = schema.tables.get(before[0])
                return word, starting(table.columns if table is not None else (), word)
            case _, "command":
                return word, starting(COMMANDS, word)
            case "queries", _:
                return word, starting(self._session.glance_at_queries(), word)
            case "drop", "kind":
                return word, starting(KINDS, word)
            case "drop", _ if before[0] == "table":
                return word, table_names(schema, word)
            case "drop", _ if before[0] == "flow":
                return word, _named(self._session.glance_at_flows(), word)
            case _, "url" | "alias":
                return word, starting(self._connections(command.name), word)
            case _, "flow" | "run":
                return word, _named(self._session.glance_at_flows(), word)
            case _, "data":
                return word, [one for one in self._data_frames() if one.startswith(word)]
            case "studio", _ if not word.startswith("/"):
                return word, table_names(schema, word)
            case _, "user":
                return word, starting(["nobody"], word)
            case _, "who":
                return word, starting([EVERYBODY, LOGGED_IN], word)
            case _, "method" | "methods":
                return fragment, starting((*METHODS, ALL), fragment)
            case "token", _:
                return word, starting(TOKEN_VERBS, word)
            case _, "words" if not word.startswith("/"):
                return fragment, starting((*METHODS, ALL, *VERBS), fragment)
            case _, "route" | "path" | "pattern" | "words":
                return word, route_paths(schema, word)
            case _:
                return word, []

    def _connections(self, command: str) -> list[str]:
        """Give the names of connections that a command can be about."""
        open_ones = list(self._session.connections)
        if command == "close":
            return open_ones
        try:
            configured = list(addresses())
        except ApiError:
            configured = []
        return configured if command == "connect" else [*dict.fromkeys([*open_ones, *configured])]

    def _queries(self, *, only_sql: bool) -> list[str]:
        """Give the names of saved queries."""
        known = self._session.glance_at_queries().items()
        return [name for name, one in known if one.language == SQL or not only_sql]

    def _data_frames(self) -> list[str]:
        return [one for one, value in self._variables() if hasattr(value, "__arrow_c_stream__")]

    def _variables(self) -> list[tuple[str, Any]]:
        """Give the notebook's variables that have a name of their own."""
        names = list(self._shell.user_ns.items())
        return [(name, value) for name, value in names if name.startswith(tuple(ascii_letters))]

    def _value(self, command: Command, flag: str, value: str, arguments: str) -> Found:
        """Complete the value of a flag."""
        fragment, schema = _fragment(value), self._session.glance()
        if flag == "--timezone":
            return fragment, starting(sorted(available_timezones()), value) if value else []
        if flag == "--path":
            return value, route_paths(schema, value)
        names = self._names_for(command, flag, arguments)
        if names is not None:
            return fragment, starting(names, fragment)
        if flag == "--table":
            return fragment, table_names(schema, fragment)
        table = schema.tables.get(self._table(command, arguments))
        if flag in _FIELDS:
            return fragment, field_paths(schema, table, fragment)
        if flag == "--measures":
            before = value[: len(value) - len(fragment)].rstrip()
            is_field = before.endswith(("(", ":"))
            return complete_measures(fragment, table, schema, is_field=is_field)
        if flag in {"--filter", "--deep", "--aggregate"}:
            return complete_object(flag.removeprefix("--"), place_in_flow(value), table, schema)
        return "", []

    def _names_for(self, command: Command, flag: str, arguments: str) -> Iterable[str] | None:
        """Give the names that the value of a flag is one of, if it is one of some names."""
        choices = command.valued[flag].facts.get("choices") if flag != ON else None
        if choices is not None:
            return choices
        match flag:
            case "--on":
                return self._connections("use")
            case "--from":
                return self._session.glance_at_flows().get(_about(command, arguments), ())
            case "--saved" | "--save" | "--with":
                return self._queries(only_sql=flag == "--with")
            case "--params":
                return [one for one, value in self._variables() if isinstance(value, Mapping)]
            case "--secret":
                return os.environ
            case _:
                return None

    def _table(self, command: Command, arguments: str) -> str:
        """Give the table that a line is about: the one it names, or that of its saved query."""
        name = _given("--table", arguments) or _about(command, arguments)
        if not name:
            saved = self._session.glance_at_queries().get(_given("--saved", arguments))
            name = saved.table if saved is not None else ""
        return name

    # -- the cell -------------------------------------------------------------------------------

    def _in_cell(self, rest: str, body: list[str], after: str) -> Found:
        name, _, arguments = rest.partition(" ")
        schema = self._session.glance()
        if name == "sql" or (name == "query" and _IN_SQL.search(rest)):
            return complete_sql(body, schema, after)
        if name == "table":
            return complete_definition(place_in_yaml(body), schema, body)
        if name == "flow":
            return complete_flow(place_in_yaml(body), schema)
        if name == "query":
            table = self._table(COMMANDS[name], arguments) or table_in(body)
            return complete_query(place_in_yaml(body), schema, table)
        return "", []


# -- words ----------------------------------------------------------------------------------------


def _open_flag(arguments: str, command: Command) -> tuple[str | None, str]:
    """Give the flag whose value is being typed, and the value so far."""
    place, open_flag = -1, None
    for flag in (*command.valued, ON):
        for found in re.finditer(rf"(?:^|\s){flag}(?:\s+|=)", arguments):
            if found.end() > place:
                place, open_flag = found.end(), flag
    if open_flag is None:
        return None, ""
    value = arguments[place:]
    # A space outside brackets ends the value.
    if not value.startswith(("{", "[")):
        return (None, "") if " " in value else (open_flag, value)
    depth = sum(value.count(one) for one in "{[") - sum(value.count(one) for one in "}]")
    return (open_flag, value) if depth > 0 else (None, "")


def _positional(command: Command, arguments: str) -> list[str]:
    """Give the words of a line that belong to no flag."""
    try:
        given = words(arguments)
    except UnclosedError:
        given = arguments.split()
    found: list[str] = []
    rest = iter(given)
    for word in rest:
        if not word.startswith("--"):
            found.append(word)
        elif word == ON or word in command.valued:
            next(rest, None)
    return found


def _about(command: Command, arguments: str) -> str:
    """Give the first word of a line that belongs to no flag: what the command is about."""
    return next(iter(_positional(command, arguments)), "")


def _given(flag: str, arguments: str) -> str:
    found = re.search(rf"(?:^|\s){flag}(?:\s+|=)(\S+)", arguments)
    return found[1] if found is not None else ""


def _named(names: Iterable[str], word: str) -> list[str]:
    """Give names that may hold anything, in quotes where they need some."""
    quote = word[:1] if word[:1] in {"'", '"'} else ""
    found = starting(names, word.removeprefix(quote))
    return [f"{quote}{one}{quote}" if quote else quoted(one) for one in found]


def _fragment(text: str) -> str:
    found = _FRAGMENT.search(text)
    return found[0] if found is not None else ""
