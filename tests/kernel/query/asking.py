"""Queries for tests without a database: parsed, planned and bound on the shop's definitions."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.query.parse import parse, parse_string
from enfyra_kernel.query.plan import ADMINISTRATOR, Plan, plan

from tests.kernel.metadata.builders import SHOP, snapshot_of

SNAPSHOT: Snapshot = snapshot_of(*SHOP)


def planned(
    parameters: dict[str, Any] | str, table: str = "product"
) -> tuple[Plan, tuple[Any, ...]]:
    """Give the plan of a request, or of a query string, and its bound values."""
    query = parse_string(parameters) if isinstance(parameters, str) else parse(parameters)
    made = plan(query.shape, SNAPSHOT.tables[table], SNAPSHOT, ADMINISTRATOR)
    return made, made.bind(query.values)


def refused(parameters: dict[str, Any], table: str = "product") -> EnfyraError:
    """Give the error that a request ends in, whichever way it is written."""
    with pytest.raises(EnfyraError) as structured:
        planned(parameters, table)
    text = urlencode(
        {key: json.dumps(one) if isinstance(one, dict | list) else one
         for key, one in parameters.items()}
    )  # fmt: skip
    with pytest.raises(EnfyraError) as written:
        planned(text, table)
    assert structured.value.code == written.value.code
    return structured.value
