"""docs/magics.md against the parsers: everything is documented, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from enfyra_jupyter.definitions import COLUMN_TYPES, read_definition
from enfyra_jupyter.flows.reading import read_flow
from enfyra_jupyter.magics.arguments import COMMANDS, parse
from enfyra_jupyter.magics.querying import read_query
from enfyra_server.cli import app as cli


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    page = (Path(__file__).parents[2] / "docs" / "magics.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\S+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_has_its_section(sections):
    assert list(sections) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_is_listed(name, sections):
    documented = set(re.findall(r"^- `(--[\w-]+|[A-Z]+)", sections[name], flags=re.MULTILINE))
    known = {
        one.names[0] if one.names[0].startswith("--") else one.facts["metavar"]
        for one in COMMANDS[name].arguments
    }
    assert documented == known


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_can_be_read(name, sections):
    examples = re.findall(r"^```\w+\n(.*?)^```", sections[name], flags=re.DOTALL | re.MULTILINE)
    assert examples
    for example in [*examples, COMMANDS[name].example]:
        head, _, body = example.partition("\n")
        if head.startswith("%%enfyra "):
            command, _ = parse(head.removeprefix("%%enfyra "), has_body=True)
            read = {"table": read_definition, "query": read_query, "flow": read_flow}.get(
                command.name, str
            )
            assert read(body)
            continue
        for line in example.splitlines():
            found = re.search(r"%enfyra (.*)$", line)
            if found is not None:
                parse(found[1], has_body=False)


@pytest.mark.parametrize("name", ["adopt", "export", "diff", "apply"])
def test_the_command_line_takes_the_same(name):
    params = get_command(cli).commands[name].params
    known = {word for one in params for word in one.opts}
    for one in COMMANDS[name].arguments:
        flag = one.names[0]
        # `apply --apply` would say the same thing twice; patterns are a flag there.
        assert {"--apply": "--yes", "patterns": "--tables"}.get(flag, flag) in known


def test_every_type_is_named(sections):
    for type_ in COLUMN_TYPES:
        # ObjectId is MongoDB's.
        assert type_ == "ObjectId" or f"`{type_}" in sections["table"]
