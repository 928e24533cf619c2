"""Names as names of files, on every system, and back."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

# Names that Windows keeps for devices.
_DEVICES = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_UNSAFE = set('<>:"/\\|?*%~')
# Bytes of a name; file systems take 255 with the ending.
MOST = 180


def encode_name(name: str) -> str:
    """Give a name that any file system takes: what is not safe is written as its bytes.

    Example:
        >>> encode_name("validate / check"), encode_name("aux"), encode_name("تحقق 🙂")
        ('validate %2F check', '%61ux', 'تحقق 🙂')
    """
    safe = "".join(one if _is_safe(one) else _escaped(one) for one in name)
    if safe[:1] in {".", " "} or _DEVICES.match(safe):
        safe = _escaped(safe[0]) + safe[1:]
    if safe[-1:] in {".", " "}:
        safe = safe[:-1] + _escaped(safe[-1])
    return safe


def decode_name(encoded: str) -> str:
    """Give the name that a file's name stands for; a text that stands for none is left as it is.

    Example:
        >>> decode_name("validate %2F check")
        'validate / check'
    """
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        return encoded


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Give each name a file's name, all of them different where case does not count, too.

    Names that are too long are cut; the file itself says what it is called then.

    Example:
        >>> file_names(["Refresh", "refresh"])
        {'Refresh': 'Refresh', 'refresh': '%72%65%66%72%65%73%68'}
    """
    taken: set[str] = set()
    result: dict[str, str] = {}
    for name in names:
        encoded = encode_name(name)
        if _folded(encoded) in taken:
            encoded = "".join(map(_escaped, name))
        if len(encoded.encode()) > MOST:
            digest = hashlib.sha256(name.encode()).hexdigest()[:12]
            begin = encode_name(name).encode()[:MOST].decode(errors="ignore")
            # Half of an escaped byte tells nothing.
            encoded = f"{re.sub('%.?$', '', begin)}~{digest}"
        taken.add(_folded(encoded))
        result[name] = encoded
    return result


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _is_safe(one: str) -> bool:
    # Not `isprintable`: emoji are joined by characters that are none.
    return (one not in _UNSAFE and unicodedata.category(one)[0] != "C") or one == "\u200d"


def _escaped(one: str) -> str:
    return "".join(f"%{byte:02X}" for byte in one.encode())
