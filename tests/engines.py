"""For tests of what hardly depends on the database: one that speaks SQL, and the other kind.

from tests.engines import two_engines  # noqa: F401
"""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", params=("sqlite", "mongodb"), name="engine")
def two_engines(request: pytest.FixtureRequest) -> str:
    """Each of two engines in turn; in a module that imports this, it is the fixture `engine`."""
    return request.param
