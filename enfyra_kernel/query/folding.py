"""How text searches ignore case and accents, the same everywhere."""

from __future__ import annotations

import unicodedata

# The combining marks that accents decompose into.
FIRST_MARK, LAST_MARK = "\u0300", "\u036f"
_WITHOUT_MARKS = dict.fromkeys(range(ord(FIRST_MARK), ord(LAST_MARK) + 1))


def fold(text: str) -> str:
    """Give a text without accents and case.

    Accents are the marks that a letter decomposes into and that lie in U+0300 to U+036F. Letters
    that only look like a letter with something on it, such as ø and đ, are letters of their own;
    so are ligatures, the syllables of Hangul and the voiced letters of kana.

    Example:
        >>> fold("Crème Brûlée")
        'creme brulee'
        >>> fold("Straße, ﬁn, ø")
        'straße, ﬁn, ø'
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", decompose(text))


def decompose(text: str) -> str:
    """Give a text without accents and case, with what else letters are made of apart."""
    bare = unicodedata.normalize("NFD", text).translate(_WITHOUT_MARKS)
    # A sigma at a word's end has a form of its own, which would hide it in the middle of another.
    return bare.lower().replace("ς", "σ")
