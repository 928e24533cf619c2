"""How text searches ignore case and accents, the same everywhere."""

from __future__ import annotations

import unicodedata

# The combining marks that accents decompose into.
FIRST_MARK, LAST_MARK = "\u0300", "\u036f"


def fold(text: str) -> str:
    """Give a text without accents and case.

    Example:
        >>> fold("Crème Brûlée")
        'creme brulee'
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(char for char in decomposed if not FIRST_MARK <= char <= LAST_MARK)
    # A sigma at a word's end has a form of its own, which would hide it in the middle of another.
    return bare.lower().replace("ς", "σ")
