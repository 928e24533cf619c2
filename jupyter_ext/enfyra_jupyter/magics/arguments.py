"""The sub-commands of `%enfyra`: what each takes, and the help for it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from ..modes import MODES
from .access_commands import ACCESS_COMMANDS
from .command import (
    Command,
    argument,
    count_of,
    indented,
    keys_of,
    names_of,
    number_of,
    object_of,
    renames_of,
)
from .connection_commands import CONNECTION_COMMANDS
from .definition_commands import DEFINITION_COMMANDS
from .flow_commands import FLOW_COMMANDS
from .query_commands import QUERY_COMMANDS
from .result_commands import RESULT_COMMANDS
from .widget_commands import WIDGET_COMMANDS
from .words import UnclosedError, words

# -- the commands ---------------------------------------------------------------------------------

_SYSTEM = argument("--system", action="store_true", help="the system's own tables too")

KINDS = ("table", "flow", "hook", "handler")

_TRYING = (
    argument("--test", metavar="BODY", help="the body of the trial: an object, or a file of JSON"),
    argument("--query", type=object_of, metavar="OBJECT", help="the trial's query parameters"),
    argument("--path", metavar="PATH", help="the trial's path, as in /report/2024"),
    argument("--user", metavar="USER", help="as whom, by id or e-mail address, or nobody"),
    argument(
        "--sample",
        type=count_of,
        nargs="?",
        const=1,
        default=0,
        metavar="N",
        help="try it with the table's newest record, or the N-th of them",
    ),
    argument("--alone", action="store_true", help="try it without the route's other scripts"),
    argument(
        "--language",
        choices=("python", "javascript"),
        default="python",
        help="what it is written in (default: python)",
    ),
    argument("--save", action="store_true", help="save it, if it did not fail: it is live then"),
    argument("--force", action="store_true", help="save it even if it failed"),
    argument("--to", type=count_of, metavar="N", help="the version that rollback brings back"),
)

_COMMANDS = (
    *CONNECTION_COMMANDS,
    Command(
        name="status",
        summary="Show the connection, who you are there, and how the server is.",
        example="%enfyra status",
    ),
    Command(
        name="tables",
        summary="List the tables.",
        arguments=(
            argument("pattern", nargs="?", metavar="PATTERN", help="only these, as in flight*"),
            _SYSTEM,
            argument("--rows", action="store_true", help="count the rows of each"),
        ),
        example="%enfyra tables --rows",
    ),
    Command(
        name="describe",
        summary="Show a table's columns, relations, groups and routes.",
        arguments=(argument("table", metavar="TABLE", help="its name"),),
        example="%enfyra describe post",
    ),
    Command(
        name="routes",
        summary="List the routes of the API.",
        arguments=(
            argument("pattern", nargs="?", metavar="PATTERN", help="only these, as in /flight*"),
            _SYSTEM,
        ),
        example="%enfyra routes",
    ),
    Command(
        name="erd",
        summary="Draw tables and how they are related.",
        arguments=(
            argument(
                "tables", nargs="*", metavar="TABLE", help="only these; all of yours without any"
            ),
            argument("--click", action="store_true", help="as a diagram to click"),
        ),
        example="%enfyra erd post author",
    ),
    Command(
        name="open",
        summary="Give links to the API's documentation, where it can be tried, and to the API.",
        example="%enfyra open",
    ),
    Command(
        name="table",
        summary="Define a table, or change it to what the cell says. Sections that the cell "
        "leaves out stay as they\nare. What can lose data waits for --apply.",
        arguments=(
            argument("table", metavar="NAME", help="its name"),
            argument("--plan", action="store_true", help="show the change, make none"),
            argument(
                "--apply", action="store_true", help="make the change even where data can get lost"
            ),
        ),
        body="columns, relations, uniques and indexes, in YAML",
        needs_body=True,
        example="%%enfyra table post\n"
        "columns:\n"
        "  title: varchar(120)!\n"
        "  status: enum(draft, published)! = draft\n"
        "  number: int unique was no\n"
        "relations:\n"
        "  author: author! inverse posts on-delete cascade\n"
        "uniques:\n"
        "  - [author, title]\n"
        "indexes:\n"
        "  - status",
    ),
    Command(
        name="drop",
        summary="Drop a table, a flow, a hook or a handler. What has records or runs waits for "
        "--apply.",
        arguments=(
            argument("kind", choices=KINDS, metavar="KIND", help="table, flow, hook or handler"),
            argument(
                "name", nargs="+", metavar="NAME", help="its name; a handler's as in GET /dashboard"
            ),
            argument(
                "--apply", action="store_true", help="drop it even where data gets lost"
            ),
        ),
        example="%enfyra drop table post\n%enfyra drop handler GET /dashboard",
    ),
    Command(
        name="adopt",
        summary="Define the tables and views that somebody else made in the server's database. "
        "Nothing in the\ndatabase changes, and what cannot be defined is listed.",
        arguments=(
            argument(
                "patterns",
                nargs="*",
                metavar="PATTERN",
                help="only these, as in film*; all of them without any",
            ),
            argument("--exclude", type=names_of, default=[], metavar="PATTERNS", help="not these"),
            argument(
                "--key",
                type=keys_of,
                action="extend",
                default=[],
                metavar="TABLE=COLUMN",
                help="the key of a view, or of a table that has none, as in film_list=fid",
            ),
            argument("--dry-run", action="store_true", help="show what would be defined"),
        ),
        example="%enfyra adopt --dry-run\n%enfyra adopt film* --exclude film_text",
    ),
    *DEFINITION_COMMANDS,
    *QUERY_COMMANDS,
    *RESULT_COMMANDS,
    Command(
        name="push",
        summary="Send a DataFrame or Arrow table into a table: all of it or nothing. Where there "
        "is no such table,\none is made that fits.",
        arguments=(
            argument("data", metavar="DATA", help="the variable that holds it"),
            argument("--table", required=True, metavar="TABLE", help="where to"),
            argument(
                "--key",
                type=names_of,
                default=[],
                metavar="FIELDS",
                help="the fields that tell rows apart, for --mode upsert",
            ),
            argument(
                "--mode",
                choices=MODES,
                default=MODES[0],
                help="add the rows (default), update those that are there, or replace all",
            ),
            argument(
                "--rename",
                type=renames_of,
                action="extend",
                default=[],
                metavar="COLUMN=FIELD",
                help="send columns as other fields, as in no=number,by=author.email; the latter "
                "refers to records by their email",
            ),
            argument(
                "--missing",
                choices=("error", "null"),
                default="error",
                help="what a reference to nothing becomes (default: error)",
            ),
            argument(
                "--dry-run", action="store_true", help="say what would happen, write nothing"
            ),
            argument("--no-progress", action="store_true", help="show no bar"),
        ),
        example="%enfyra push df --table post --key number --mode upsert "
        "--rename by=author.email",
    ),
    Command(
        name="hook",
        summary="Try a script that runs before or after what a route does, and save it. Of the "
        "trial, nothing stays.\nWithout a cell: list hooks, show the versions of one, or bring "
        "one back.",
        arguments=(
            argument(
                "words",
                nargs="*",
                metavar="WORDS",
                help="methods and route, as in GET,POST /post (ALL is all methods, * all routes); "
                "without a cell list, history NAME or rollback NAME",
            ),
            argument("--pre", action="store_true", help="run before (default)"),
            argument("--post", action="store_true", help="run after"),
            argument("--name", metavar="NAME", help="its name"),
            argument(
                "--priority",
                type=number_of,
                default=0,
                metavar="N",
                help="those with a smaller one come first",
            ),
            *_TRYING,
        ),
        body="the script",
        example="%%enfyra hook POST /post --test {title: Hello} --save\n"
        "@BODY.author = {'id': @USER.id}",
    ),
    Command(
        name="handler",
        summary="Try a script that answers a route, and save it; a route that is not there is "
        "made.\nWithout a cell: list handlers, show the versions of one, or bring one back.",
        arguments=(
            argument(
                "words",
                nargs="*",
                metavar="WORDS",
                help="method and route, as in GET /dashboard; without a cell list, history METHOD "
                "ROUTE or rollback METHOD ROUTE",
            ),
            *_TRYING,
        ),
        body="the script",
        example="%%enfyra handler GET /dashboard --save\n"
        "return {'posts': await #post.count()}",
    ),
    *FLOW_COMMANDS,
    *ACCESS_COMMANDS,
    *WIDGET_COMMANDS,
    Command(
        name="help",
        summary="Show this, or all about one sub-command.",
        arguments=(
            argument("command", nargs="?", metavar="COMMAND", help="the sub-command"),
        ),
        example="%enfyra help push",
    ),
)  # fmt: skip

# Which connection a single command goes by.
ON = "--on"
_WITHOUT_ON = frozenset({*(one.name for one in CONNECTION_COMMANDS), "help"})

COMMANDS: Mapping[str, Command] = {command.name: command for command in _COMMANDS}


def parse(line: str, *, has_body: bool) -> tuple[Command, argparse.Namespace]:
    """Read the line of a magic.

    Raises:
        UsageError: Naming what is wrong, with the nearest name where one is unknown.

    Example:
        >>> command, given = parse("query post --sort -views", has_body=False)
        >>> command.name, given.table, given.sort
        ('query', 'post', ['-views'])
    """
    try:
        given = words(line)
    except UnclosedError as error:
        raise UsageError(str(error)) from None
    given, out = _target(given)
    name = given[0] if given else "help"
    if name in {"-h", "--help"}:
        name = "help"
    command = COMMANDS.get(name)
    if command is None:
        hint = did_you_mean(name, COMMANDS) or f" There are: {', '.join(COMMANDS)}"
        raise UsageError(f"%enfyra has no '{name}'.{hint}")
    rest, on = _other_connection(given[1:])
    if "--help" in rest or "-h" in rest:
        return COMMANDS["help"], argparse.Namespace(command=name)
    _check_body(command, has_body=has_body)
    _check_flags(command, rest)
    found, unknown = command.parser().parse_known_args(_joined(command, rest))
    if unknown:
        raise UsageError(_unwanted(command, unknown))
    found.on = on
    if on is not None and name in _WITHOUT_ON:
        raise UsageError(f"{ON} is for commands that ask a server, which {name} is not")
    if out is not None:
        _take_out(command, found, out)
    return command, found


def _other_connection(given: Sequence[str]) -> tuple[list[str], str | None]:
    """Take `--on NAME` out of what a command is given: it means the same to all of them."""
    rest: list[str] = []
    on: str | None = None
    words_left = iter(given)
    for word in words_left:
        flag, sign, value = word.partition("=")
        if flag != ON:
            rest.append(word)
            continue
        on = value if sign else next(words_left, "")
        if not on:
            raise UsageError(f"{ON} must be followed by the name of a connection")
    return rest, on


def _target(given: Sequence[str]) -> tuple[Sequence[str], str | None]:
    """Split `name << query post` into the command, and the variable that its result goes to."""
    if len(given) > 1 and given[1] == "<<":
        return given[2:], given[0]
    return given, None


def _take_out(command: Command, found: argparse.Namespace, out: str) -> None:
    if "--out" not in command.flags:
        able = ", ".join(name for name, one in COMMANDS.items() if "--out" in one.flags)
        raise UsageError(f"'<<' stands in front of {able}, not of {command.name}")
    if found.out is not None:
        raise UsageError("The result goes to one variable: by '<<' or by --out")
    found.out = out


def _check_body(command: Command, *, has_body: bool) -> None:
    if has_body and command.body is None:
        raise UsageError(f"%%enfyra {command.name} takes no cell; write %enfyra {command.name}")
    if command.needs_body and not has_body:
        raise UsageError(
            f"%%enfyra {command.name} begins a cell, which holds {command.body}\n"
            f"For example:\n{indented(command.example)}"
        )


def _check_flags(command: Command, given: Sequence[str]) -> None:
    for word in given:
        flag = word.partition("=")[0]
        if flag.startswith("--") and len(flag) > 2 and flag not in command.flags:
            hint = did_you_mean(flag, command.flags)
            if not hint and command.flags:
                hint = f" There are: {', '.join(command.flags)}"
            raise UsageError(f"%enfyra {command.name} has no {flag}.{hint}")


def _unwanted(command: Command, words: Sequence[str]) -> str:
    """Say that the line has words that mean nothing there."""
    below = ""
    if command.body is not None:
        below = f" Below %%enfyra {command.name} stands {command.body}."
    more = f"%enfyra help {command.name} tells what it takes"
    return f"%enfyra {command.name} has no place for '{' '.join(words)}'.{below} {more}"


def _joined(command: Command, given: Sequence[str]) -> list[str]:
    """Join flags to their values, since argparse takes `-createdAt` for another flag."""
    takes = command.valued
    result: list[str] = []
    rest = iter(given)
    for word in rest:
        value = next(rest, None) if word in takes else None
        if value is None:
            result.append(word)
        elif value in command.flags:
            result += [word, value]
        else:
            result.append(f"{word}={value}")
    return result


def overview() -> str:
    """Give the help for all sub-commands."""
    lines = ["Tables, queries and data of an Enfyra server, from a notebook.", ""]
    lines += [
        f"  {'%%' if command.needs_body else ' %'}enfyra {name:<11} {_first_line(command)}"
        for name, command in COMMANDS.items()
    ]
    lines += ["", "%enfyra help COMMAND tells all about one of them."]
    return "\n".join(lines)


def _first_line(command: Command) -> str:
    return command.summary.replace("\n", " ").partition(". ")[0].rstrip(".").partition(":")[0]


def manual() -> str:
    """Give all help there is; what `%enfyra?` shows."""
    return "\n\n".join(
        [overview(), *(command.parser().format_help().strip() for command in COMMANDS.values())]
    )
