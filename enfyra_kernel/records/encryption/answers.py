"""Answers with encrypted fields in them: found by the selection, decrypted where they stand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from ...encoding import encode_json
from ...metadata.tables import Table
from ...query.selection import SelectedColumn, SelectedMany, Selection
from .keys import Keyring
from .values import Secret

# More than that is decrypted on a thread.
_SMALL = 32 << 10
_record = msgspec.json.Decoder(dict[str, msgspec.Raw])
_records = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_text = msgspec.json.Decoder(str)

Row = dict[str, msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where an answer has encrypted fields.

    Attributes:
        fields: Those of the records themselves, by name.
        below: Those of related records, by the relation; whether it holds many.
    """

    fields: tuple[tuple[str, Secret], ...]
    below: tuple[tuple[str, bool, Sealed], ...]

    async def open_all(self, rows: bytes) -> bytes:
        """Decrypt a JSON array of records."""
        if len(rows) > _SMALL:
            return await asyncio.to_thread(self.open_records, rows)
        return self.open_records(rows)

    def open_records(self, rows: bytes | msgspec.Raw) -> bytes:
        """Decrypt a JSON array of records, at once."""
        found = _records.decode(rows)
        for row in found:
            self._open(row)
        return encode_json(found)

    def open_record(self, row: bytes | msgspec.Raw) -> bytes:
        """Decrypt one record as a JSON object."""
        found = _record.decode(row)
        self._open(found)
        return encode_json(found)

    def _open(self, row: Row) -> None:
        for name, secret in self.fields:
            stored = row[name]
            if bytes(stored) != b"null":
                row[name] = msgspec.Raw(secret.decrypt(_text.decode(stored)))
        for name, many, sealed in self.below:
            related = row[name]
            if bytes(related) != b"null":
                opened = sealed.open_records(related) if many else sealed.open_record(related)
                row[name] = msgspec.Raw(opened)


def sealed_in(selection: Selection | None, table: Table, keyring: Keyring) -> Sealed | None:
    """Find the encrypted fields of an answer; None when it has none."""
    fields: list[tuple[str, Secret]] = []
    below: list[tuple[str, bool, Sealed]] = []
    for one in selection or ():
        if isinstance(one, SelectedColumn):
            if one.column.is_encrypted:
                fields.append((one.name, Secret(keyring, table, one.column)))
            continue
        inner = sealed_in(one.selection, one.target, keyring)
        if inner is not None:
            below.append((one.name, isinstance(one, SelectedMany), inner))
    return Sealed(tuple(fields), tuple(below)) if fields or below else None
