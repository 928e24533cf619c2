"""Tables of the documentation that are made of the code.

    python -m tests.docs.reference

writes them anew, between `<!-- name:begin -->` and `<!-- name:end -->`.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from enfyra_kernel.settings import Settings
from enfyra_kernel.uri import DatabaseUri
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .blocks import ROOT

_KINDS: dict[Any, str] = {
    bool: "true or false",
    float: "number",
    int: "whole number",
    str: "text",
    SecretStr: "secret text",
    DatabaseUri: "address",
    Path: "path",
}


def settings_table() -> str:
    """Give every setting with its type, its default and what it is for."""
    rows = [
        (f"`{field.alias}`", _kind(field.annotation), _default(field), field.description or "")
        for field in Settings.model_fields.values()
    ]
    return _table(("setting", "type", "default", "meaning"), rows)


def _kind(annotation: Any) -> str:
    if annotation in _KINDS:
        return _KINDS[annotation]
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if origin in {Union, types.UnionType}:
        return _kind(next(one for one in get_args(annotation) if one is not types.NoneType))
    if origin is tuple:
        return "addresses" if get_args(annotation)[0] is DatabaseUri else "list"
    raise LookupError(f"no word for {annotation}")


def _default(field: FieldInfo) -> str:
    default = field.default
    if default is PydanticUndefined or default is None or default == ():
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{getattr(default, 'redacted', default)}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    cells = [
        " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in line) for line in lines
    ]
    return "".join(f"| {line} |\n" for line in cells)


TABLES: dict[tuple[str, str], Callable[[], str]] = {
    ("docs/settings.md", "settings"): settings_table
}


def written(page: str, name: str) -> tuple[str, str]:
    """Give a page's text as it is, and as it should be."""
    text = (ROOT / page).read_text()
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    marked = re.compile(f"{begin}.*?{end}", re.DOTALL)
    if marked.search(text) is None:
        raise LookupError(f"{page} has no {begin}")
    content = f"{begin}\n\n{TABLES[page, name]()}\n{end}"
    return text, marked.sub(lambda _: content, text)


if __name__ == "__main__":
    for page, name in TABLES:
        (ROOT / page).write_text(written(page, name)[1])
