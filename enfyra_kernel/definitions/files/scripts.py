"""Scripts as files: a head of comments that says what the script is, and the source as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...metadata.hooks import DEFAULT_LANGUAGE
from ..kinds import SOURCE, Item
from .yamls import NotYamlError, read_marked, write_yaml

ENDINGS: Mapping[str, str] = {"python": ".py", "javascript": ".js"}
LANGUAGES: Mapping[str, str] = {ending: language for language, ending in ENDINGS.items()}
_SIGNS: Mapping[str, str] = {".py": "#", ".js": "//"}
_LANGUAGE = "scriptLanguage"


def write_script(item: Mapping[str, Any]) -> tuple[str, str]:
    r"""Write a script; give the ending of its file, and the text.

    Example:
        >>> write_script({"name": "hi", "sourceCode": "return 1"})
        ('.py', '# ---\n# name: hi\n# ---\nreturn 1')
    """
    ending = ENDINGS[item.get(_LANGUAGE) or DEFAULT_LANGUAGE]
    sign = _SIGNS[ending]
    facts = {name: value for name, value in item.items() if name not in {SOURCE, _LANGUAGE}}
    lines = ["---", *write_yaml(facts).removesuffix("\n").split("\n"), "---"]
    head = "".join(f"{sign} {line}\n" if line else f"{sign}\n" for line in lines)
    return ending, head + (item.get(SOURCE) or "")


def read_script(text: str, ending: str) -> tuple[Item, dict[tuple[Any, ...], int]]:
    r"""Read a script; give it with the line of each of its facts.

    Raises:
        NotYamlError: If the head is not as it should be.

    Example:
        >>> read_script("// ---\n// name: hi\n// ---\nreturn 1", ".js")[0]
        {'name': 'hi', 'scriptLanguage': 'javascript', 'sourceCode': 'return 1'}
    """
    sign = _SIGNS[ending]
    fence = f"{sign} ---"
    first, _, rest = text.partition("\n")
    if first.rstrip() != fence:
        raise NotYamlError(f"line 1: begins with no head; write '{fence}' above and below it")
    head: list[str] = []
    while True:
        line, newline, rest = rest.partition("\n")
        if line.rstrip() == fence:
            break
        if not newline or not line.startswith(sign):
            raise NotYamlError(f"line {len(head) + 2}: the head does not end; write '{fence}'")
        head.append(line.removeprefix(sign).removeprefix(" "))
    # With the end of its last line, which a text at the end may end with, too.
    facts, lines = read_marked("".join(f"{line}\n" for line in head))
    if not isinstance(facts, dict):
        raise NotYamlError("line 2: the head must say what the script is, such as `name: check`")
    item: Item = dict(facts)  # pyright: ignore[reportUnknownArgumentType]
    language = LANGUAGES[ending]
    if language != DEFAULT_LANGUAGE:
        item[_LANGUAGE] = language
    if rest:
        item[SOURCE] = rest
    return item, {path: number + 1 for path, number in lines.items()}
