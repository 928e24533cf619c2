"""What several of the magics are tried on."""

from __future__ import annotations

import pytest


@pytest.fixture
def numbered(shell, client):
    """A shell, and a table `post` with 45 records that are numbered."""
    client.post("/table_definition", {
        "name": "post",
        "columns": [{"name": "title", "type": "varchar"}, {"name": "views", "type": "int"}],
    })  # fmt: skip
    client.post("/post", [{"title": f"<b>{n}</b>", "views": n} for n in range(1, 46)])
    return shell
