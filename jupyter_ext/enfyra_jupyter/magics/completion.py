"""Completion of what stands in a line of `%enfyra` and in the cells below `%%enfyra`.

It looks at what is known of the definitions and never waits for the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from string import ascii_letters
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from enfyra_kernel.metadata.system.flows import STEP_KINDS
from enfyra_kernel.metadata.system.queries import SQL
from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from ..addresses import addresses
from ..client import ApiError
from ..definitions import (
    COLUMN_TYPES,
    COLUMN_WORDS,
    ON_DELETE,
    RELATION_KINDS,
    RELATION_WORDS,
    TABLE_KEYS,
)
from ..flows.reading import FLOW_KEYS, STEP_KEYS, WITHIN
from ..grants import EVERYBODY, LOGGED_IN
from ..modes import MODES
from ..schema import Schema, TableInfo
from .arguments import COMMANDS, ON
from .logging_in import VERBS as TOKEN_VERBS
from .outline import Place, place_in_flow, place_in_yaml
from .query_commands import KINDS
from .scripting import ALL, METHODS, VERBS
from .session import QUERY_KEYS, Session
from .sql_completion import complete_sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

MATCHER = "enfyra.magic"
OPERATORS = (
    "_eq", "_neq", "_gt", "_gte", "_lt", "_lte", "_in", "_not_in", "_between", "_contains",
    "_starts_with", "_ends_with", "_is_null", "_is_not_null",
)  # fmt: skip
_ACCESS_WORDS = {
    "can": ("nobody", *METHODS),
    "grant": (EVERYBODY, LOGGED_IN, *METHODS, ALL),
    "revoke": (EVERYBODY, LOGGED_IN, *METHODS, ALL),
}
_TABLE_COMMANDS = frozenset(
    {"profile", "plot", "query", "grid", "describe", "erd", "table", "tables", "design", "build",
     "pick"}
)  # fmt: skip
_FLOW_COMMANDS = frozenset({"flow", "run", "runs", "logs", "timeline", "cancel", "board"})
_ON_ERROR = ("stop", "skip", "retry")
LOGIC = ("_and", "_or", "_not")
DEEP_KEYS = ("fields", "filter", "sort", "limit", "page", "deep")
FIGURES = ("count", "sum", "avg", "min", "max", "countRecords")

_LINE = re.compile(r"(?:^|=\s*|^\s+)%enfyra(?:\s+(?P<rest>.*))?$")
_HEAD = re.compile(r"^\s*%%enfyra(?:\s+(?P<rest>.*))?$")
_IN_SQL = re.compile(r"\s--lang[\s=]+sql\b")
# In front of what gives a result: the variable that it goes to.
_INTO = re.compile(r"^\w+\s+<<\s+")
_FRAGMENT = re.compile(r"[^\s,{}\[\]()'\":=]*$")


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

    def complete(self, before: list[str], after: str = "") -> tuple[str, list[str]]:
        """Give the word at the cursor, and what it can become.

        Args:
            before: The cell's lines up to the cursor.
            after: What stands behind the cursor.
        """
        head = _HEAD.match(before[0])
        if head is not None and len(before) > 1:
            return self._in_cell(head["rest"] or "", before[1:], after)
        line = head or _LINE.search(before[-1])
        if line is None:
            return "", []
        rest = _INTO.sub("", line["rest"] or "")
        return self._in_line(rest, cell=head is not None)

    # -- the line -------------------------------------------------------------------------------

    def _in_line(self, rest: str, *, cell: bool) -> tuple[str, list[str]]:
        name, space, arguments = rest.partition(" ")
        if not space:
            names = [one for one, command in COMMANDS.items() if not cell or command.body]
            return name, _starting(names, name)
        command = COMMANDS.get(name)
        if command is None:
            return "", []
        schema = self._session.glance()
        flags = [*command.flags, ON]
        flag, value = _open_flag(arguments, flags)
        if flag is not None:
            return self._value(flag, value, arguments, schema)
        word = arguments.rpartition(" ")[2]
        if word.startswith("-"):
            return word, _starting(flags, word)
        before = arguments[: len(arguments) - len(word)].split()
        return word, self._positional(name, word, schema, before)

    def _positional(self, name: str, word: str, schema: Schema, before: list[str]) -> list[str]:
        if name in {"profile", "plot"} and before:
            table = schema.tables.get(before[0])
            return _starting(table.columns if table is not None and name == "plot" else (), word)
        if name in _TABLE_COMMANDS:
            return _table_names(schema, word)
        if name == "help":
            return _starting(COMMANDS, word)
        if name == "queries":
            return _starting(self._session.glance_at_queries(), word)
        if name in {"connect", "use", "close"}:
            return _starting(self._connections(name), word)
        if name in _FLOW_COMMANDS:
            return _starting(self._session.glance_at_flows(), word)
        if name == "studio" and not word.startswith("/"):
            return _table_names(schema, word)
        if name in {"hook", "handler", "studio"}:
            if word.startswith("/"):
                paths = (f"/{table.name}" for table in schema.tables.values())
                return _starting(paths, word)
            return _starting((*METHODS, ALL, *VERBS), word)
        if name in {"can", "grant", "revoke", "access"}:
            if word.startswith("/"):
                return _starting((f"/{table.name}" for table in schema.tables.values()), word)
            return _starting(_ACCESS_WORDS.get(name, ()), word)
        if name == "token":
            return _starting(TOKEN_VERBS, word)
        if name == "push":
            return [
                one
                for one, value in self._variables()
                if one.startswith(word) and hasattr(value, "__arrow_c_stream__")
            ]
        return []

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
        return [name for name, language in known if language == SQL or not only_sql]

    def _variables(self) -> list[tuple[str, Any]]:
        """Give the notebook's variables that have a name of their own."""
        names = list(self._shell.user_ns.items())
        return [(name, value) for name, value in names if name.startswith(tuple(ascii_letters))]

    def _value(
        self, flag: str, value: str, arguments: str, schema: Schema
    ) -> tuple[str, list[str]]:
        fragment = _fragment(value)
        if flag == ON:
            return fragment, _starting(self._connections("use"), fragment)
        if flag == "--table":
            return fragment, _table_names(schema, fragment)
        if flag == "--from":
            steps = self._session.glance_at_flows().get(_table_of(arguments), ())
            return fragment, _starting(steps, fragment)
        if flag in {"--saved", "--with"}:
            return fragment, _starting(self._queries(only_sql=flag == "--with"), fragment)
        if flag == "--timezone":
            return fragment, _starting(sorted(available_timezones()), value) if value else []
        if flag == "--params":
            names = [one for one, value in self._variables() if isinstance(value, Mapping)]
            return fragment, _starting(names, fragment)
        if flag == "--kind":
            return fragment, _starting(KINDS, fragment)
        if flag == "--lang":
            return fragment, _starting(("filter", "sql"), fragment)
        if flag == "--mode":
            return fragment, _starting(MODES, fragment)
        if flag == "--missing":
            return fragment, _starting(("error", "null"), fragment)
        table = schema.tables.get(_table_of(arguments))
        if flag == "--label":
            return fragment, _starting(table.columns if table is not None else (), fragment)
        if flag in {"--fields", "--sort", "--key", "--rename", "--dimensions", "--measures"}:
            sign = "-" if fragment.startswith("-") else ""
            paths = _paths(schema, table, fragment.removeprefix("-"))
            return fragment, [sign + one for one in paths]
        if flag in {"--filter", "--deep", "--aggregate"}:
            return self._in_object(flag.removeprefix("--"), place_in_flow(value), table, schema)
        return "", []

    # -- the cell -------------------------------------------------------------------------------

    def _in_cell(self, rest: str, body: list[str], after: str) -> tuple[str, list[str]]:
        words = _INTO.sub("", rest).split()
        schema = self._session.glance()
        if words[:1] == ["sql"] or (
            words[:1] == ["query"] and re.search(r"--lang[\s=]+sql\b", rest)
        ):
            return complete_sql(body, schema, after)
        place = place_in_yaml(body)
        if words[:1] == ["table"]:
            return _in_definition(place, schema, _own_fields(body))
        if words[:1] == ["flow"]:
            return _in_flow(place, schema)
        if words[:1] == ["query"]:
            named = next((word for word in words[1:2] if not word.startswith("-")), None)
            return self._in_query(place, schema, named or _table_in(body))
        return "", []

    def _in_query(self, place: Place, schema: Schema, name: str) -> tuple[str, list[str]]:
        fragment = place.fragment
        if not place.path:
            return fragment, _starting(QUERY_KEYS, fragment)
        head = place.path[0]
        if head == "table":
            return fragment, _table_names(schema, fragment)
        table = schema.tables.get(name)
        if head in {"fields", "sort", "dimensions", "measures"}:
            sign = "-" if fragment.startswith("-") else ""
            paths = _paths(schema, table, fragment.removeprefix("-"))
            return fragment, [sign + one for one in paths]
        if head in {"filter", "deep", "aggregate"}:
            inner = Place(place.path[1:], fragment, is_key=place.is_key)
            return self._in_object(head, inner, table, schema)
        return "", []

    def _in_object(
        self, kind: str, place: Place, table: TableInfo | None, schema: Schema
    ) -> tuple[str, list[str]]:
        """Complete a key within a filter or `deep`."""
        if not place.is_key:
            return "", []
        if kind == "aggregate":
            names: Iterable[str] = FIGURES
            if not place.path:
                names = table.fields if table is not None else ()
            return place.fragment, _starting(names, place.fragment)
        ignored = {*LOGIC, "deep"}
        path = [one for one in place.path if one not in ignored]
        target = schema.follow(table, path)
        if kind == "deep":
            if place.path and place.path[-1] != "deep":
                return place.fragment, _starting(DEEP_KEYS, place.fragment)
            names = target.relations if target is not None else ()
        elif target is not None:
            names = [*target.fields, *LOGIC]
        else:
            owner = schema.follow(table, path[:-1])
            names = OPERATORS if owner is not None and path and path[-1] in owner.columns else ()
        return place.fragment, _starting(names, place.fragment)


