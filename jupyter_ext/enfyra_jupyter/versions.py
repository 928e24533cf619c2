"""Whether the server and the notebook's package fit together."""

from __future__ import annotations

from enfyra_kernel.version import VERSION
from packaging.version import InvalidVersion, Version


def apart(server: str) -> str:
    """Say that a server is of another version than this package; nothing if they fit.

    Versions fit whose first two numbers are the same.

    Example:
        >>> apart(VERSION)
        ''
        >>> apart("99.1.0").partition(",")[0]
        'The server has version 99.1.0'
    """
    try:
        theirs, ours = Version(server), Version(VERSION)
    except InvalidVersion:
        return ""
    if theirs.release[:2] == ours.release[:2]:
        return ""
    return (
        f"The server has version {theirs}, and this notebook {ours}. The same on both sides: "
        f"pip install 'enfyra-kernel=={theirs}'"
    )
