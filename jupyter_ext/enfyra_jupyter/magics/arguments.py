"""The sub-commands of `%enfyra`: what each takes, and the help for it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from ..push import MODES
from ..yamls import NotYamlError, read_yaml
from .words import UnclosedError, words


class Parser(argparse.ArgumentParser):
    """Reads the words of one sub-command; what is wrong with them is a UsageError."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and how it is used."""
        text = message.removeprefix("argument ")
        raise UsageError(f"{text[:1].upper()}{text[1:]}\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End nothing: this is somebody's kernel."""
        raise UsageError(message or "")


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument: its names, and what argparse is told of it."""

    names: tuple[str, ...]
    facts: Mapping[str, Any]


def _argument(*names: str, **facts: Any) -> Argument:
    return Argument(names, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A sub-command.

    Attributes:
        summary: What it does, in a line.
        body: What the cell below `%%enfyra` holds; None if it takes no cell.
        needs_body: Whether it does nothing without one.
        example: How it is written.
    """

    name: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    body: str | None = None
    needs_body: bool = False
    example: str

    def parser(self) -> Parser:
        """Give what reads its words."""
        sign = "%%" if self.needs_body else "%"
        parser = Parser(
            prog=f"{sign}enfyra {self.name}",
            description=self.summary,
            epilog=f"example:\n{_indented(self.example)}",
            formatter_class=_Formatter,
            add_help=False,
            allow_abbrev=False,
        )
        for one in self.arguments:
            parser.add_argument(*one.names, **one.facts)
        return parser

    @property
    def flags(self) -> list[str]:
        """The names that begin with `--`."""
        return [name for one in self.arguments for name in one.names if name.startswith("--")]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        # As wide as a notebook's output, whatever terminal the kernel was started from.
        super().__init__(prog, width=88, max_help_position=28)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


# -- what values are ------------------------------------------------------------------------------


def object_of(text: str) -> dict[str, Any]:
    """Read an object in JSON or YAML."""
    try:
        value = read_yaml(text)
    except NotYamlError as error:
        raise argparse.ArgumentTypeError(f"is neither JSON nor YAML: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("must be an object such as {name: {_eq: Ann}}")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise argparse.ArgumentTypeError(f"must be a whole number, not '{text}'")
    return int(text)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _measures(text: str) -> dict[str, Any] | list[str]:
    return object_of(text) if text.startswith("{") else _names(text)


def _renames(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(old.strip() and sign and new.strip() for old, sign, new in pairs):
        raise argparse.ArgumentTypeError(f"must be COLUMN=FIELD, not '{text}'")
    return [(old.strip(), new.strip()) for old, _, new in pairs]


def _keys(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(table.strip() and sign and column.strip() for table, sign, column in pairs):
        raise argparse.ArgumentTypeError(f"must be TABLE=COLUMN, not '{text}'")
    return [(table.strip(), column.strip()) for table, _, column in pairs]


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not '{text}'") from None


# -- the commands ---------------------------------------------------------------------------------

_SYSTEM = _argument("--system", action="store_true", help="the system's own tables too")

_TRYING = (
    _argument("--test", metavar="BODY", help="the body of the trial: an object, or a file of JSON"),
    _argument("--query", type=object_of, metavar="OBJECT", help="the trial's query parameters"),
    _argument("--path", metavar="PATH", help="the trial's path, as in /report/2024"),
    _argument("--user", metavar="USER", help="as whom, by id or e-mail address, or nobody"),
    _argument(
        "--sample",
        type=_count,
        nargs="?",
        const=1,
        default=0,
        metavar="N",
        help="try it with the table's newest record, or the N-th of them",
    ),
    _argument("--alone", action="store_true", help="try it without the route's other scripts"),
    _argument(
        "--language",
        choices=("python", "javascript"),
        default="python",
        help="what it is written in (default: python)",
    ),
    _argument("--save", action="store_true", help="save it, if it did not fail: it is live then"),
    _argument("--force", action="store_true", help="save it even if it failed"),
    _argument("--to", type=_count, metavar="N", help="the version that rollback brings back"),
)

_COMMANDS = (
    Command(
        name="connect",
        summary="Connect to a server: the one that is named, that of ENFYRA_URL, or the Jupyter "
        "Server that runs\nthis kernel. Tokens and passwords are taken from the environment or "
        "asked for.",
        arguments=(
            _argument("url", nargs="?", metavar="URL", help="where the API is"),
            _argument(
                "--email",
                metavar="ADDRESS",
                help="log in with a password: that of ENFYRA_PASSWORD, or what you type",
            ),
        ),
        example="%enfyra connect\n%enfyra connect http://localhost:1105 --email ann@example.com",
    ),
    Command(
        name="status",
        summary="Show the connection, who you are there, and how the server is.",
        example="%enfyra status",
    ),
    Command(
        name="tables",
        summary="List the tables.",
        arguments=(
            _argument("pattern", nargs="?", metavar="PATTERN", help="only these, as in flight*"),
            _SYSTEM,
            _argument("--rows", action="store_true", help="count the rows of each"),
        ),
        example="%enfyra tables --rows",
    ),
    Command(
        name="describe",
        summary="Show a table's columns, relations, groups and routes.",
        arguments=(_argument("table", metavar="TABLE", help="its name"),),
        example="%enfyra describe post",
    ),
    Command(
        name="routes",
        summary="List the routes of the API.",
        arguments=(
            _argument("pattern", nargs="?", metavar="PATTERN", help="only these, as in /flight*"),
            _SYSTEM,
        ),
        example="%enfyra routes",
    ),
    Command(
        name="erd",
        summary="Draw tables and how they are related.",
        arguments=(
            _argument(
                "tables", nargs="*", metavar="TABLE", help="only these; all of yours without any"
            ),
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
            _argument("table", metavar="NAME", help="its name"),
            _argument("--plan", action="store_true", help="show the change, make none"),
            _argument(
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
        name="adopt",
        summary="Define the tables and views that somebody else made in the server's database. "
        "Nothing in the\ndatabase changes, and what cannot be defined is listed.",
        arguments=(
            _argument(
                "patterns",
                nargs="*",
                metavar="PATTERN",
                help="only these, as in film*; all of them without any",
            ),
            _argument("--exclude", type=_names, default=[], metavar="PATTERNS", help="not these"),
            _argument(
                "--key",
                type=_keys,
                action="extend",
                default=[],
                metavar="TABLE=COLUMN",
                help="the key of a view, or of a table that has none, as in film_list=fid",
            ),
            _argument("--dry-run", action="store_true", help="show what would be defined"),
        ),
        example="%enfyra adopt --dry-run\n%enfyra adopt film* --exclude film_text",
    ),
    Command(
        name="query",
        summary="Find rows. The result shows its first page; .DataFrame(), .arrow() and "
        ".to_parquet(path) get\nall rows.",
        arguments=(
            _argument("table", nargs="?", metavar="TABLE", help="where from"),
            _argument(
                "--filter", type=object_of, metavar="OBJECT", help="which rows, in JSON or YAML"
            ),
            _argument(
                "--sort", type=_names, metavar="FIELDS", help="by what, as in -createdAt,title"
            ),
            _argument(
                "--fields",
                type=_names,
                metavar="FIELDS",
                help="which fields, as in title,author.name",
            ),
            _argument("--deep", type=object_of, metavar="OBJECT", help="related records to expand"),
            _argument(
                "--aggregate",
                type=object_of,
                metavar="OBJECT",
                help="figures over all of the rows, as in {views: {sum: true}}",
            ),
            _argument(
                "--dimensions",
                type=_names,
                metavar="FIELDS",
                help="a row for each group of rows that have these in common",
            ),
            _argument(
                "--measures",
                type=_measures,
                metavar="FIGURES",
                help="figures of each group, as in count,sum(views) or {reads: {sum: views}}",
            ),
            _argument("--limit", type=_count, metavar="N", help="so many rows at most"),
            _argument("--out", metavar="VARIABLE", help="put the result into a variable, too"),
        ),
        body="table, filter, sort, fields, deep, aggregate, dimensions, measures and limit, in "
        "YAML or JSON",
        example="posts = %enfyra query post --filter {author: {name: Ann}} --sort -createdAt "
        "--limit 10\n"
        "%enfyra query post --dimensions author.name --measures count --sort -count",
    ),
    Command(
        name="push",
        summary="Send a DataFrame or Arrow table into a table: all of it or nothing. Where there "
        "is no such table,\none is made that fits.",
        arguments=(
            _argument("data", metavar="DATA", help="the variable that holds it"),
            _argument("--table", required=True, metavar="TABLE", help="where to"),
            _argument(
                "--key",
                type=_names,
                default=[],
                metavar="FIELDS",
                help="the fields that tell rows apart, for --mode upsert",
            ),
            _argument(
                "--mode",
                choices=MODES,
                default=MODES[0],
                help="add the rows (default), update those that are there, or replace all",
            ),
            _argument(
                "--rename",
                type=_renames,
                action="extend",
                default=[],
                metavar="COLUMN=FIELD",
                help="send columns as other fields, as in no=number,by=author.email; the latter "
                "refers to records by their email",
            ),
            _argument(
                "--missing",
                choices=("error", "null"),
                default="error",
                help="what a reference to nothing becomes (default: error)",
            ),
            _argument("--dry-run", action="store_true", help="try it, and take it back"),
            _argument("--no-progress", action="store_true", help="show no bar"),
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
            _argument(
                "words",
                nargs="*",
                metavar="WORDS",
                help="methods and route, as in GET,POST /post (ALL is all methods); without a "
                "cell list, history NAME or rollback NAME",
            ),
            _argument("--pre", action="store_true", help="run before (default)"),
            _argument("--post", action="store_true", help="run after"),
            _argument("--name", metavar="NAME", help="its name"),
            _argument(
                "--priority",
                type=_number,
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
            _argument(
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
    Command(
        name="help",
        summary="Show this, or all about one sub-command.",
        arguments=(
            _argument("command", nargs="?", metavar="COMMAND", help="the sub-command"),
        ),
        example="%enfyra help push",
    ),
)  # fmt: skip

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
    name = given[0] if given else "help"
    if name in {"-h", "--help"}:
        name = "help"
    command = COMMANDS.get(name)
    if command is None:
        hint = did_you_mean(name, COMMANDS) or f" There are: {', '.join(COMMANDS)}"
        raise UsageError(f"%enfyra has no '{name}'.{hint}")
    rest = given[1:]
    if "--help" in rest or "-h" in rest:
        return COMMANDS["help"], argparse.Namespace(command=name)
    _check_body(command, has_body=has_body)
    _check_flags(command, rest)
    return command, command.parser().parse_args(_joined(command, rest))


def _check_body(command: Command, *, has_body: bool) -> None:
    if has_body and command.body is None:
        raise UsageError(f"%%enfyra {command.name} takes no cell; write %enfyra {command.name}")
    if command.needs_body and not has_body:
        raise UsageError(
            f"%%enfyra {command.name} begins a cell, which holds {command.body}\n"
            f"For example:\n{_indented(command.example)}"
        )


def _check_flags(command: Command, given: Sequence[str]) -> None:
    for word in given:
        flag = word.partition("=")[0]
        if flag.startswith("--") and len(flag) > 2 and flag not in command.flags:
            hint = did_you_mean(flag, command.flags)
            if not hint and command.flags:
                hint = f" There are: {', '.join(command.flags)}"
            raise UsageError(f"%enfyra {command.name} has no {flag}.{hint}")


def _joined(command: Command, given: Sequence[str]) -> list[str]:
    """Join flags to their values, since argparse takes `-createdAt` for another flag."""
    takes = {
        name
        for one in command.arguments
        for name in one.names
        if name.startswith("--") and one.facts.get("action") != "store_true"
    }
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
        f"  {'%%' if command.needs_body else ' %'}enfyra {name:<9} {_first_line(command)}"
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
