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
        name="login",
        summary="Log in, and stay logged in on this machine: the password is typed into a field "
        "that hides it, and the\nlogin is kept in the system's keyring, or else in a file that "
        "only you can read. `connect` finds it there.",
        arguments=(
            argument("url", nargs="?", metavar="URL", help="where the API is"),
            argument("--email", metavar="ADDRESS", help="who you are"),
            argument("--forget", action="store_true", help="log out, and keep nothing"),
        ),
        example="%enfyra login http://localhost:1105 --email ann@example.com",
    ),
    Command(
        name="token",
        summary="Make an API token for a program, list yours, or revoke one. The token goes into a "
        "file that only you\ncan read, and is never shown.",
        arguments=(
            argument("words", nargs="*", metavar="WORDS", help="create NAME, revoke NAME, or list"),
            argument("--to", metavar="FILE", help="the file of a new token (default: NAME.token)"),
            argument(
                "--scopes",
                type=names_of,
                metavar="SCOPES",
                help="what it is for, as in 'GET /post/**,GET /me' (default: all you may do)",
            ),
            argument(
                "--expires", metavar="WHEN", help="as in 2030-01-31T00:00Z, or never (90 days)"
            ),
        ),
        example="%enfyra token create backup --scopes 'GET /post/**'\n%enfyra token list",
    ),
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
