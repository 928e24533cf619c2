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
            if not any(_meets(name, one) for name in names):
                hint = did_you_mean(one, names)
                raise EnfyraError(
                    "RESOURCE_NOT_FOUND", f"The database has no table '{one[:80]}'.{hint}"
                )
        wanted = names if self.tables is None else _meeting(names, self.tables)
        left = set(_meeting(names, self.exclude))
        return sorted(name for name in wanted if name not in left)

    def key_of(self, name: str) -> str | None:
        """Give the column that was asked for as the key of a table."""
        return next((column for one, column in self.keys.items() if _meets(name, one)), None)


def _meeting(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    listed = list(patterns)
    return [name for name in names if any(_meets(name, one) for one in listed)]


def _meets(name: str, pattern: str) -> bool:
    wanted = pattern.lower()
    return any(fnmatchcase(one, wanted) for one in (name.lower(), table_name(name)))
