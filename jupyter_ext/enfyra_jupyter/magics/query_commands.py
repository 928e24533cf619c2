"""The sub-commands that find rows: what each takes."""

from __future__ import annotations

from .command import Command, argument, count_of, measures_of, names_of, object_of, parameter_of

# Of plots.
KINDS = ("line", "bar", "scatter", "hist", "box")

_VALUES = (
    argument(
        "--param",
        type=parameter_of,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what :NAME stands for, in JSON or YAML, as in least=5 or day='2024-02-01'",
    ),
    argument(
        "--params",
        metavar="VARIABLE",
        help="a dictionary of such values; lists, Series and DataFrames of one column are lists",
    ),
)
_LIMIT = argument("--limit", type=count_of, metavar="N", help="so many rows at most")
_OUT = argument(
    "--out",
    metavar="VARIABLE",
    help="put the result into a variable, too; VARIABLE << in front does the same",
)

_SAVE = argument("--save", metavar="NAME", help="save what it asks under this name")
_SAVED = argument("--saved", metavar="NAME", help="ask what is saved under this name")
_WITH = argument(
    "--with",
    dest="parts",
    action="append",
    default=[],
    metavar="NAME",
    help="read from what is saved in SQL under this name, as from a table",
)

QUERY_COMMANDS = (
    Command(
        name="query",
        summary="Find rows. The result shows its first page; .DataFrame(), .arrow() and "
        ".to_parquet(path) get\nall rows.",
        arguments=(
            argument("table", nargs="?", metavar="TABLE", help="where from"),
            argument(
                "--filter", type=object_of, metavar="OBJECT", help="which rows, in JSON or YAML"
            ),
            argument(
                "--sort", type=names_of, metavar="FIELDS", help="by what, as in -createdAt,title"
            ),
            argument(
                "--fields",
                type=names_of,
                metavar="FIELDS",
                help="which fields, as in title,author.name",
            ),
            argument("--deep", type=object_of, metavar="OBJECT", help="related records to expand"),
            argument(
                "--aggregate",
                type=object_of,
                metavar="OBJECT",
                help="figures over all of the rows, as in {views: {sum: true}}",
            ),
            argument(
                "--dimensions",
                type=names_of,
                metavar="FIELDS",
                help="a row for each group of rows that have these in common",
            ),
            argument(
                "--measures",
                type=measures_of,
                metavar="FIGURES",
                help="figures of each group, as in count,sum(views) or {reads: {sum: views}}",
            ),
            _LIMIT,
            *_VALUES,
            _SAVED,
            _SAVE,
            _WITH,
            argument(
                "--lang",
                choices=("filter", "sql"),
                default="filter",
                help="what the cell is written in: sql is what %%%%enfyra sql takes",
            ),
            _OUT,
        ),
        body="table, filter, sort, fields, deep, aggregate, dimensions, measures and limit, in "
        "YAML or JSON",
        example="posts = %enfyra query post --filter {author: {name: Ann}} --sort -createdAt "
        "--limit 10\n"
        "%enfyra query post --dimensions author.name --measures count --sort -count\n"
        "popular << query post --filter {number: {_gt: ':least'}} --param least=5",
    ),
    Command(
        name="sql",
        summary="Read with one statement of SQL, as the administrator. The result is used like "
        "that of a query.",
        arguments=(_LIMIT, *_VALUES, _SAVED, _SAVE, _WITH, _OUT),
        body="the statement",
        example="%%enfyra sql --param least=1\n"
        "SELECT title, count(*) AS n FROM post WHERE number >= :least GROUP BY title",
    ),
    Command(
        name="queries",
        summary="List the saved queries, or show one of them as the cell that saves it.",
        arguments=(
            argument("name", nargs="?", metavar="NAME", help="its name, or a pattern as in late*"),
            argument("--delete", action="store_true", help="delete it"),
        ),
        example="%enfyra queries\n%enfyra queries popular",
    ),
    Command(
        name="profile",
        summary="Show what the columns of a table hold: nulls, distinct values, the smallest, the "
        "largest, the mean,\nthe most frequent values, and a histogram.",
        arguments=(
            argument("table", metavar="TABLE", help="its name"),
            argument(
                "--fields", type=names_of, metavar="FIELDS", help="only these columns, as in a,b"
            ),
            argument(
                "--filter", type=object_of, metavar="OBJECT", help="which rows, in JSON or YAML"
            ),
            argument(
                "--sample",
                type=count_of,
                default=10_000,
                metavar="N",
                help="of how many rows values are compared and counted (default: 10000)",
            ),
            argument(
                "--click",
                action="store_true",
                help="a bar or a value narrows it to the rows that it stands for",
            ),
        ),
        example="%enfyra profile post\n%enfyra profile post --click",
    ),
    Command(
        name="plot",
        summary="Draw a column, or one against another.",
        arguments=(
            argument("table", metavar="TABLE", help="its name"),
            argument("x", metavar="X", help="the column of the x axis"),
            argument("y", nargs="?", metavar="Y", help="the column of the y axis"),
            argument(
                "--kind",
                choices=KINDS,
                help="line, bar, scatter, hist or box; without it, what suits the columns",
            ),
            argument(
                "--filter", type=object_of, metavar="OBJECT", help="which rows, in JSON or YAML"
            ),
            _LIMIT,
        ),
        example="%enfyra plot post number\n%enfyra plot post status number --kind bar",
    ),
)
