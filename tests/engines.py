"""Which databases tests run on.

Of what hardly depends on the database: one that speaks SQL, and half of it on the other kind, too.

from tests.engines import two_engines  # noqa: F401
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from .databases import ENGINES


@pytest.fixture(scope="session", params=("sqlite", "mongodb"), name="engine")
def two_engines(request: pytest.FixtureRequest) -> str:
    """Each of two engines in turn; in a module that imports this, it is the fixture `engine`."""
    return request.param


# Where the databases themselves differ: how many of those beside SQLite a test runs on.
_OTHERS = {"contract": 3, "kernel/query": 3, "kernel/storage": 3, "kernel/schema": 2}


def left_out(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Give the tests that are not worth their time, unless `--all-engines` asks for them.

    A test of all four databases runs on SQLite, and on as many of the others as its room asks for:
    one, above the databases' own rooms. Its name decides which, so that all tests together meet
    each database in every corner. A test of `two_engines` runs on SQLite, and every other one on
    MongoDB.
    """
    found: defaultdict[tuple[Path, str], dict[str, list[pytest.Item]]]
    found = defaultdict(lambda: defaultdict(list))
    for item in items:
        callspec = getattr(item, "callspec", None)
        engine = None if callspec is None else callspec.params.get("engine")
        if engine in ENGINES and not _asks_for_engines(item):
            name = getattr(item, "originalname", None) or item.name
            found[item.path, name][engine].append(item)
    gone: set[pytest.Item] = set()
    for (path, name), by_engine in found.items():
        number_of_name = zlib.crc32(f"{path.name}:{name}".encode())
        if by_engine.keys() == {"sqlite", "mongodb"} and number_of_name % 2:
            gone.update(by_engine["mongodb"])
        if len(by_engine) == len(ENGINES):
            others = [engine for engine in ENGINES if engine != "sqlite"]
            first = number_of_name % len(others)
            for number in range(_number_of_others(path), len(others)):
                gone.update(by_engine[others[(first + number) % len(others)]])
    return gone


def _asks_for_engines(item: pytest.Item) -> bool:
    """Say whether a test names the databases that it runs on, and not its module."""
    return any("engine" in mark.args[0] for mark in item.iter_markers("parametrize"))


def _number_of_others(path: Path) -> int:
    rooms = (number for room, number in _OTHERS.items() if f"/tests/{room}/" in path.as_posix())
    return next(rooms, 1)
