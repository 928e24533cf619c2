"""Every test here is about MongoDB."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def engine() -> str:
    return "mongodb"
