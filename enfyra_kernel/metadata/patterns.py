"""Patterns of column rules: regular expressions that take time in proportion to the text.

RE2 never goes back in a text, so no pattern can hang the server; what would need that, such as
`(?=...)` and `\\1`, it does not know.
"""

# re2 has no type information.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

MAX_LENGTH = 1_000
FLAGS = {
    "i": "upper and lower case are the same",
    "m": "^ and $ match at each line",
    "s": ". matches a line break, too",
    "u": "texts are Unicode, which they always are",
}
# States times characters. The slowest patterns that there are take a tenth of a second for so many.
MAX_STEPS = 20_000_000
_MEMORY = 8 << 20

Search = Callable[[str], bool]


class TooLongForPattern(ValueError):
    """A text is too long for the pattern to be searched in it in a short time."""


@lru_cache(1024)
def pattern(source: str, flags: str = "") -> Search:
    """Give the function that says whether a text holds a match, anywhere unless it has ^ and $.

    Raises:
        ValueError: The pattern or a flag is not valid; the message is a phrase for people.

    Example:
        >>> pattern("^[a-z]+$", "i")("Abc"), pattern("^[a-z]+$")("Abc")
        (True, False)
        >>> pattern("a(?=b)")
        Traceback (most recent call last):
        ...
        ValueError: is no pattern that can be used: invalid perl operator: (?=
    """
    if len(source) > MAX_LENGTH:
        raise ValueError(f"must be at most {MAX_LENGTH} characters long")
    strange = [flag for flag in flags if flag not in FLAGS]
    if strange:
        raise ValueError(f"has the flag {strange[0]!r}; there are: {', '.join(FLAGS)}")
    used = "".join(sorted(set(flags) - {"u"}))
    compiled = _compile(f"(?{used}){source}" if used else source)
    most = MAX_STEPS // max(compiled.programsize, 1)

    def search(text: str) -> bool:
        if len(text) > most:
            raise TooLongForPattern(f"must be at most {most} characters long for its pattern")
        return compiled.search(text) is not None

    return search


def _compile(source: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    options.never_capture = True
    try:
        return re2.compile(source, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it is malformed"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"is no pattern that can be used: {text}") from None
    except UnicodeEncodeError:
        raise ValueError("must not contain half a surrogate pair") from None
