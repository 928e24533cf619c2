"""What a script did when it was tried: before and after, logs, times, and the place of an error."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from .display import html_table, text_of, text_table, visible, wrapped

# Lines of an answer that are shown.
MOST_LINES = 40
_STAGES = ("stage", "script", "ms", "logs")
_TOUCHED = ("does", "table", "records")


@dataclass(frozen=True, slots=True)
class Trial:
    """A report of the server, to look at in a cell.

    Args:
        title: What was tried.
        report: What `POST /admin/test/run` has answered.
        note: What has become of it.
    """

    title: str
    report: Mapping[str, Any]
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether the script, or what came behind it, has failed."""
        return int(self.report["status"]) >= 400

    @property
    def error(self) -> str:
        """The error with the line of the source marked, if there was one."""
        result = self.report["result"]
        if not self.failed or not isinstance(result, Mapping):
            return ""
        error = result.get("error") or {}
        details = error.get("details")
        frame = details.get("codeFrame") if isinstance(details, Mapping) else None
        lines = [f"{error.get('code')}: {error.get('message')}", frame, error.get("hint")]
        return "\n".join(str(line) for line in lines if line)

    def changes(self) -> list[str]:
        """Give what scripts have changed of the request, as lines of a diff."""
        before, after = self.report["before"], self.report["after"]
        lines: list[str] = []
        for name in ("body", "query", "share"):
            if before[name] != after[name]:
                lines += [f"@{name.upper()}", *_diff(before[name], after[name])]
        return lines

    @property
    def headline(self) -> str:
        """What was tried, and how it ended."""
        report = self.report
        return f"{self.title}: {report['status']} in {report['milliseconds']:.1f} ms"

    def _tables(self) -> list[tuple[str, Sequence[str], list[list[Any]]]]:
        report = self.report
        stages = [
            [one["stage"], one["name"], round(one["milliseconds"], 2), len(one.get("logs", ()))]
            for one in report["stages"]
        ]
        touched = [
            [one["verb"], one["table"], text_of(one["records"])] for one in report["touched"]
        ]
        triggers = [[one["flow"], one["payload"]] for one in report["triggers"]]
        found: list[tuple[str, Sequence[str], list[list[Any]]]] = [("Stages", _STAGES, stages)]
        if touched:
            found.append(("Tables; nothing of it stays", _TOUCHED, touched))
        if triggers:
            found.append(("Triggers; none is started", ("flow", "payload"), triggers))
        return found

    def _texts(self) -> list[tuple[str, str]]:
        texts = [("Error", self.error), ("Changed", "\n".join(self.changes()))]
        texts.append(("Logs", "\n".join(self.report["logs"])))
        if not self.error:
            texts.append(("Answer", _rendered(self.report["result"])))
        return [(title, text) for title, text in texts if text]

    def __repr__(self) -> str:
        parts = [self.headline]
        parts += [f"{title}\n{_indented(text)}" for title, text in self._texts()]
        parts += [f"{title}\n{text_table(names, rows)}" for title, names, rows in self._tables()]
        return visible("\n\n".join([*parts, self.note] if self.note else parts))

    def _repr_html_(self) -> str:
        kind = "bad" if self.failed else "good"
        parts = [f'<div class="title {kind}">{escape(self.headline)}</div>']
        for title, text in self._texts():
            parts.append(f'<div class="title">{escape(title)}</div><pre>{_html_lines(text)}</pre>')
        for title, names, rows in self._tables():
            parts.append(f'<div class="title">{escape(title)}</div>{html_table(names, rows)}')
        if self.note:
            parts.append(f'<div class="note">{escape(self.note)}</div>')
        return wrapped("".join(parts))


def _rendered(value: Any) -> str:
    lines = json.dumps(value, indent=2, ensure_ascii=False, default=str).splitlines()
    more = len(lines) - MOST_LINES
    return "\n".join([*lines[:MOST_LINES], f"… {more} more lines"] if more > 0 else lines)


def _diff(before: Any, after: Any) -> list[str]:
    one, other = (
        json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
        for value in (before, after)
    )
    # The first three lines name files.
    return list(difflib.unified_diff(one, other, lineterm="", n=1))[3:]


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _html_lines(text: str) -> str:
    kinds = {"+": "good", "-": "bad"}
    return "\n".join(
        f'<span class="{kinds[line[0]]}">{escape(line)}</span>'
        if line[:1] in kinds
        else escape(line)
        for line in text.splitlines()
    )
