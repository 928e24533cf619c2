"""`%enfyra adopt`: tables that somebody else made in the server's database get definitions."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..display import Listing
from .session import Session

PATH = "/admin/adopt"


def adopt(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra adopt`."""
    body: dict[str, Any] = {
        "exclude": given.exclude,
        "keys": dict(given.key),
        "dryRun": given.dry_run,
    }
    if given.patterns:
        body["tables"] = given.patterns
    report = session.client.post(PATH, body)["data"][0]
    if not given.dry_run:
        # What completion knows of, too.
        session.schema()
    return shown(report, session.client.url)


def shown(report: Any, url: str) -> Listing:
    """Give a report as a cell shows it."""
    from enfyra_kernel.schema.adopting.sections import headline, sections

    note = f"live at {url}"
    if not report["tables"]:
        note = ""
    elif report["dryRun"]:
        note = "nothing was changed; without --dry-run it is done"
    below = [Listing(one.title, one.columns, one.rows) for one in sections(report)]
    return Listing(headline(report), (), (), note, below)
