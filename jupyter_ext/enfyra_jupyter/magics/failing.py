"""`%enfyra last-error`: the rest of what went wrong."""

from __future__ import annotations

import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..client import ApiError
from ..display import text_of, visible, wrapped
from .session import Session


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of an error, none of it cut short.

    Example:
        >>> print(Told([("code", "UNKNOWN_FIELD"), ("status", "400")]))
        code    UNKNOWN_FIELD
        status  400
    """

    rows: Sequence[tuple[str, str]]
    traceback: str = ""

    def __repr__(self) -> str:
        width = max((len(name) for name, _ in self.rows), default=0)
        lines = [f"{name.ljust(width)}  {text}" for name, text in self.rows]
        return visible("\n".join([*lines, *([f"\n{self.traceback}"] if self.traceback else [])]))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in self.rows
        )
        below = f"<pre>{escape(self.traceback)}</pre>" if self.traceback else ""
        return wrapped(f"<table><tbody>{rows}</tbody></table>{below}")


def last_error(session: Session, given: Namespace) -> Told:
    """Do `%enfyra last-error`."""
    error = _last(session)
    if error is None:
        return Told([("", "Nothing has gone wrong so far")])
    cause = error if isinstance(error, ApiError) else error.__cause__ or error
    rows = _rows(cause) if isinstance(cause, ApiError) else [("message", str(error))]
    told = "".join(traceback.format_exception(cause)).rstrip() if given.traceback else ""
    return Told(rows, told)


def _last(session: Session) -> BaseException | None:
    """Give what the notebook has shown last, if that is ours, or what a command has raised."""
    shown = getattr(sys, "last_value", None)
    return shown if isinstance(shown, ApiError) else session.last_error


def _rows(error: ApiError) -> list[tuple[str, str]]:
    rows = [
        ("code", error.code),
        ("message", error.message),
        ("hint", error.hint),
        ("request", error.request),
        ("status", error.status or "there was no answer"),
        ("correlation id", error.correlation_id),
    ]
    if isinstance(error.details, dict):
        rows += [(f"details.{name}", value) for name, value in error.details.items()]
    else:
        rows.append(("details", error.details))
    return [(name, text_of(value)) for name, value in rows if value is not None]