# -- a table's definition -------------------------------------------------------------------------


def _in_definition(place: Place, schema: Schema, own: list[str]) -> tuple[str, list[str]]:
    fragment, path = place.fragment, place.path
    if not path:
        return fragment, _starting(TABLE_KEYS, fragment)
    if path[0] in {"uniques", "indexes"}:
        return fragment, _starting(own, fragment)
    if place.is_key or len(path) != 2:
        return "", []
    last = place.words[-1] if place.words else ""
    if path[0] == "columns":
        if not place.words:
            return fragment, _starting(COLUMN_TYPES, fragment)
        return fragment, _starting(COLUMN_WORDS, fragment) if last != "was" else []
    if path[0] != "relations":
        return "", []
    if last == "on-delete":
        return fragment, _starting(ON_DELETE, fragment)
    if last in {"inverse", "was"}:
        return "", []
    tables = [table.name for table in schema.own]
    if not place.words:
        return fragment, _starting([*tables, *RELATION_KINDS], fragment)
    if last in RELATION_KINDS:
        return fragment, _starting(tables, fragment)
    return fragment, _starting(RELATION_WORDS, fragment)


def _in_flow(place: Place, schema: Schema) -> tuple[str, list[str]]:
    """Complete what stands in the YAML of a flow."""
    fragment, path = place.fragment, place.path
    if not place.is_key:
        if place.words:
            return "", []
        if path[-1] == "table":
            return fragment, _table_names(schema, fragment)
        values = {"type": STEP_KINDS, "onError": _ON_ERROR}
        return fragment, _starting(values.get(path[-1], ()), fragment)
    if not path:
        return fragment, _starting([*STEP_KEYS, *FLOW_KEYS], fragment)
    return fragment, _starting(STEP_KEYS if path[-1] in {"steps", *WITHIN} else (), fragment)


