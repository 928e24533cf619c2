"""The page about scripts is true: its macros are all there are, and its scripts can be saved."""

from __future__ import annotations

import re

import pytest
from enfyra_kernel.errors import CATALOGUE
from enfyra_kernel.scripts.checks import check
from enfyra_kernel.scripts.macros import METHODS, THROWN, expand, expansions
from enfyra_kernel.scripts.script import Language
from enfyra_kernel.scripts.throws import NAMED, STATUSES

from ...docs.blocks import ROOT, Block, blocks_of

PAGE = ROOT / "docs" / "scripts.md"
SCRIPTS = [block for block in blocks_of(PAGE) if block.language in set(Language)]


def rows(columns: int) -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == columns]


def test_every_macro_is_on_the_page_with_what_it_stands_for() -> None:
    macros = {row[0]: (row[1], row[2]) for row in rows(4) if row[0][:1] in {"@", "#", "%"}}
    for name, expansion in expansions(Language.PYTHON).items():
        if name not in {f"THROW{status}" for status in THROWN} - {"THROW404"}:
            javascript = expansions(Language.JAVASCRIPT)[name]
            assert macros.pop(f"@{name}") == (expansion, javascript)
    assert set(macros) == {"#post", "%name"}
    for macro, expected in macros.items():
        for language, expansion in zip(Language, expected, strict=True):
            assert expand(f"x = {macro}.y()", language).text == f"x = {expansion}.y()"


def test_every_way_to_throw_is_on_the_page() -> None:
    named = {row[0]: (row[1], row[2]) for row in rows(3) if row[1] in CATALOGUE}
    assert named == {name: (way.code, str(way.status)) for name, way in NAMED.items()}
    assert (
        ", ".join(str(status) for status in THROWN[:-1]) + f" and {THROWN[-1]}" in PAGE.read_text()
    )


def test_every_function_of_a_repository_is_on_the_page() -> None:
    assert set(METHODS) <= {row[0] for row in rows(3)}


@pytest.mark.parametrize("block", SCRIPTS, ids=lambda block: block.place)
def test_a_script_of_the_page_can_be_saved(block: Block) -> None:
    assert check(Language(block.language), block.text) == []


def test_the_message_on_the_page_is_what_is_said() -> None:
    [shown] = [block.text for block in blocks_of(PAGE) if block.language == "text"]
    line = re.search(r"line 1: (.*)", shown)
    assert line is not None
    [problem] = check(Language.PYTHON, line[1] + "\nreturn rows.data")
    assert problem.marked() == shown.rstrip("\n")


def test_what_is_thrown_is_in_the_catalogue_with_its_status() -> None:
    for way in (*STATUSES.values(), *NAMED.values()):
        assert CATALOGUE[way.code].status == way.status
