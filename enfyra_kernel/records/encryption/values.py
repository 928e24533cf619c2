"""Values of encrypted columns: as JSON, encrypted, bound to their table and column."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ...encoding import encode_json, format_instant
from ...errors import EnfyraError
from ...metadata.definitions import ColumnDefinition
from ...metadata.tables import Table
from .keys import Keyring, Undecipherable

# Short values are filled up, so that their length tells less.
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class Secret:
    """An encrypted column of a table.

    What is stored there is bound to the ids of both, so that it can be moved nowhere else, and a
    rename does no harm.
    """

    keyring: Keyring
    table: Table
    column: ColumnDefinition

    @property
    def context(self) -> bytes:
        """What the stored values are bound to."""
        return f"{self.table.id}.{self.column.id}".encode()

    def encrypt(self, value: Any) -> str | None:
        """Encrypt a canonical value; a null stays one."""
        if value is None:
            return None
        content = encode_json(_as_json(value))
        content += b" " * (-len(content) % _BLOCK)
        return self.keyring.encrypt(content, self.context)

    def decrypt(self, stored: str) -> bytes:
        """Decrypt a stored value; give it as JSON, as answers have it.

        Raises:
            EnfyraError: DECRYPTION_FAILED, naming the field.
        """
        try:
            return self.keyring.decrypt(stored, self.context).rstrip(b" ")
        except Undecipherable as problem:
            raise self.failed(str(problem)) from None

    def failed(self, reason: str) -> EnfyraError:
        """Make the error for a value that cannot be decrypted."""
        return EnfyraError(
            "DECRYPTION_FAILED",
            f"A value of '{self.table.name}.{self.column.name}' cannot be decrypted: {reason}",
            details={"table": self.table.name, "field": self.column.name},
        )


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else value
