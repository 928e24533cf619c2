"""To a caller with rules, every database answers as if the rest were not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import note

from .ruled import Ruled, access_of, in_sight, ruled_cases
from .test_property import hold_for
from .world import World, world

SCHEMA = 3


@pytest.fixture
def tables(database_uri: str) -> Iterator[World]:
    with world(database_uri, SCHEMA) as made:
        yield made


@pytest.mark.may_block
def test_what_is_out_of_sight_is_not_there(tables: World) -> None:
    answered = 0

    def answers_as_if_the_rest_were_not_there(ruled: Ruled) -> None:
        nonlocal answered
        tables.load(ruled.case.dataset)
        access = access_of(ruled, tables.snapshot)
        known = in_sight(ruled, tables.snapshot)
        for name, request in ruled.case.requests:
            note(tables.told(name, request))
            answered += tables.check_for(name, request, access, known)

    hold_for(ruled_cases(tables.snapshot), answers_as_if_the_rest_were_not_there, runs=2)
    assert answered > 40
