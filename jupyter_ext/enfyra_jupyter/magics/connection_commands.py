"""The sub-commands about connections: what each takes."""

from __future__ import annotations

from .command import Command, argument

CONNECTION_COMMANDS = (
    Command(
        name="connect",
        summary="Connect to a server: the one that is named, that of ENFYRA_URL, or the Jupyter "
        "Server that runs\nthis kernel. Tokens and passwords are taken from the environment or "
        "asked for.",
        arguments=(
            argument(
                "url", nargs="?", metavar="URL", help="where the API is, or a name of a file's"
            ),
            argument("--as", dest="alias", metavar="NAME", help="what the connection is called"),
            argument(
                "--email",
                metavar="ADDRESS",
                help="log in with a password: that of ENFYRA_PASSWORD, or what you type",
            ),
        ),
        example="%enfyra connect\n"
        "%enfyra connect http://localhost:1105 --email ann@example.com --as test",
    ),
    Command(
        name="connections",
        summary="List the connections: that in use, those that are open, and those that files "
        "name.",
        example="%enfyra connections",
    ),
    Command(
        name="use",
        summary="Use another connection from now on; one that a file names is opened.",
        arguments=(argument("alias", metavar="NAME", help="what it is called"),),
        example="%enfyra use test",
    ),
    Command(
        name="close",
        summary="Close a connection.",
        arguments=(
            argument(
                "alias", nargs="?", metavar="NAME", help="what it is called; without, that in use"
            ),
        ),
        example="%enfyra close test",
    ),
    Command(
        name="last-error",
        summary="Show all about the last error: its code, details, request, status and "
        "correlation id.",
        arguments=(
            argument("--traceback", action="store_true", help="where in Python it came from, too"),
        ),
        example="%enfyra last-error",
    ),
)
