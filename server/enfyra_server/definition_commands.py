"""The commands `enfyra export`, `enfyra diff` and `enfyra apply`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.settings import Settings

if TYPE_CHECKING:
    from .definitions import Read, Where

T = TypeVar("T")

# What `diff` ends with, as that of git and of everybody else does.
DIFFERENT, WRONG = 1, 2

Folder = Annotated[str, typer.Argument(help="The folder.", metavar="DIR")]
Tables = Annotated[
    list[str] | None, typer.Argument(help="Only what is about these.", metavar="[TABLE]...")
]
Server = Annotated[
    str | None, typer.Option(help="A server's address; with neither this nor --db, ENFYRA_URL.")
]
Database = Annotated[str | None, typer.Option(help="Database, such as sqlite:///shop.db. [DB_URI]")]
Prune = Annotated[
    bool, typer.Option("--prune", help="Delete what is defined and not in the folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def export(
    folder: Folder, tables: Tables = None, server: Server = None, db: Database = None
) -> None:
    """Write all that has been defined into a folder: tables, scripts, access, flows.

    Of a server, with the token of ENFYRA_TOKEN, or the login of ENFYRA_EMAIL and ENFYRA_PASSWORD;
    or of a database. Secrets are named, and never written.
    """
    from . import definitions

    where = _where(server, db)
    written = _done(lambda: definitions.export(where, Path(folder), tables or ()))
    typer.echo(written.summary(folder))


def diff(
    folder: Folder,
    tables: Tables = None,
    prune: Prune = False,
    as_json: AsJson = False,
    server: Server = None,
    db: Database = None,
) -> None:
    """Show what `enfyra apply` would change.

    Ends with 0 where that is nothing, with 1 where there are differences, and with 2 where
    something is wrong.
    """
    from enfyra_kernel.definitions.files.showing import count_of

    from . import definitions

    where, given = _where(server, db, WRONG), _read(folder, tables, WRONG)
    report = _done(lambda: definitions.diff(where, given, prune=prune), given, WRONG)
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    elif report["changes"]:
        _show(report, given)
        typer.echo(count_of(report))
    if report["changes"]:
        raise typer.Exit(DIFFERENT)
    if not as_json:
        typer.echo("Nothing differs")


def apply(
    folder: Folder,
    tables: Tables = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Apply it even where data gets lost.")] = False,
    prune: Prune = False,
    as_json: AsJson = False,
    server: Server = None,
    db: Database = None,
) -> None:
    """Make the definitions those of a folder.

    What could lose data waits for --yes; nothing is deleted without --prune. Done again, it
    changes nothing.
    """
    from . import definitions

    where, given = _where(server, db), _read(folder, tables)
    if plan:
        report = _done(lambda: definitions.diff(where, given, prune=prune), given)
    else:
        report = _done(lambda: definitions.apply(where, given, prune=prune, losing=yes), given)
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
        return
    _show(report, given)
    if plan:
        typer.echo("Nothing was changed: this was a plan")
    else:
        done = len(report["applied"])
        typer.echo(f"{done} applied" if done else "Nothing to apply")


def _show(report: dict[str, Any], given: Read) -> None:
    from enfyra_kernel.definitions.files.showing import lines_of

    for _, line in lines_of(report, given.document):
        typer.echo(line)


def _where(server: str | None, db: str | None, code: int = 1) -> Where:
    from enfyra_kernel import logs

    from .definitions import Where

    logs.configure("warning")
    try:
        settings = None if db is None else Settings.load(db_uri=db)
    except EnfyraError as error:
        raise _failed(error, None, max(code, 2)) from None
    return Where(server, settings, _tell if sys.stderr.isatty() else None)


def _tell(number: int, of: int, label: str) -> None:
    shown = "" if number == of else f"{number} of {of}: {label[:60]}"
    typer.echo(f"\r\x1b[K{shown}", nl=False, err=True)


def _read(folder: str, tables: list[str] | None, code: int = 1) -> Read:
    from enfyra_kernel.definitions.files.reading import FilesError

    from . import definitions

    try:
        return definitions.read(Path(folder), tables or ())
    except FilesError as error:
        raise _wrong(error.problems, code) from None


def _done(
    work: Callable[[], Coroutine[Any, Any, T]], given: Read | None = None, code: int = 1
) -> T:
    """Do something with definitions, and tell what is wrong."""
    from enfyra_kernel.definitions.files.reading import FilesError

    try:
        return asyncio.run(work())
    except EnfyraError as error:
        raise _failed(error, given, code) from None
    except FilesError as error:
        raise _wrong(error.problems, code) from None
    except OSError as error:
        raise _wrong((f"{error.filename}: {error.strerror}",), code) from None


def _failed(error: EnfyraError, given: Read | None, code: int) -> typer.Exit:
    from enfyra_kernel.definitions.files.showing import lines_of, problems_of, progress_of

    problems: list[str] = []
    if given is not None:
        details: Any = error.details
        if error.code.startswith("SCHEMA_CONFIRMATION") and isinstance(details, dict):
            for _, line in lines_of(details, given.document):  # pyright: ignore[reportUnknownArgumentType]
                typer.echo(line)
        problems = problems_of(details, given.folder)
        for _, line in progress_of(details):
            typer.echo(line, err=True)
    code = 2 if error.code == "CONFIGURATION_ERROR" else code
    waiting = error.code == "SCHEMA_CONFIRMATION_REQUIRED" and given is not None
    hint = "--yes applies it all the same" if waiting else error.hint
    return _wrong(problems or (error.message,), code, hint)


def _wrong(problems: list[str] | tuple[str, ...], code: int, hint: str | None = None) -> typer.Exit:
    for problem in problems:
        typer.echo(f"enfyra: {problem}", err=True)
    if hint:
        typer.echo(f"        {hint}", err=True)
    return typer.Exit(code)
