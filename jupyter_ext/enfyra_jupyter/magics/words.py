"""A magic's line in words: quotes and brackets hold together, and nothing is expanded."""

from __future__ import annotations

from collections.abc import Iterator

_CLOSING = {"{": "}", "[": "]", "(": ")"}


class UnclosedError(ValueError):
    """A quote or bracket that is opened and not closed."""


def words(line: str) -> list[str]:
    """Split a line into words.

    Quotes are taken away, except within brackets: JSON needs no further quoting.

    Raises:
        UnclosedError: If a quote or bracket is not closed.

    Example:
        >>> words('''query post --filter {"title": {"_eq": "a b"}} --sort '-views' ''')
        ['query', 'post', '--filter', '{"title": {"_eq": "a b"}}', '--sort', '-views']
    """
    result: list[str] = []
    word: list[str] | None = None
    characters = iter(line)
    for character in characters:
        if character.isspace():
            if word is not None:
                result.append("".join(word))
            word = None
            continue
        word = [] if word is None else word
        if character in "'\"":
            word += _quoted(characters, character)
        elif character in _CLOSING:
            word += [character, *_bracketed(characters, character)]
        else:
            word.append(character)
    if word is not None:
        result.append("".join(word))
    return result


def _quoted(characters: Iterator[str], quote: str) -> list[str]:
    found: list[str] = []
    for character in characters:
        if character == quote:
            return found
        found.append(character)
    raise UnclosedError(f"A quote is not closed: {quote}{''.join(found)[:40]}")


def _bracketed(characters: Iterator[str], opening: str) -> list[str]:
    found: list[str] = []
    for character in characters:
        found.append(character)
        if character == _CLOSING[opening]:
            return found
        if character in "'\"":
            found += [*_quoted(characters, character), character]
        elif character in _CLOSING:
            found += _bracketed(characters, character)
    raise UnclosedError(f"A bracket is not closed: {opening}{''.join(found)[:40]}")