def _own_fields(body: list[str]) -> list[str]:
    """Give the columns and relations that the cell has named so far."""
    section, names = "", []
    for line in body:
        found = re.match(r"^(\s*)(?:-\s+)?([A-Za-z]\w*)\s*:", line)
        if found is None:
            continue
        if not found[1]:
            section = found[2]
        elif section in {"columns", "relations"}:
            names.append(found[2])
    return names


# -- words ----------------------------------------------------------------------------------------


def _open_flag(arguments: str, flags: list[str]) -> tuple[str | None, str]:
    """Give the flag whose value is being typed, and the value so far."""
    place, open_flag = -1, None
    for flag in flags:
        takes = _takes_value(flag)
        for found in re.finditer(rf"(?:^|\s){flag}(?:\s+|=)", arguments):
            if takes and found.end() > place:
                place, open_flag = found.end(), flag
    if open_flag is None:
        return None, ""
    value = arguments[place:]
    # A space outside brackets ends the value.
    if not value.startswith(("{", "[")):
        return (None, "") if " " in value else (open_flag, value)
    depth = sum(value.count(one) for one in "{[") - sum(value.count(one) for one in "}]")
    return (open_flag, value) if depth > 0 else (None, "")


def _takes_value(flag: str) -> bool:
    return flag == ON or any(
        flag in one.names and one.facts.get("action") != "store_true"
        for command in COMMANDS.values()
        for one in command.arguments
    )


def _table_of(arguments: str) -> str:
    named = re.search(r"(?:^|\s)--table(?:\s+|=)(\S+)", arguments)
    if named is not None:
        return named[1]
    first = arguments.split(" ", 1)[0]
    return "" if first.startswith("-") else first


def _table_in(body: list[str]) -> str:
    for line in body:
        found = re.match(r"^\s*\{?\s*[\"']?table[\"']?\s*:\s*[\"']?(\w+)", line)
        if found is not None:
            return found[1]
    return ""


def _table_names(schema: Schema, typed: str) -> list[str]:
    """Give the tables that are meant: the system's only where none of one's own is."""
    own = _starting((table.name for table in schema.own), typed)
    return own or _starting(schema.tables, typed)


def _paths(schema: Schema, table: TableInfo | None, typed: str) -> list[str]:
    *path, last = typed.split(".")
    target = schema.follow(table, path)
    before = "".join(f"{part}." for part in path)
    return [before + one for one in _starting(target.fields if target else (), last)]


def _fragment(text: str) -> str:
    found = _FRAGMENT.search(text)
    return found[0] if found is not None else ""


def _starting(names: Iterable[str], typed: str) -> list[str]:
    return [one for one in names if one.startswith(typed)]
