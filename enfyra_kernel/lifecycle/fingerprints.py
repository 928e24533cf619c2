"""What a caller may see, as a short text: the same everywhere, another one when it changes."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from ..encoding import encode_json
from ..metadata.snapshot import Snapshot
from .context import Context

_EVERYTHING = "everything"


class Fingerprints:
    """Gives fingerprints; what they have in common is worked out once for each Snapshot."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._unpublished = b""
        self._rules = b""

    def of(self, context: Context) -> str:
        """Give the fingerprint of what the caller of a request may see."""
        access, caller = context.access, context.caller
        if access.unpublished and access.rules is None:
            return _EVERYTHING
        self._look_at(context.snapshot)
        digest = hashlib.sha256(self._unpublished)
        if access.rules is not None:
            digest.update(self._rules)
            who = [caller.id, caller.role] if caller is not None else []
            digest.update(encode_json([who, dict(access.user)]))
        return digest.hexdigest()

    def _look_at(self, snapshot: Snapshot) -> None:
        if self._snapshot is snapshot:
            return
        tables = snapshot.tables.values()
        unpublished = [
            [one.id for table in tables for one in table.columns.values() if not one.is_published],
            [one.id for table in tables for one in table.relations.values() if not one.published],
        ]
        self._unpublished = encode_json(unpublished)
        permissions = snapshot.permissions
        self._rules = encode_json([_told(one) for one in (*permissions.fields, *permissions.rows)])
        self._snapshot = snapshot


def _told(rule: Any) -> dict[str, Any]:
    return {**msgspec.to_builtins(rule), "users": sorted(rule.users)}
