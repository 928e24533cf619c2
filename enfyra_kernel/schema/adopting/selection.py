"""Which of somebody's tables are meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase

import msgspec

from ...errors import EnfyraError, did_you_mean
from .naming import table_name


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What to adopt.

    Attributes:
        tables: Names, or patterns as in `film*`; case does not count. None means all.
        exclude: Those to leave out.
        keys: Of views and tables without a key, the column that tells records apart.
    """

    tables: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    keys: Mapping[str, str] = {}

    def of(self, names: Collection[str]) -> list[str]:
        """Give the names that are meant, in the order of the alphabet.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND for a name or pattern that is none of them.

        Example:
            >>> Selection(tables=("film*",), exclude=("film_text",)).of(["Film", "film_text", "a"])
            ['Film']
        """
        for one in (*(self.tables or ()), *self.exclude, *self.keys):
            if not meant(one, names):
                hint = did_you_mean(one, names)
                raise EnfyraError(
                    "RESOURCE_NOT_FOUND", f"The database has no table '{one[:80]}'.{hint}"
                )
        wanted = names if self.tables is None else _all_meant(self.tables, names)
        left = set(_all_meant(self.exclude, names))
        return sorted(set(wanted) - left)

    def keys_of(self, names: Collection[str]) -> dict[str, str]:
        """Give the columns that were asked for as keys, by the names of the tables."""
        return {name: column for one, column in self.keys.items() for name in meant(one, names)}


def _all_meant(patterns: Iterable[str], names: Collection[str]) -> list[str]:
    return [name for one in patterns for name in meant(one, names)]


def meant(pattern: str, names: Collection[str]) -> list[str]:
    """Give the names that a name or pattern means: the database's own before ours.

    Example:
        >>> meant("order_details", ["Order Details", "orders"]), meant("ORD*", ["orders", "Film"])
        (['Order Details'], ['orders'])
    """
    if pattern in names:
        return [pattern]
    wanted = pattern.lower()
    found = [name for name in names if fnmatchcase(name.lower(), wanted)]
    return found or [name for name in names if fnmatchcase(table_name(name), wanted)]
