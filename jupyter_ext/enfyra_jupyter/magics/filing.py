"""`%enfyra export`, `diff` and `apply`: definitions as files."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ..client import ApiError
from ..display import Lines
from .session import Session

if TYPE_CHECKING:
    from enfyra_kernel.definitions.files.reading import Folder

PATH = "/admin/definitions"
# So many names of files are shown.
_SHOWN = 20
_WAITING = "SCHEMA_CONFIRMATION_REQUIRED"


def export(session: Session, given: Namespace) -> Lines:
    """Do `%enfyra export`."""
    from enfyra_kernel.definitions.files.reading import FilesError
    from enfyra_kernel.definitions.files.writing import write_folder

    tables = given.tables or None
    document = session.client.get(PATH, tables=tables)["data"][0]
    try:
        written = write_folder(document, Path(given.folder), tables=tables)
    except FilesError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{given.folder}: {error.strerror}") from None
    lines: list[tuple[str, str]] = [
        ("title", written.summary(given.folder)),
        *_shown("good", "+", written.changed),
        *_shown("bad", "-", written.removed),
    ]
    secrets: list[Any] = document.get("secrets") or []
    if secrets:
        lines.append(("note", f"left out, and named: {', '.join(secrets)}"))
    return Lines(lines)


def _shown(kind: str, sign: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
    lines = [(kind, f"{sign} {name}") for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        lines.append(("note", f"and {len(names) - _SHOWN} more"))
    return lines


def diff(session: Session, given: Namespace) -> Lines:
    """Do `%enfyra diff`."""
    folder, body = _read(given)
    return _differences(_asked(session, "diff", body, folder), body, "Nothing differs")


def apply(session: Session, given: Namespace) -> Lines:
    """Do `%enfyra apply`."""
    if given.plan and given.apply:
        raise UsageError("--plan and --apply exclude each other")
    folder, body = _read(given)
    if given.plan:
        return _differences(_asked(session, "diff", body, folder), body, "Nothing to apply")
    if given.apply:
        body["confirm"] = _asked(session, "diff", body, folder)["requiredConfirmHash"]
    try:
        report = _asked(session, "apply", body, folder)
    except ApiError as error:
        if error.code != _WAITING or not isinstance(error.details, Mapping):
            raise
        title = "Nothing is applied yet, since data would get lost"
        note = f"%enfyra apply {given.folder} --apply applies it all the same"
        return Lines([("title", title), *_lines(error.details, body), ("note", note)])
    # What completion knows of, too.
    session.schema()
    done = len(report["applied"])
    title = f"{done} applied" if done else "Nothing to apply"
    return Lines([("title", title), *_lines(report, body)])


def _read(given: Namespace) -> tuple[Folder, dict[str, Any]]:
    from enfyra_kernel.definitions.files.reading import FilesError, read_folder
    from enfyra_kernel.definitions.secrets import with_environment

    try:
        folder = read_folder(Path(given.folder))
    except FilesError as error:
        raise UsageError(str(error)) from None
    document = with_environment(folder.document, os.environ)
    tables = given.tables or folder.tables
    return folder, {"document": document, "tables": tables, "prune": given.prune}


def _asked(session: Session, what: str, body: Mapping[str, Any], folder: Folder) -> Any:
    """Ask the server; what is wrong with a file is told with its line."""
    from enfyra_kernel.definitions.files.showing import problems_of, progress_of

    try:
        return session.client.post(f"{PATH}/{what}", body)["data"][0]
    except ApiError as error:
        problems = problems_of(error.details, folder)
        if not problems:
            raise
        progress = [text for _, text in progress_of(error.details)]
        raise UsageError("\n".join([*progress, *problems])) from None


def _differences(report: Mapping[str, Any], body: Mapping[str, Any], same: str) -> Lines:
    from enfyra_kernel.definitions.files.showing import count_of

    title = count_of(report) if report["changes"] else same
    return Lines([("title", title), *_lines(report, body)])


def _lines(report: Mapping[str, Any], body: Mapping[str, Any]) -> list[tuple[str, str]]:
    from enfyra_kernel.definitions.files.showing import lines_of

    return lines_of(report, body["document"])
