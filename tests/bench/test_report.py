"""The table of the measurements, and the page that keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .load import TOKEN, WORKLOADS
from .report import BEGIN, END, OTHERS, table, write

FIGURES = {
    **dict.fromkeys(WORKLOADS, 1.234),
    **{f"{name}{TOKEN}": 1.111 for name in WORKLOADS},
    **dict.fromkeys(OTHERS, 0.456),
}


def test_each_engine_has_a_line_with_and_one_without_a_token() -> None:
    head, rule, public, token, *_ = table({"sqlite": FIGURES}, rounds=3).splitlines()
    assert head.startswith("| ratio to hello | W1 | W2 |")
    assert set(rule) <= {"|", "-", " "}
    assert public.startswith("| SQLite | 1.23 | 1.23 |")
    assert token.startswith("| SQLite, bearer token | 1.11 |")
    assert len({line.count("|") for line in (head, rule, public, token)}) == 1


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
