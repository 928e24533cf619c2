"""A grid whose table goes, whose cell runs again, or whose connection is another by then."""

from __future__ import annotations

import pytest

from enfyra_jupyter.client import ApiError, Client
from enfyra_jupyter.credentials import Token
from enfyra_jupyter.frames import ResultFrame
from tests.jupyter.conftest import drop_tables

from .test_grid import page


def test_a_table_that_is_gone_is_said(client):
    client.post("/table_definition", {"name": "brief", "columns": [{"name": "n", "type": "int"}]})
    grid = ResultFrame(client, "/brief", {}).grid()
    drop_tables(client)
    with pytest.raises(ApiError, match="ROUTE_NOT_FOUND"):
        page(grid)


def test_a_cell_that_runs_again_keeps_what_was_set(shell, monkeypatch):
    shell.run("%%enfyra table memo\ncolumns:\n  text: varchar")
    monkeypatch.setattr("enfyra_jupyter.widgets.shelf.running_cell", lambda: "a")
    first = shell.run("%enfyra grid memo --sort text")
    assert first.sort == ["text"]
    first.sort, first.widths, first.top = ["-text"], {"text": 99}, 3
    for _ in range(3):
        shell.shell.execution_count += 1
        last = shell.run("%enfyra grid memo --sort text")
    assert (last.sort, last.widths, last.top) == (["-text"], {"text": 99}, 3)
    assert first.comm is None
    assert shell.shell.magics_manager.registry["EnfyraMagics"].session.shelf.count == 1


def test_a_connection_that_is_closed_is_said(client, server):
    client.post("/table_definition", {"name": "brief", "columns": [{"name": "n", "type": "int"}]})
    with Client(server.api, Token(server.token, "token")) as other:
        grid = ResultFrame(other, "/brief", {}).grid()
    with pytest.raises(ApiError, match="has been closed"):
        page(grid)
