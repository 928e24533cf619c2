"""Every database answers every request as the oracle does."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.databases import ENGINES

from .cases import REQUESTS, Case, Walk, cases, walks
from .world import World, world

T = TypeVar("T")

# How many times as much to try, with other examples each time: QUERY_EFFORT=20 pytest ...
EFFORT = int(os.environ.get("QUERY_EFFORT", "0"))
FIRST = random.randrange(1 << 32) if EFFORT else 0
SCHEMAS = (1, 2)
# After ten examples Hypothesis mostly repeats parts of those that it has made: so many short runs
# find more than a long one.
EXAMPLES = 10
# With these, all databases together answer more than 2,000 requests in each run of the tests.
LISTS = 4
each_run = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    # `World.show_smallest` is quicker at it.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(params=SCHEMAS, ids=lambda number: f"schema{number}")
def tables(request: pytest.FixtureRequest, database_uri: str) -> Iterator[World]:
    with world(database_uri, FIRST + request.param) as made:
        yield made


def hold_for(cases: st.SearchStrategy[T], check: Callable[[T], None], *, runs: int) -> None:
    """Put cases to a check."""
    for number in range(runs * max(EFFORT, 1)):
        seed(FIRST + number)(each_run(given(cases)(check)))()


def test_there_are_enough_requests() -> None:
    assert len(ENGINES) * len(SCHEMAS) * LISTS * EXAMPLES * REQUESTS >= 2_000


@pytest.mark.may_block
def test_lists(tables: World) -> None:
    def answers_as_the_oracle(case: Case) -> None:
        tables.load(case.dataset)
        for name, request in case.requests:
            try:
                tables.check(name, request)
            except AssertionError:
                tables.show_smallest(name, request)
                raise

    hold_for(cases(tables.snapshot), answers_as_the_oracle, runs=LISTS)


@pytest.mark.may_block
def test_walks(tables: World) -> None:
    def goes_on_where_it_stopped(walk: Walk) -> None:
        first, *later = walk.datasets
        tables.load(first)
        note(tables.told(walk.table, walk.request))
        seen = tables.walk(walk.table, walk.request, lambda: later.pop() if later else None)
        # Where records that come and go change the place of others, one may be met again.
        if not {"(", "."} & set(str(walk.request["sort"])):
            keys = [row["id"] for row in seen]
            assert len(keys) == len(set(keys))

    hold_for(walks(tables.snapshot), goes_on_where_it_stopped, runs=1)
