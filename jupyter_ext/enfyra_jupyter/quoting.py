"""Names as they are written in a line of `%enfyra`."""

from __future__ import annotations

_SPECIAL = frozenset("'\"{}[]()")


def quoted(name: str) -> str:
    """Give a name as one word: in quotes if it needs some.

    Example:
        >>> quoted("nightly"), quoted("every night"), quoted("Ann's")
        ('nightly', "'every night'", '"Ann\\'s"')
    """
    if name and not any(one.isspace() or one in _SPECIAL for one in name):
        return name
    quote = '"' if "'" in name else "'"
    return f"{quote}{name}{quote}"
