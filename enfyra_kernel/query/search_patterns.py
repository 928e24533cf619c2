"""Searches as regular expressions, for databases that cannot fold a text themselves."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from .ast import Operator
from .folding import decompose, fold
from .spellings import spellings

# Nothing else begins with a mark, so none is ever given back: PCRE2 counts, and limits, that.
_MARKS = r"[\x{300}-\x{36f}]*+"
# PCRE2 takes patterns of up to 64 KB when compiled, which is at most twice as long as written.
LONGEST = 20_000


def search_pattern(operator: Operator, text: str, *, longest: int | None = LONGEST) -> str:
    r"""Give the regular expression that finds what `fold` would find, in a text as it is.

    Each letter becomes the class of all characters that fold to it, with any accents behind.
    PCRE2 and ICU read it alike: nothing in it depends on options, and what might be special to
    either is written as a number.

    Args:
        longest: How many bytes the pattern may have before its parts are defined once and then
            named, which is slower, and which PCRE2 knows but ICU does not; None for any number.

    Example:
        >>> search_pattern(Operator.ENDS_WITH, "đ.")
        '[Đđ][\\x{300}-\\x{36f}]*+\\x{2e}[\\x{300}-\\x{36f}]*+\\z'
    """
    parts = decompose(text)
    clusters = _clusters(parts)
    starts, ends = operator is Operator.STARTS_WITH, operator is Operator.ENDS_WITH
    last = len(clusters) - 1
    pieces = [
        _cluster(one, begins=not starts and number == 0, ends=not ends and number == last)
        for number, one in enumerate(clusters)
    ]
    if longest is not None and sum(len(piece.encode()) for piece in pieces) > longest:
        pieces = _named(pieces)
    if pieces and not starts:
        pieces.insert(0, _not_joined(parts[0]))
    if pieces and not ends:
        pieces.append(_not_continued(fold(text)[-1]))
    before = rf"\A{_MARKS}" if starts else ""
    after = r"\z" if ends else ""
    return f"{before}{''.join(pieces)}{after}" or r"\A"


def _clusters(parts: str) -> list[str]:
    """Cut decomposed text into pieces that no character reaches across."""
    known, found = spellings(), list[str]()
    start = 0
    while start < len(parts):
        end, place = start + 1, start
        while place < end:
            end = max(end, place + known.length(parts, place))
            place += 1
        found.append(parts[start:end])
        start = end
    return found


@lru_cache(4096)
def _cluster(parts: str, *, begins: bool, ends: bool) -> str:
    """Give the pattern of one cluster: all the ways in which characters make it up."""
    ways: list[str] = []
    for cuts in range(2 ** (len(parts) - 1)):
        inner = [place for place in range(1, len(parts)) if cuts >> (place - 1) & 1]
        pairs = list(pairwise([0, *inner, len(parts)]))
        classes = [
            spellings().of(
                parts[start:end], begins=begins and start == 0, ends=ends and end == len(parts)
            )
            for start, end in pairs
        ]
        if all(classes):
            ways.append("".join(f"{_class(chars)}{_MARKS}" for chars in classes))
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"


def _named(pieces: list[str]) -> list[str]:
    numbers = {piece: number for number, piece in enumerate(dict.fromkeys(pieces), 2)}
    defined = "".join(f"({piece.replace(_MARKS, '(?1)')})" for piece in numbers)
    named = [f"(?{numbers[piece]})" for piece in pieces]
    return [f"(?(DEFINE)({_MARKS}){defined})", *named]


def _not_joined(part: str) -> str:
    """Refuse a part that the character before it makes another letter of."""
    chars = spellings().joined(part)
    return f"(?<!{_class(chars)})" if chars else ""


def _not_continued(letter: str) -> str:
    """Refuse a letter that the characters behind it make another one of."""
    chars = spellings().continued(letter)
    return f"(?!{_MARKS}{_class(chars)})" if chars else ""


def _class(chars: str) -> str:
    """Give the class of some characters, neighbours as a stretch."""
    codes = sorted(map(ord, set(chars)))
    found: list[str] = []
    start = 0
    for place, code in enumerate(codes):
        if place + 1 < len(codes) and codes[place + 1] == code + 1:
            continue
        first = _written(codes[start])
        more = {start: "", start + 1: _written(code)}.get(place, f"-{_written(code)}")
        found.append(first + more)
        start = place + 1
    only = len(codes) == 1 and found[0]
    return only or f"[{''.join(found)}]"


def _written(code: int) -> str:
    char = chr(code)
    return char if char.isalnum() or code > 0xFFFF else rf"\x{{{code:x}}}"
