"""The examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    ROOT / "enfyra_kernel",
    ROOT / "server" / "enfyra_server",
    ROOT / "jupyter_ext" / "enfyra_jupyter",
)


def modules() -> Iterator[str]:
    """Give the modules with examples, without importing any."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            if ">>> " in path.read_text():
                parts = path.relative_to(package.parent).with_suffix("").parts
                yield ".".join(parts).removesuffix(".__init__")


# The examples run loops of their own, the way a script does.
@pytest.mark.may_block
@pytest.mark.parametrize("name", list(modules()))
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert any(one.examples for one in doctest.DocTestFinder().find(module)), "no docstring has one"
    assert not doctest.testmod(module, optionflags=options).failed


def test_there_are_examples_in_each_package() -> None:
    assert {name.partition(".")[0] for name in modules()} == {package.name for package in PACKAGES}
