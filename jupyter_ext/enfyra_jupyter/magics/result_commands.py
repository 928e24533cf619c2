"""The sub-commands that show results in other ways."""

from __future__ import annotations

from .command import Command, argument, count_of, measures_of, names_of, object_of

RESULT_COMMANDS = (
    Command(
        name="grid",
        summary="Show rows as a table to scroll, sort, filter and change, however many there are.",
        arguments=(
            argument("table", metavar="TABLE", help="where from"),
            argument(
                "--filter", type=object_of, metavar="OBJECT", help="which rows, in JSON or YAML"
            ),
            argument("--sort", type=names_of, metavar="FIELDS", help="by what, to begin with"),
            argument("--fields", type=names_of, metavar="FIELDS", help="which fields"),
            argument(
                "--dimensions", type=names_of, metavar="FIELDS", help="groups, in the place of rows"
            ),
            argument(
                "--measures", type=measures_of, metavar="FIGURES", help="figures of each group"
            ),
            argument("--limit", type=count_of, metavar="N", help="so many rows at most"),
        ),
        example="%enfyra grid post --fields title,status,author.name --sort -createdAt",
    ),
)  # fmt: skip
