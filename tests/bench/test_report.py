"""The table of the measurements, and the page that keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .load import TOKEN, WORKLOADS
from .report import BEGIN, END, FLOOR, OTHERS, table, write

FIGURES = {
    **dict.fromkeys(WORKLOADS, 1.234),
    **{f"{name}{TOKEN}": 1.111 for name in WORKLOADS},
    **{f"{name}{FLOOR}": 2.222 for name in WORKLOADS},
    **dict.fromkeys(OTHERS, 0.456),
}


def test_each_engine_has_a_line_without_and_with_a_token_and_one_of_its_own() -> None:
    head, rule, public, token, floor, *_ = table({"sqlite": FIGURES}, rounds=3).splitlines()
    assert head.startswith("| ratio to hello | W1 | W2 |")
    assert set(rule) <= {"|", "-", " "}
    assert public.startswith("| SQLite | 1.23 | 1.23 |")
    assert token.startswith("| SQLite, bearer token | 1.11 |")
    assert floor.startswith("| SQLite, its statements alone | 2.22 |")
    assert len({line.count("|") for line in (head, rule, public, token, floor)}) == 1


def test_a_page_keeps_what_stands_around_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter\n")
    for _ in range(2):
        write(page, "new")
    assert page.read_text() == f"# Before\n\n{BEGIN}\nnew\n{END}\n\nAfter\n"


def test_a_page_without_a_place_for_it_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Nothing here\n")
    with pytest.raises(ValueError, match="bench:begin"):
        write(page, "new")
    assert page.read_text() == "# Nothing here\n"


def test_the_documentation_has_a_place_for_the_table(project: Path) -> None:
    text = (project / "docs/performance.md").read_text()
    assert text.index(BEGIN) < text.index(END)
