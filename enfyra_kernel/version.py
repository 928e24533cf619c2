"""The version of Enfyra Kernel; pyproject.toml holds the same."""

VERSION = "0.1.0"
