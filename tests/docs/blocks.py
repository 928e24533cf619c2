"""The code blocks of the documentation.

A block begins with three backticks, a language, and words that say what becomes of it:

- `no-run: reason` - it cannot run here, for the reason given
- `output` - what the block before it gives; `...` stands for anything
- `expect=409` - the request in it is answered with that status; without it, with success
- `script` - Python to be run as a script on a page that has cells of a notebook
- `anonymous` - the request in it is sent without a token

A cell of a notebook is a block of Python or YAML that begins with a magic. What the examples of a
page need and nobody has to read stands in a comment that begins with `<!-- setup`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`\n]*)$")
SHELLS = frozenset({"bash", "sh", "console"})
RUN = SHELLS | {"http", "python"}
# Shown, and not run.
SHOWN = frozenset({"text", "", "yaml", "toml", "ini", "html", "make", "sql", "javascript", "json"})
_EXPECT = re.compile(r"expect=(\d{3})")


@dataclass(frozen=True, slots=True)
class Block:
    """One code block.

    Attributes:
        line: Where its content begins, from 1.
        words: What stands behind the language, without the reason.
        reason: Why it does not run, if it does not.
    """

    path: Path
    line: int
    language: str
    words: tuple[str, ...]
    reason: str | None
    text: str

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    @property
    def is_output(self) -> bool:
        return "output" in self.words

    @property
    def runs(self) -> bool:
        """Whether something happens that needs a server."""
        return self.reason is None and (self.language in RUN or self.is_cell)

    @property
    def is_cell(self) -> bool:
        """Whether it is a cell of a notebook, with a magic in front."""
        return self.language in {"python", "yaml", "sql"} and self.text.lstrip().startswith("%")

    @property
    def expected_status(self) -> int | None:
        for word in self.words:
            found = _EXPECT.fullmatch(word)
            if found is not None:
                return int(found[1])
        return None


def pages() -> list[Path]:
    """Give every page whose examples are tested."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(path: Path) -> list[Block]:
    """Give the code blocks of a page, in order."""
    return list(_blocks(path))


def _blocks(path: Path) -> Iterator[Block]:
    lines = path.read_text().splitlines()
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        number += 1
        if opening is None:
            continue
        begin = number
        while number < len(lines) and lines[number].strip() != opening["ticks"]:
            number += 1
        if number == len(lines):
            raise ValueError(f"{path}:{begin}: the code block has no end")
        text = textwrap.dedent("\n".join(lines[begin:number])) + "\n"
        yield _block(path, begin + 1, opening["info"], text)
        number += 1


def _block(path: Path, line: int, info: str, text: str) -> Block:
    info, refused, reason = info.partition("no-run")
    language, *words = info.split() or [""]
    return Block(
        path,
        line,
        language,
        tuple(words),
        reason.lstrip(":").strip() if refused else None,
        text,
    )
