"""What a comparison says, as lines for people: what is new, what goes, what becomes another."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from ..kinds import SOURCE, Item
from .reading import Folder
from .wording import column_text, relation_text, worded_table

# What a line is: good, bad, said beside, or just said; and the text.
Line = tuple[str, str]
GOOD, BAD, NOTE, TITLE, SAID = "good", "bad", "note", "title", ""
_SIGNS = {"added": (GOOD, "+"), "changed": (SAID, "~"), "extra": (BAD, "-")}
# Of a long value, the beginning says enough.
_MOST = 200


def lines_of(report: Mapping[str, Any], document: Mapping[str, Any] | None = None) -> list[Line]:
    """Give a report as lines.

    Args:
        document: What was compared, to show what is in new tables.

    Example:
        >>> lines_of({"changes": [{"section": "roles", "label": "role Editor", "change": "added",
        ...                        "at": ["roles", 0], "fields": []}], "losses": []})
        [('good', '+ role Editor')]
    """
    lines: list[Line] = []
    for change in report["changes"]:
        kind, sign = _SIGNS[change["change"]]
        kept = change["change"] == "extra" and not report.get("prune")
        remark = " (only there; stays without --prune)" if kept else ""
        lines.append((NOTE if kept else kind, _printable(f"{sign} {change['label']}{remark}")))
        if change["section"] == "tables" and change["change"] == "added" and document is not None:
            lines += _new_table(document["tables"][change["at"][1]])
        for field in change["fields"]:
            lines += _field(field)
    lines += [(BAD, _printable(f"! loses {loss}")) for loss in report["losses"]]
    lines += [(BAD, _printable(f"! {one['message']}")) for one in report.get("warnings", ())]
    lines += [(BAD, _printable(f"! {one}")) for one in report.get("missingSecrets", ())]
    return lines


def count_of(report: Mapping[str, Any]) -> str:
    """Say in words how much differs.

    Example:
        >>> count_of({"changes": [{"change": "added"}, {"change": "extra"}]})
        '1 to add, 0 to change, 1 only there'
    """
    found = [one["change"] for one in report["changes"]]
    gone = "to delete" if report.get("prune") else "only there"
    return (
        f"{found.count('added')} to add, {found.count('changed')} to change, "
        f"{found.count('extra')} {gone}"
    )


def _new_table(item: Item) -> Iterator[Line]:
    worded = worded_table(item)
    for section in ("columns", "relations"):
        for name, text in worded.get(section, {}).items():
            yield GOOD, _printable(f"    + {name}: {_said(text)}")


def _field(field: Mapping[str, Any]) -> Iterator[Line]:
    path: str = field["field"]
    before: Any = field["from"]
    after: Any = field["to"]
    if path.endswith(SOURCE) and isinstance(before, str) and isinstance(after, str):
        yield SAID, f"    ~ {_printable(path)}:"
        yield from _source(before, after)
        return
    section, _, name = path.partition(".")
    worded = {"columns": column_text, "relations": relation_text}.get(section)
    if "." not in name and name and (before is None or after is None):
        kind, sign = (GOOD, "+") if before is None else (BAD, "-")
        value: Any = after if before is None else before
        text = worded(value) if worded is not None else _said(value)
        yield kind, _printable(f"    {sign} {path}: {text}")
        return
    yield SAID, _printable(f"    ~ {path}: {_said(before)} becomes {_said(after)}")


def _source(before: str, after: str) -> Iterator[Line]:
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    for line in list(found)[2:]:
        kind = {"+": GOOD, "-": BAD, "@": NOTE}.get(line[:1], SAID)
        yield kind, _printable(f"        {line}")


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def _printable(text: str) -> str:
    # A terminal obeys what is not printable.
    return "".join(one if one.isprintable() or one == "\u200d" else "?" for one in text)


# -- what is wrong --------------------------------------------------------------------------------


def problems_of(details: Any, folder: Folder) -> list[str]:
    """Give what is wrong with a document as problems of its files, with their lines.

    Args:
        details: Of the error.

    Example:
        >>> folder = Folder({}, None, {("roles", 0): ("access/roles.yaml", 3)})
        >>> problems_of({"places": [{"at": ["roles", 0, "nam"], "problem": "no"}]}, folder)
        ['access/roles.yaml:3: no']
    """
    if not isinstance(details, Mapping):
        return []
    named = cast("Mapping[str, Any]", details)
    places: Sequence[Mapping[str, Any]] = named.get("places") or ()
    return [
        ": ".join([*([place] if (place := folder.place(one["at"])) else []), one["problem"]])
        for one in places
    ]


def progress_of(details: Any) -> list[Line]:
    """Say how far applying came before an error."""
    if not isinstance(details, Mapping) or "applied" not in details:
        return []
    named = cast("Mapping[str, Any]", details)
    done: Iterable[Mapping[str, Any]] = named["applied"]
    left: Iterable[str] = named.get("left", ())
    return [
        *((GOOD, _printable(f"applied: {one['label']}")) for one in done),
        *((NOTE, _printable(f"not applied: {one}")) for one in left),
    ]
