"""However much is pushed or read, neither side holds more than a few pieces of it."""

from __future__ import annotations

from tests.bench.push import measured

# As many rows are 46 MB in Arrow's form, and five times that in Python's; a few pieces are 10 to 20.
ROWS = 240_000
MOST = 40


def test_memory_does_not_grow_with_the_rows(tmp_path):
    # On a disk: pages of a file in memory would be taken for the server's own.
    found = measured(f"sqlite:///{tmp_path / 'flights.db'}", ROWS, tmp_path)
    assert found["found"] >= ROWS
    needed = {name: value for name, value in found.items() if name.endswith("MB")}
    assert len(needed) == 4
    assert max(needed.values()) < MOST, found
