"""Edits of the catalog: pure, from definitions and input to new definitions."""

from .editor import Editor

__all__ = ["Editor"]
