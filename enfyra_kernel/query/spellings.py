"""Spellings: which characters fold to the same, for databases that search by patterns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache

from .folding import decompose, fold

# Beyond it, no characters are in use that have a case or parts.
_LAST = 0x3FFFF
_CHUNK = 256
# The syllables of Hangul: each 28th has no tail, the others are that one with one of 27 tails.
_SYLLABLES = range(0xAC00, 0xD7A4)
_TAILED = 28
_LEADS = "".join(map(chr, range(0x1100, 0x1113)))
_VOWELS = "".join(map(chr, range(0x1161, 0x1176)))
_TAILS = "".join(map(chr, range(0x11A8, 0x11C3)))
_SURROGATES = range(0xD800, 0xE000)
# No letter is made of more parts, accents left aside.
LONGEST = 4


class Spellings:
    """All characters by what they fold to.

    Made once, of all characters that Python knows to have a case or to be made of others; all
    others are spelled by themselves only.
    """

    def __init__(self) -> None:
        self._exact: dict[str, str] = {}
        self._begins: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        self._holds: dict[str, str] = {}
        self._joins: dict[str, set[str]] = {}
        self._continues: dict[str, str] = {}
        for char in _special_characters():
            parts = decompose(char)
            if parts:
                self._add(char, parts)

    def _add(self, char: str, parts: str) -> None:
        self._exact[parts] = self._exact.get(parts, "") + char
        if len(parts) == 1:
            return
        folded = fold(char)
        if len(folded) == 1:
            # It is one with its last part: か and the voiced か are letters of their own.
            before = fold(parts[:-1])
            self._joins.setdefault(parts[-1], set()).add(before)
            self._continues[before] = self._continues.get(before, "") + parts[-1]
            return
        # Its parts stay apart, so that they are found one by one.
        for start in range(len(parts)):
            for end in range(start + 1, len(parts) + 1):
                part = parts[start:end]
                if start and end < len(parts):
                    self._holds[part] = self._holds.get(part, "") + char
                elif end < len(parts):
                    self._begins[part] = self._begins.get(part, "") + char
                elif start:
                    self._ends[part] = self._ends.get(part, "") + char

    def of(self, parts: str, *, begins: bool = False, ends: bool = False) -> str:
        """Give the characters that decompose to the given parts.

        Args:
            begins: Whether more parts may come before them in the character.
            ends: Whether more may come behind them.

        Example:
            >>> "Ü" in spellings().of("u"), spellings().of("ø")
            (True, 'ØǾǿø')
        """
        # Of a lone character, or the parts of a syllable, there is one spelling that is not kept.
        whole = unicodedata.normalize("NFC", parts)
        found = self._exact.get(parts, "")
        if len(whole) == 1 and whole not in found:
            found += whole
        if ends:
            found += self._begins.get(parts, "")
        if begins:
            found += self._ends.get(parts, "")
        if begins and ends:
            found += self._holds.get(parts, "")
        return found

    def length(self, parts: str, start: int) -> int:
        """Give the length of the longest character that begins at a place of decomposed text."""
        for length in range(min(LONGEST, len(parts) - start), 1, -1):
            if self.of(parts[start : start + length]):
                return length
        return 1

    def continued(self, letter: str) -> str:
        """Give the parts that, behind a folded letter, make it another letter."""
        if letter in _LEADS:
            return _VOWELS
        if ord(letter) in _SYLLABLES and (ord(letter) - _SYLLABLES.start) % _TAILED == 0:
            return _TAILS
        return self._continues.get(letter, "")

    def joined(self, part: str) -> str:
        """Give the characters behind which a part is no letter of its own."""
        if part in _VOWELS:
            return _LEADS
        if part in _TAILS:
            return "".join(map(chr, _SYLLABLES[::_TAILED]))
        return "".join(self.of(decompose(letter)) for letter in sorted(self._joins.get(part, ())))


@cache
def spellings() -> Spellings:
    """Give all spellings; the first time takes a tenth of a second."""
    return Spellings()


def _special_characters() -> Iterator[str]:
    """Give the characters that have a case or parts; most stretches of Unicode have none."""
    for start in range(0, _LAST + 1, _CHUNK):
        chunk = "".join(
            chr(code)
            for code in range(start, start + _CHUNK)
            if code not in _SYLLABLES and code not in _SURROGATES
        )
        if chunk.lower() != chunk or not unicodedata.is_normalized("NFD", chunk):
            yield from (char for char in chunk if decompose(char) != char)
