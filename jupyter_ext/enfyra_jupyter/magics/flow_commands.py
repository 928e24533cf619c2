"""The sub-commands about flows."""

from __future__ import annotations

from .command import Command, argument, count_of, value_of

_NAME = argument("flow", metavar="NAME", help="the flow's name")
_RUN = argument("run", metavar="RUN", help="its number, or a flow's name for its last run")
_PAYLOAD = argument(
    "--payload", type=value_of, metavar="JSON", help="what the run begins with, in JSON or YAML"
)
_ZONE = argument("--timezone", metavar="ZONE", help="as in Asia/Ho_Chi_Minh (default: UTC)")

FLOW_COMMANDS = (
    Command(
        name="flow",
        summary="Write a flow whole, and draw it with the times at which it runs next. Steps that "
        "the cell does not\nname go. Without a cell: draw it, with the state of each step in its "
        "last run.",
        arguments=(
            _NAME,
            argument("--cron", metavar="TIMES", help="set off at these times, as in '0 2 * * *'"),
            _ZONE,
            argument("--every", type=count_of, metavar="SECONDS", help="set off so often"),
            argument("--webhook", metavar="PATH", help="set off by POST /trigger/PATH"),
            argument(
                "--secret",
                metavar="VARIABLE",
                help="the environment variable with the webhook's secret",
            ),
            argument("--test", action="store_true", help="try its steps, and save nothing"),
            argument("--run", action="store_true", help="run it, and watch that"),
            _PAYLOAD,
        ),
        body="steps, in YAML or as functions of Python with @step above them",
        example="%%enfyra flow cleanup --cron '0 2 * * *' --timezone Asia/Ho_Chi_Minh\n"
        "- key: old\n"
        "  type: delete\n"
        "  config: {table: session, filter: {state: gone}}",
    ),
    Command(
        name="run",
        summary="Run a flow, and watch it until it is over. Interrupting the cell cancels the run.",
        arguments=(
            _NAME,
            _PAYLOAD,
            argument("--from", dest="start", metavar="STEP", help="go on from this step of a run"),
            argument("--of", type=count_of, metavar="RUN", help="that run (default: the last one)"),
        ),
        example="%enfyra run cleanup --payload {days: 30}\n%enfyra run cleanup --from old --of 12",
    ),
    Command(
        name="runs",
        summary="List runs, the newest first.",
        arguments=(
            argument("flow", nargs="?", metavar="NAME", help="of this flow only"),
            argument(
                "--limit", type=count_of, default=20, metavar="N", help="so many (default: 20)"
            ),
        ),
        example="%enfyra runs cleanup",
    ),
    Command(
        name="logs",
        summary="Show what the steps of a run have logged.",
        arguments=(_RUN, argument("--follow", action="store_true", help="until it is over")),
        example="%enfyra logs 12 --follow",
    ),
    Command(
        name="timeline",
        summary="Draw when each step of a run was at work. It tells how long steps took and "
        "waited, and when they failed\nand were tried again.",
        arguments=(_RUN,),
        example="%enfyra timeline cleanup",
    ),
    Command(
        name="schedule",
        summary="Show which flows run at certain times, in words, and when they do next.",
        arguments=(
            _ZONE,
            argument(
                "--times",
                type=count_of,
                default=1,
                metavar="N",
                help="so many of each (default: 1)",
            ),
        ),
        example="%enfyra schedule --timezone Asia/Ho_Chi_Minh",
    ),
    Command(
        name="cancel",
        summary="End a run, wherever it is at work.",
        arguments=(_RUN,),
        example="%enfyra cancel 12",
    ),
)
