"""The sub-commands that show a widget."""

from __future__ import annotations

from .command import Command, argument, object_of

WIDGET_COMMANDS = (
    Command(
        name="design",
        summary="Design a table in a form: what the change would do is shown while you type, and "
        "made by a button.\nWithout widgets: show the cell that defines it.",
        arguments=(
            argument(
                "table", nargs="?", default="", metavar="TABLE", help="its name; a new one without"
            ),
        ),
        example="%enfyra design post",
    ),
    Command(
        name="studio",
        summary="Write the hooks and handlers of a route in an editor: try them with a request, "
        "save them, and bring\nversions back. Without widgets: show the cell that tries one.",
        arguments=(
            argument("route", metavar="ROUTE", help="a table's name, or a path as in /dashboard"),
        ),
        example="%enfyra studio post\n%enfyra studio /dashboard",
    ),
    Command(
        name="board",
        summary="Show a flow as a board: its steps, when it runs next, its runs and their logs. "
        "Run it there, watch it,\ncancel it, and go on from a step.",
        arguments=(
            argument("flow", nargs="?", metavar="NAME", help="the flow's name; the first without"),
        ),
        example="%enfyra board cleanup",
    ),
    Command(
        name="build",
        summary="Put a query together by choosing fields, conditions and an order. Shows the cell "
        "that asks the same, and\nthe first page of what it finds.",
        arguments=(argument("table", metavar="TABLE", help="where from"),),
        example="%enfyra build post",
    ),
    Command(
        name="pick",
        summary="Choose a record of a table by its name or its key. The result's .value is the "
        "key, and .record is\nall of it. Without widgets: say what is chosen.",
        arguments=(
            argument("table", metavar="TABLE", help="where from"),
            argument(
                "--label", metavar="FIELD", help="the column that records are known by, and found"
            ),
            argument(
                "--filter", type=object_of, metavar="OBJECT", help="which rows, in JSON or YAML"
            ),
        ),
        example="who = %enfyra pick author",
    ),
)
