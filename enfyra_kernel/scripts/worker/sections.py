"""The sections of the context: JSON that is decoded when a script touches it."""

from __future__ import annotations

from typing import Any

from .values import Record, decoded, encoded

WRITABLE = ("body", "query", "share", "data", "status")


class Sections:
    """The sections of one call.

    Attributes:
        raw: Each section as JSON, as it is before the script that runs now.
        changed: The names of those that scripts have changed.
    """

    __slots__ = ("_values", "changed", "raw")

    def __init__(self, raw: dict[str, bytes]) -> None:
        self.raw = raw
        self.changed: set[str] = set()
        self._values: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Give a section as a value; None when it is absent."""
        values = self._values
        if name not in values:
            raw = self.raw.get(name)
            values[name] = decoded(raw) if raw is not None else _absent(name)
        return values[name]

    def put(self, name: str, value: Any) -> None:
        """Replace a section's value."""
        self._values[name] = value

    def put_raw(self, name: str, raw: bytes) -> None:
        """Replace a section by JSON."""
        self.raw[name] = raw
        self.changed.add(name)
        self._values.pop(name, None)

    def settle(self) -> None:
        """Take over what a script has changed; what it may not change is as before.

        Raises:
            TypeError: A section holds what cannot be given as JSON.
            ValueError: A section holds itself, or is nested too deeply.
        """
        values = self._values
        try:
            for name in WRITABLE:
                if name in values:
                    self._settle(name, encoded(values[name]))
        finally:
            # The next script begins with what travels, even if this one kept a hand on it.
            values.clear()

    def changes(self) -> dict[str, bytes]:
        """Give what scripts have changed."""
        return {name: self.raw[name] for name in self.changed}

    def _settle(self, name: str, text: bytes) -> None:
        raw = self.raw.get(name)
        if text == raw:
            return
        before = _absent(name) if raw is None else decoded(raw)
        if text != encoded(before):
            self.raw[name] = text
            self.changed.add(name)


def _absent(name: str) -> Any:
    return Record() if name == "share" else None
