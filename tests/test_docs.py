"""The documentation is true: its examples run, and it names all there is, and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import typer.main
from enfyra_kernel.errors import CATALOGUE
from enfyra_kernel.metadata.formats import FORMATS as TEXT_FORMATS
from enfyra_kernel.metadata.types import ColumnType, OnDelete, RelationKind, RuleType
from enfyra_kernel.query.filters import OPERATOR_NAMES
from enfyra_kernel.query.parse import PARAMETERS
from enfyra_kernel.records.loading import LoadOptions
from enfyra_kernel.records.streams.formats import FORMATS, Format
from enfyra_kernel.settings import variables

from enfyra_server.cli import app

from .databases import install
from .docs import reference
from .docs.blocks import ROOT, RUN, SHOWN, blocks_of, pages
from .docs.server import LiveServer, serving
from .docs.session import Session

DOCS = ROOT / "docs"
# What the server answers beside the routes of /openapi.json.
PAGES = ("/health", "/ready", "/openapi.json", "/docs")
METHODS = ("get", "post", "put", "patch", "delete")


def read(name: str) -> str:
    return (DOCS / name).read_text()


def everything() -> str:
    return "\n".join(page.read_text() for page in pages())


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def pages_that_run() -> list[Path]:
    return [page for page in pages() if any(block.runs for block in blocks_of(page))]


def cells_of(text: str, columns: int) -> Iterator[list[str]]:
    """Give the rows of all tables of a page that have so many columns."""
    for line in text.splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if len(cells) == columns and not set(cells[0]) <= set("-: "):
            yield cells


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serving(tmp_path_factory.mktemp("live")) as server:
        yield server


# -- examples -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has the system's tables."""
    file = tmp_path_factory.mktemp("installed") / "docs.db"
    install(f"sqlite:///{file}")
    return file


@pytest.mark.may_block
@pytest.mark.parametrize("page", pages_that_run(), ids=name_of)
def test_examples_run(page: Path, tmp_path: Path, installed: Path) -> None:
    """Every block runs, in order, and gives what the page says that it gives."""
    with serving(tmp_path, installed) as server:
        session = Session(server, tmp_path)
        try:
            for block in blocks_of(page):
                session.run(block)
        finally:
            session.close()


def test_a_block_that_does_not_run_says_why() -> None:
    silent = [block.place for page in pages() for block in blocks_of(page) if block.reason == ""]
    assert not silent


# -- nothing is missing ---------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "name"), reference.TABLES)
def test_generated_tables_are_up_to_date(page: str, name: str) -> None:
    is_now, should_be = reference.written(page, name)
    assert is_now == should_be, "run: python -m tests.docs.reference"


def test_every_error_code_is_documented_with_its_status() -> None:
    rows = [row for row in cells_of(read("errors.md"), 4) if row[0].startswith("`")]
    assert {row[0].strip("`"): int(row[1]) for row in rows} == {
        kind.code: kind.status for kind in CATALOGUE.values()
    }


def test_every_column_type_is_documented() -> None:
    rows = {row[0].strip("`") for row in cells_of(read("tables.md"), 4)}
    assert {one.value for one in ColumnType} <= rows


@pytest.mark.parametrize("kind", [*RelationKind, *OnDelete])
def test_every_kind_of_relation_and_rule_is_documented(kind: str) -> None:
    assert f"`{kind}`" in read("tables.md")


def test_every_rule_and_format_is_documented() -> None:
    cells = "".join(line for line in read("validation.md").splitlines() if line.startswith("|"))
    assert not [one for one in (*RuleType, *TEXT_FORMATS) if f"`{one}`" not in cells]


def test_every_operator_is_documented() -> None:
    rows = {row[0].strip("`") for row in cells_of(read("rest.md"), 3) if row[0].startswith("`_")}
    assert rows == set(OPERATOR_NAMES)


def test_every_query_parameter_is_documented() -> None:
    assert not [name for name in PARAMETERS if f"`{name}`" not in read("rest.md")]


def test_every_option_of_loading_is_documented() -> None:
    names = [re.sub("_(.)", lambda m: m[1].upper(), one) for one in LoadOptions.__struct_fields__]
    rows = {row[0].strip("`") for row in cells_of(read("streams.md"), 3)}
    assert set(names) <= rows


@pytest.mark.parametrize("one", FORMATS.values(), ids=FORMATS)
def test_every_format_is_documented(one: Format) -> None:
    rows = {row[0].strip("`"): row[1].strip("`") for row in cells_of(read("streams.md"), 3)}
    assert rows[one.name] == one.media_type


def test_every_command_line_option_is_documented() -> None:
    page = read("server.md")
    group: Any = typer.main.get_command(app)
    missing = [f"enfyra {name}" for name in group.commands if f"enfyra {name}" not in page]
    for command in (group, *group.commands.values()):
        for option in command.params:
            if not getattr(option, "hidden", False):
                missing += [name for name in option.opts if f"`{name}`" not in page]
    assert not missing


def test_every_endpoint_is_documented(live: LiveServer) -> None:
    text = everything()
    missing = [page for page in PAGES if f"`GET {page}`" not in text]
    for path, item in live.json("/openapi.json")["paths"].items():
        table = path.strip("/").partition("/")[0]
        if table.endswith("_definition"):
            missing += [] if f"`{table}`" in read("tables.md") else [table]
            continue
        for method in METHODS:
            if method in item and f"`{method.upper()} {path}`" not in text:
                missing.append(f"{method.upper()} {path}")
    assert not missing


# -- nothing is made up ---------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_names_in_capitals_are_codes_or_settings(page: Path) -> None:
    from enfyra_jupyter.environment import NOTEBOOK_VARIABLES

    known = {*CATALOGUE, *variables(), *NOTEBOOK_VARIABLES}
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", prose))
    named |= set(re.findall(r"\bENFYRA_[A-Z_]+\b", page.read_text()))
    assert not named - known


def test_operators_in_filters_exist() -> None:
    named = set(re.findall(r'"(_[a-z_]+)"', everything()))
    assert not named - {*OPERATOR_NAMES, "_nin", "_id", "_inc", "_dec"}


# -- the site -------------------------------------------------------------------------------------


class _Loads(HTMLParser):
    """Collects what a page loads: not what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "src" or (tag == "link" and name == "href"):
                self.found.add(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_builds_and_its_links_resolve(site: Path) -> None:
    assert (site / "index.html").is_file()


def test_the_site_loads_nothing_from_other_hosts(site: Path) -> None:
    loads = _Loads()
    for page in site.rglob("*.html"):
        loads.feed(page.read_text())
    assert not [url for url in loads.found if url.startswith(("http:", "https:", "//"))]


def test_the_words_for_the_tests_are_not_on_the_site(site: Path) -> None:
    pages = [page.read_text() for page in site.rglob("*.html")]
    assert not [text for text in pages if "no-run:" in text or "```" in text]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_projects_own_pages_resolve(name: str) -> None:
    text = (ROOT / name).read_text()
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    assert not [
        target
        for target in targets
        if not target.startswith(("http:", "https:")) and not (ROOT / target).exists()
    ]


def test_the_last_measurements_have_a_place() -> None:
    text = read("performance.md")
    assert text.index("<!-- bench:begin -->") < text.index("<!-- bench:end -->")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_blocks_are_of_languages_that_are_tested(page: Path) -> None:
    for block in blocks_of(page):
        assert block.language in RUN | SHOWN, f"{block.place}: mark it no-run: reason"
        if block.language == "json":
            json.loads(block.text)
