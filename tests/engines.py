"""For tests of what hardly depends on the database: one that speaks SQL, and the other kind.

from tests.engines import two_engines as engine
"""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", params=("sqlite", "mongodb"))
def two_engines(request: pytest.FixtureRequest) -> str:
    """Each of two engines in turn."""
    return request.param
