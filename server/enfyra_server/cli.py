"""The command `enfyra`."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from enfyra_kernel import __version__
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.settings import Settings, names_of_fields, variables

from . import definition_commands

if TYPE_CHECKING:
    from enfyra_kernel.kernel import Kernel
    from enfyra_kernel.records.encryption import Progress

app = typer.Typer(
    name="enfyra",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Loop(StrEnum):
    """Which event loop to run on."""

    AUTO = "auto"
    ASYNCIO = "asyncio"
    UVLOOP = "uvloop"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def enfyra(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Define a table, and its API is live.

    Settings come from the environment and from a file .env; `enfyra settings` lists them.
    """


@app.command(short_help="Serve the API.")
def serve(
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one. [PORT]")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [ENFYRA_HOST]")] = None,
    db: Annotated[
        str | None, typer.Option(help="Database, such as sqlite:///shop.db. [DB_URI]")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes; more than one needs REDIS_URI.")
    ] = 1,
    loop: Annotated[
        Loop, typer.Option(help="Event loop; auto takes uvloop where it is installed.")
    ] = Loop.AUTO,
    sockets: Annotated[
        str, typer.Option(hidden=True, help="Descriptors of sockets that listen already.")
    ] = "",
    ready: Annotated[
        int | None, typer.Option(hidden=True, help="Descriptor to tell that it is ready.")
    ] = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C.

    Requests that have begun are finished first; a second signal does not wait for them. SIGHUP
    replaces the processes of --workers one by one.
    """
    overrides = {"port": port, "host": host, "db_uri": db}
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    settings = _settings(given)
    if workers > 1:
        _serve_many(settings, given, workers, loop)
    else:
        _serve_one(settings, loop, sockets, ready)


def _settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings.load(**given)
    except EnfyraError as error:
        raise _exit(error) from None


def _inherited(sockets: str) -> list[socket.socket]:
    """Take over sockets by their descriptors; processes of ours shall not have them."""
    given = [socket.socket(fileno=int(one)) for one in sockets.split(",") if one]
    for one in given:
        one.set_inheritable(False)
    return given


def _serve_one(settings: Settings, loop: Loop, sockets: str, ready: int | None) -> None:
    from enfyra_kernel import logs
    from enfyra_kernel.kernel import Kernel

    from .app import Server

    logs.configure(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory(loop)) as runner:
            runner.run(Server(Kernel(settings), _inherited(sockets)).run(ready))
    except EnfyraError as error:
        raise _exit(error) from None
    except OSError as error:
        typer.echo(f"enfyra: {error}", err=True)
        raise typer.Exit(1) from None


def _loop_factory(loop: Loop) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if loop is Loop.ASYNCIO:
        return None
    try:
        import uvloop
    except ImportError:
        if loop is Loop.AUTO:
            return None
        raise EnfyraError(
            "CONFIGURATION_ERROR",
            "uvloop is not installed",
            hint="pip install 'enfyra-kernel[speed]'",
        ) from None
    return uvloop.new_event_loop


def _serve_many(settings: Settings, given: dict[str, Any], workers: int, loop: Loop) -> None:
    from enfyra_kernel import logs

    from .app import bound
    from .workers import run_workers

    if settings.redis_uri is None:
        message = f"{workers} workers need REDIS_URI: they tell each other about changes over it"
        raise _exit(EnfyraError("CONFIGURATION_ERROR", message))
    if settings.port == 0:
        message = "several workers need a fixed port: they share it"
        raise _exit(EnfyraError("CONFIGURATION_ERROR", message))
    arguments = [
        part
        for name, option in (("port", "--port"), ("host", "--host"), ("db_uri", "--db"))
        if name in given
        for part in (option, str(given[name]))
    ]
    logs.configure(settings.log_level)
    arguments += ["--loop", loop.value]
    try:
        code = run_workers(workers, ["serve", *arguments], lambda: bound(settings, shared=True))
    except EnfyraError as error:
        raise _exit(error) from None
    raise typer.Exit(code)


@app.command(short_help="Run flows and jobs, without HTTP.")
def worker(
    runs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="Runs of flows that go on at the same time; 10 where the setting is 0. "
            "[ENFYRA_FLOW_WORKERS]",
        ),
    ] = None,
    db: Annotated[
        str | None, typer.Option(help="Database, such as sqlite:///shop.db. [DB_URI]")
    ] = None,
    loop: Annotated[
        Loop, typer.Option(help="Event loop; auto takes uvloop where it is installed.")
    ] = Loop.AUTO,
) -> None:
    """Run flows and jobs until SIGTERM or Ctrl-C, for servers with ENFYRA_FLOW_WORKERS=0.

    What is at work then goes back, and another worker goes on with it.
    """
    given = {name: value for name, value in {"db_uri": db, "flow_workers": runs}.items() if value}
    settings = _settings(given)
    if settings.flow_workers == 0:
        settings = settings.model_copy(
            update={"flow_workers": Settings.model_fields["flow_workers"].default}
        )
    from enfyra_kernel import logs
    from enfyra_kernel.kernel import Kernel

    from .daemon import run_daemon

    logs.configure(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory(loop)) as runner:
            runner.run(run_daemon(Kernel(settings)))
    except EnfyraError as error:
        raise _exit(error) from None


@app.command(short_help="Define the tables that a database has.")
def adopt(
    tables: Annotated[
        list[str] | None,
        typer.Option(help="Only these; names or patterns as in film*, once or more often."),
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Not these.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="The key of a view or a table without one, as in film_list=fid."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be defined.")
    ] = False,
    url: Annotated[
        str | None, typer.Option("--url", "--db", help="Database, as for serve. [DB_URI]")
    ] = None,
) -> None:
    """Define the tables and views that somebody else made in a database.

    Nothing in the database changes but for the tables that Enfyra keeps definitions in. What
    cannot be defined is listed.
    """
    from enfyra_kernel import logs
    from enfyra_kernel.schema.adopting import Selection

    from . import adopting

    settings = _settings({} if url is None else {"db_uri": url})
    logs.configure(settings.log_level if settings.log_level != "info" else "warning")
    selection = Selection(
        tables=None if not tables else tuple(_words(tables)),
        exclude=tuple(_words(exclude or [])),
        keys=dict(_pair(one) for one in key or ()),
    )
    try:
        report = asyncio.run(adopting.adopt(settings, selection, dry_run=dry_run))
    except EnfyraError as error:
        raise _exit(error) from None
    typer.echo(adopting.text_of(report))


def _words(texts: list[str]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, sign, column = text.partition("=")
    if not (name.strip() and sign and column.strip()):
        raise typer.BadParameter(f"must be TABLE=COLUMN, not '{text}'", param_hint="--key")
    return name.strip(), column.strip()


app.command(short_help="Write definitions as files, for git.")(definition_commands.export)
app.command(short_help="Show what applying files would change.")(definition_commands.diff)
app.command(short_help="Make the definitions those of files.")(definition_commands.apply)


@app.command()
def settings() -> None:
    """List every setting with what it is for and its default."""
    from pydantic import SecretStr

    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    for field, variable in names_of_fields().items():
        default = defaults[field]
        if default is None or default == () or isinstance(default, SecretStr):
            shown = ""
        else:
            shown = f" [{getattr(default, 'redacted', default)}]"
        typer.echo(f"{variable}{shown}\n    {variables()[variable]}")


@app.command(short_help="Encrypt values anew with the first key.")
def rotate_keys(
    db: Annotated[
        str | None, typer.Option(help="Database, such as sqlite:///shop.db. [DB_URI]")
    ] = None,
) -> None:
    """Encrypt what is encrypted anew with the first of ENFYRA_ENCRYPTION_KEYS.

    That is the values of encrypted columns, and the secrets of providers that users log in at.
    Servers may run meanwhile, once they have the new key, too. It can be stopped and begun again.
    """
    from enfyra_kernel.kernel import Kernel

    settings = _settings({} if db is None else {"db_uri": db})
    try:
        done = asyncio.run(_rotate(Kernel(settings)))
    except EnfyraError as error:
        raise _exit(error) from None
    if not done:
        typer.echo("There is nothing encrypted")
    failed = sum(one.failed for one in done)
    if failed:
        typer.echo(f"enfyra: {failed} values cannot be decrypted with these keys", err=True)
        raise typer.Exit(1)


async def _rotate(kernel: Kernel) -> list[Progress]:
    def report(progress: Progress) -> None:
        typer.echo(
            f"{progress.table}: {progress.rows} of {progress.total} records, "
            f"{progress.changed} values encrypted anew"
        )

    async with kernel:
        return await kernel.rotate_keys(report)


@app.command(short_help="Set the password of an account.")
def password(
    email: Annotated[
        str | None, typer.Argument(help="Whose; without it, the first administrator's.")
    ] = None,
    generate: Annotated[
        bool, typer.Option("--generate", help="Make a password up, and print it.")
    ] = False,
    db: Annotated[
        str | None, typer.Option(help="Database, such as sqlite:///shop.db. [DB_URI]")
    ] = None,
) -> None:
    """Set the password of an account, and end its logins.

    The new password is asked for, or read from the standard input. Servers may run meanwhile.
    """
    from enfyra_kernel import logs
    from enfyra_kernel.identity.users import new_password
    from enfyra_kernel.kernel import Kernel

    settings = _settings({} if db is None else {"db_uri": db})
    logs.configure(settings.log_level if settings.log_level != "info" else "warning")
    new = new_password() if generate else _asked_password()
    try:
        whose = asyncio.run(_reset_password(Kernel(settings, on_password=_silent), email, new))
    except EnfyraError as error:
        raise _exit(error) from None
    typer.echo(f"The password of {whose} is {new if generate else 'set'}")


def _asked_password() -> str:
    if not sys.stdin.isatty():
        new = sys.stdin.readline().rstrip("\r\n")
    else:
        new = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    if not new:
        raise _exit(EnfyraError("INVALID_ARGUMENT", "The password is empty"))
    return new


def _silent(_email: str, _password: str) -> None:
    """Say nothing of an administrator who is made at this very moment."""


async def _reset_password(kernel: Kernel, email: str | None, new: str) -> str:
    async with kernel:
        whose = email or (await kernel.users.owner()).email
        await kernel.reset_password(whose, new)
        return whose


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _exit(error: EnfyraError) -> typer.Exit:
    typer.echo(f"enfyra: {error.message}", err=True)
    if error.hint:
        typer.echo(f"        {error.hint}", err=True)
    return typer.Exit(2 if error.code == "CONFIGURATION_ERROR" else 1)


def main() -> None:
    """Run the command."""
    # To load a server's modules makes no garbage, and looking for it took a tenth of the time.
    gc.set_threshold(10_000, 20, 50)
    app(prog_name="enfyra")


if __name__ == "__main__":
    sys.exit(main())
