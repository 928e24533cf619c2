"""Widgets by Python, without a shell and its magics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.error import UsageError

from enfyra_jupyter import show
from enfyra_jupyter.client import ApiError


@pytest.fixture
def post(client: Any) -> Iterator[Any]:
    columns = [{"name": "title", "type": "varchar"}, {"name": "views", "type": "int"}]
    client.post("/table_definition", {"name": "post", "columns": columns})
    client.post("/post", [{"title": "b", "views": 1}, {"title": "a", "views": 2}])
    steps = [{"key": "note", "type": "log", "config": {"message": "x"}}]
    client.send("PUT", "/admin/flow/tidy", body={"steps": steps})
    yield client
    for row in client.get("/flow_definition", fields="id", limit=0)["data"]:
        client.send("DELETE", f"/flow_definition/{row['id']}")


def test_each_widget_can_be_had(post: Any) -> None:
    made = [
        show.grid(post, "post", filter={"views": {"_gt": 1}}, sort="title", fields=["title"]),
        show.design(post, "post"),
        show.design(post),
        show.studio(post, "post"),
        show.board(post),
        show.board(post, "tidy"),
        show.build(post, "post"),
        show.erd(post),
        show.erd(post, "post"),
        show.access(post),
        show.profile(post, "post"),
    ]
    for one in made:
        # It shows itself where there are no widgets, too.
        assert one.text()
        one.close()
    first = made[0].answered(
        {"action": "page", "given": {"number": 0, "sort": [], "filters": {}, "count": True}}
    )
    assert "error" not in first
    assert len(first["value"]["rows"]) == 1


def test_what_is_not_there_is_named(post: Any) -> None:
    for make in (show.grid, show.erd, show.build, show.profile):
        with pytest.raises(UsageError, match=r"There is no table 'pots'.*'post'"):
            make(post, "pots")
    with pytest.raises(UsageError, match="'tidi'"):
        show.board(post, "tidi")
    with pytest.raises(ApiError, match="There are no such routes"):
        show.access(post, "/nothing*")
