"""The ways in which records come into a table."""

MODES = ("append", "upsert", "replace")
