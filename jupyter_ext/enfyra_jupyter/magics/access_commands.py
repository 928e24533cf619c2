"""The sub-commands about who may do what."""

from __future__ import annotations

from .command import Command, argument, names_of

_WHO = argument(
    "who",
    metavar="WHO",
    help="a role, an account by its e-mail address, everybody, or logged-in",
)
_METHODS = argument(
    "methods", metavar="METHODS", type=names_of, help="as in GET,POST; ALL is all of the route's"
)
_ROUTE = argument("route", metavar="ROUTE", help="its path, as in /post")

ACCESS_COMMANDS = (
    Command(
        name="users",
        summary="List the accounts, with their roles.",
        arguments=(
            argument("pattern", nargs="?", metavar="PATTERN", help="only these, as in *@acme.com"),
        ),
        example="%enfyra users",
    ),
    Command(
        name="roles",
        summary="List the roles, and what they may do.",
        example="%enfyra roles",
    ),
    Command(
        name="can",
        summary="Say whether somebody may do something, which rule decides, and why.",
        arguments=(
            argument("user", metavar="USER", help="an account by its e-mail address, or nobody"),
            argument("method", metavar="METHOD", help="as in GET"),
            argument("path", metavar="PATH", help="as in /post"),
            argument("--row", metavar="ID", help="look at this record"),
            argument("--ip", metavar="ADDRESS", help="look at guards, too"),
        ),
        example="%enfyra can ann@example.com GET /post --row 7",
    ),
    Command(
        name="grant",
        summary="Let a role, an account or everybody use methods of a route. It is live at once.",
        arguments=(_WHO, _METHODS, _ROUTE),
        example="%enfyra grant editor GET,POST /post\n%enfyra grant everybody GET /post",
    ),
    Command(
        name="revoke",
        summary="Take back what `grant` has given.",
        arguments=(_WHO, _METHODS, _ROUTE),
        example="%enfyra revoke editor POST /post",
    ),
    Command(
        name="access",
        summary="Show who may use which methods of which routes; where widgets are, a click "
        "changes it.",
        arguments=(
            argument(
                "pattern", nargs="?", metavar="PATTERN", help="only these routes, as in /post*"
            ),
            argument("--system", action="store_true", help="the system's own routes too"),
        ),
        example="%enfyra access",
    ),
)
