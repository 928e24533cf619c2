"""Where the cursor stands in YAML or JSON that is not finished yet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_KEY = re.compile(r"^(?P<indent>\s*(?:-\s+)*)(?P<key>[\w$.-]+|\"[^\"]*\"|'[^']*')\s*:(?:\s+|$)")
_WORD = re.compile(r"[^\s,{}\[\]'\":]*$")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a nested text.

    Attributes:
        path: The keys that lead to it.
        fragment: The word that is being typed.
        is_key: Whether that word is going to be a key.
        words: The words before it in the same value.
    """

    path: tuple[str, ...]
    fragment: str
    is_key: bool = True
    words: tuple[str, ...] = field(default=())


def place_in_yaml(lines: list[str]) -> Place:
    """Say where the end of unfinished YAML is.

    Example:
        >>> place_in_yaml(["filter:", "  author:", "    na"])
        Place(path=('filter', 'author'), fragment='na', is_key=True, words=())
    """
    line = lines[-1]
    parents = _parents(lines[:-1], _width(line))
    found = _KEY.match(line)
    if found is None:
        rest = re.sub(r"^\s*(?:-\s+)*", "", line)
        if rest[:1] in "{[" and rest:
            return _below(tuple(parents), place_in_flow(rest))
        word = _word(rest)
        words = tuple(rest[: len(rest) - len(word)].split())
        return Place(tuple(parents), word, is_key=True, words=words)
    key = found["key"].strip("\"'")
    value = line[found.end() :]
    path = (*parents, key)
    if value[:1] in "{[" and value:
        return _below(path, place_in_flow(value))
    word = _word(value)
    words = tuple(value[: len(value) - len(word)].split())
    return Place(path, word, is_key=False, words=words)


def _parents(lines: list[str], indent: int) -> list[str]:
    """Give the keys that lines further in than theirs belong to."""
    found: list[str] = []
    for line in reversed(lines):
        match = _KEY.match(line)
        if match is None or not line.strip():
            continue
        # The items of a list may stand as far out as the key that they belong to.
        width = len(match["indent"])
        if width < indent and line[match.end() :].strip() == "":
            found.insert(0, match["key"].strip("\"'"))
            indent = width
    return found


def _width(line: str) -> int:
    indent = re.match(r"\s*(?:-\s+)*", line)
    return len(indent[0]) if indent is not None else 0


def place_in_flow(text: str) -> Place:
    """Say where the end of an unfinished object is, as in `{author: {na`.

    Example:
        >>> place_in_flow('{"author": {"na')
        Place(path=('author',), fragment='na', is_key=True, words=())
    """
    path: list[str | None] = []
    key: str | None = None
    word = ""
    quote = ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
            word = word if not quote else word + character
        elif character in "'\"":
            quote, word = character, ""
        elif character in "{[":
            path.append(key)
            key, word = None, ""
        elif character in "}]":
            key = path.pop() if path else None
            key, word = None, ""
        elif character == ":":
            key, word = word.strip(), ""
        elif character == ",":
            key, word = None, ""
        else:
            word += character
    inside = tuple(one for one in path if one)
    return Place(inside if key is None else (*inside, key), _word(word), is_key=key is None)


def _below(path: tuple[str, ...], inner: Place) -> Place:
    return Place((*path, *inner.path), inner.fragment, inner.is_key, inner.words)


def _word(text: str) -> str:
    found = _WORD.search(text)
    return found[0] if found is not None else ""
