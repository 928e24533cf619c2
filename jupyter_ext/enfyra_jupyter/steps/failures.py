"""What steps say when they fail."""

from __future__ import annotations

from typing import Any


class Failed(Exception):
    """A step has failed; says where and why.

    Attributes:
        hint: What to do about it.
        details: Facts for programs.
    """

    def __init__(self, message: str, *, hint: str | None = None, details: Any = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.details = details
