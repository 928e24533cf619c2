from __future__ import annotations

from typing import Any

import pytest
from enfyra_kernel.query.placeholders import placed

from enfyra_jupyter.magics.querying import read_query
from enfyra_jupyter.widgets.builder import Builder


@pytest.fixture
def builder(shell: Any, client: Any) -> Builder:
    shell.run("%%enfyra table author\ncolumns: {name: varchar}")
    shell.run(
        "%%enfyra table post\ncolumns:\n  title: varchar\n  views: int\n  live: boolean\n"
        "  state: enum(draft, published)\nrelations:\n  author: author inverse posts"
    )
    ann = client.post("/author", {"name": "Ann"})["data"][0]
    for number in range(3):
        body = {"title": f"<b>{number}</b>", "views": number, "live": True, "state": "draft"}
        client.post("/post", {**body, "author": ann["id"]})
    client.post("/post", {"title": ":name", "views": 9})
    return shell.run("%enfyra build post")


def ask(part: Any, action: str, /, **given: Any) -> Any:
    answer = part.answered({"id": "1", "action": action, "given": given})
    assert "error" not in answer, answer
    return answer["value"]


def where(field: str, operator: str, value: str = "") -> dict[str, str]:
    return {"field": field, "operator": operator, "value": value}


CONDITIONS = [
    (where("views", "_between", "1,2"), 2),
    (where("live", "_eq", "true"), 3),
    (where("views", "_is_null"), 0),
    (where("state", "_neq", "draft"), 0),
    (where("title", "_contains", "<b>"), 3),
    (where("title", "_eq", ":name"), 1),
    (where("id", "_gt", "0"), 4),
]


def test_a_query_is_put_together(builder: Builder, shell: Any) -> None:
    draft = {
        "fields": ["title", "author.name"],
        "filters": [where("author.name", "_eq", "Ann"), where("views", "_in", "1, 2")],
        "any": False,
        "sort": [{"field": "views", "down": True}],
        "limit": 5,
    }
    found = ask(builder, "look", draft=draft)
    assert found["columns"] == ["title", "author.name"]
    assert found["rows"] == [["<b>2</b>", "Ann"], ["<b>1</b>", "Ann"]]
    assert found["total"] == 2
    # The cell finds the same.
    assert len(shell.run(found["cell"]).DataFrame()) == 2
    assert ask(builder, "look", draft={**draft, "any": True})["total"] == 3


def test_conditions_by_type(builder: Builder) -> None:
    for condition, total in CONDITIONS:
        draft = {**builder.draft, "filters": [condition]}
        found = ask(builder, "look", draft=draft)
        assert found["total"] == total, condition
        table, _, body = found["cell"].removeprefix("%%enfyra query ").partition("\n")
        asked = read_query(body)
        assert table == "post"
        filter_ = placed(asked["filter"], {}, set())
        assert builder._query(draft)["filter"] == filter_


def test_what_is_wrong_is_said_and_the_cell_is_given_all_the_same(builder: Builder) -> None:
    draft = {**builder.draft, "filters": [where("views", "_gt", "many")]}
    answer = builder.answered({"id": "1", "action": "look", "given": {"draft": draft}})
    assert "views" in answer["error"]["message"]
    assert '{"views": {"_gt": "many"}}' in ask(builder, "cell", draft=draft)


def test_fields_have_the_operators_of_their_type(builder: Builder, shell: Any) -> None:
    fields = {one["path"]: one for one in builder.facts["fields"]}
    assert fields["state"]["choices"] == ["draft", "published"]
    assert "_contains" not in fields["views"]["operators"]
    assert "author.name" in fields
    assert repr(builder).startswith("%%enfyra query post\nfields: [id, title, views, live, state")
    assert "Did you mean 'post'?" in shell.refused("%enfyra build pst")
