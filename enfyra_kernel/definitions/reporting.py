"""What a comparison says, for people and programs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ..encoding import encode_json
from .checking import Problem
from .comparing import EXTRA, Change, FieldChange
from .kinds import FIELD_PERMISSIONS, FLOWS, ROW_POLICIES, Item
from .secrets import named, prefix_of


def report_of(
    changes: Sequence[Change],
    preview: Mapping[str, Any] | None,
    missing: Sequence[Problem],
    *,
    prune: bool,
) -> Item:
    """Give the report of a comparison; secrets that differ are not shown.

    Args:
        preview: What the change of the tables would do.
        missing: The secrets that nobody knows.
    """
    shown = [_shown(one) for one in changes]
    confirmed = [one for one in shown if prune or one["change"] != EXTRA]
    tables = preview["requiredConfirmHash"] if preview is not None else None
    digest = hashlib.sha256(encode_json([confirmed, tables, prune])).hexdigest()
    return {
        "changes": shown,
        "losses": list(preview["losses"]) if preview is not None else [],
        "warnings": _warnings(changes, preview, prune=prune),
        "steps": list(preview["steps"]) if preview is not None else [],
        "missingSecrets": [one.text for one in missing],
        "prune": prune,
        "requiredConfirmHash": digest,
    }


def _warnings(
    changes: Sequence[Change], preview: Mapping[str, Any] | None, *, prune: bool
) -> list[Item]:
    """Give what will not fit the tables any more, but for what the document makes anew itself."""
    mended = {
        (change.kind.section, _name_of(change.kind.section, change.after or change.before or {}))
        for change in changes
        if prune or change.what != EXTRA
    }
    warnings = preview["warnings"] if preview is not None else ()
    return [one for one in warnings if (one["section"], one["name"]) not in mended]


def _name_of(section: str, item: Item) -> str:
    """Call an item as warnings do."""
    if section == ROW_POLICIES:
        return f"{item['table']} {item['name']}"
    if section == FIELD_PERMISSIONS:
        return f"{item['action']} {item.get('column') or item.get('relation')}"
    return str(item.get("name"))


def _shown(change: Change) -> Item:
    fields = [one for one in map(_masker(change), change.fields) if one is not None]
    found: Item = {
        "section": change.kind.section,
        "label": change.label,
        "change": change.what,
        "at": [change.kind.section, change.number] if change.number is not None else None,
        "fields": fields,
    }
    return found


def _masker(change: Change) -> Any:
    prefix = prefix_of("flow", str((change.after or {}).get("name", "")))
    is_flow = change.kind.section == FLOWS

    def shown(one: FieldChange) -> Item:
        before, after = one.before, one.after
        if is_flow:
            before, after = named({one.path: before}, prefix), named({one.path: after}, prefix)
            before, after = before[one.path], after[one.path]
            if before == after:
                before, after = "a secret", "another secret"
        return {"field": one.path, "from": before, "to": after}

    return shown
