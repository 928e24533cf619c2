"""Which databases tests run on.

Of what hardly depends on the database: one that speaks SQL, and the other kind.

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


# Where the databases themselves differ: these run on each of them.
_EVERYWHERE = ("contract", "kernel/query", "kernel/schema", "kernel/storage")


def left_out(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Give the tests that are not worth their time, unless `--all-engines` asks for them.

    Above the databases, a test of all four runs on SQLite and on one of the others, which its name
    decides: all tests together meet each database in every corner.
    """
    found: defaultdict[tuple[Path, str], dict[str, list[pytest.Item]]]
    found = defaultdict(lambda: defaultdict(list))
    for item in items:
        callspec = getattr(item, "callspec", None)
        engine = None if callspec is None else callspec.params.get("engine")
        if engine in ENGINES and not _is_everywhere(item.path):
            name = getattr(item, "originalname", None) or item.name
            found[item.path, name][engine].append(item)
    gone: set[pytest.Item] = set()
    for (path, name), by_engine in found.items():
        if len(by_engine) == len(ENGINES):
            others = [engine for engine in ENGINES if engine != "sqlite"]
            others.pop(zlib.crc32(f"{path.name}:{name}".encode()) % len(others))
            gone.update(item for engine in others for item in by_engine[engine])
    return gone


def _is_everywhere(path: Path) -> bool:
    return any(f"/tests/{room}/" in path.as_posix() for room in _EVERYWHERE)
