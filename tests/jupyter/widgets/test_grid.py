"""The grid without a browser: what it asks the server, and what it hands to its face."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from enfyra_jupyter.client import ApiError, Client
from enfyra_jupyter.credentials import Token
from enfyra_jupyter.frames import ResultFrame
from enfyra_jupyter.widgets.columns import Column
from enfyra_jupyter.widgets.filtering import condition
from enfyra_jupyter.widgets.grid import Grid
from tests.jupyter.conftest import Server, drop_tables

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31mred\u202eevil"
COUNT = 130


@pytest.fixture(scope="module")
def notes(server: Server) -> Iterator[Client]:
    """A table `note` with a column of each kind; nobody's tests change its rows."""
    with Client(server.api, Token(server.token, "token")) as client:
        client.post("/table_definition", {"name": "writer", "columns": [
            {"name": "name", "type": "varchar"}]})  # fmt: skip
        client.post("/table_definition", {
            "name": "note",
            "columns": [
                {"name": "title", "type": "varchar"},
                {"name": "status", "type": "enum", "options": ["draft", "done"]},
                {"name": "views", "type": "bigint"},
                {"name": "price", "type": "decimal", "options": {"precision": 10, "scale": 2}},
                {"name": "open", "type": "boolean"},
                {"name": "day", "type": "date"},
                {"name": "at", "type": "datetime"},
                {"name": "facts", "type": "simple-json"},
                {"name": "tags", "type": "array-select"},
                {"name": "origin", "type": "varchar", "isUpdatable": False},
            ],
            "relations": [
                {"propertyName": "writer", "type": "many-to-one", "targetTable": "writer"},
                {"propertyName": "readers", "type": "many-to-many", "targetTable": "writer"},
            ],
        })  # fmt: skip
        client.post("/writer", [{"name": "Ann"}, {"name": "Bob"}])
        client.post("/note", [
            {"title": "" if number == 1 else HOSTILE if number == 2 else f"note {number:03}",
             "status": "done" if number % 2 else None, "views": 2**60 + number,
             "price": f"{number}.50", "open": number % 3 == 0,
             "day": f"2024-01-{1 + number % 28:02}",
             "at": f"2024-{1 + number % 12:02}-01T12:00:00Z", "facts": {"n": number},
             "tags": ["a", "b"] if number % 5 == 0 else None,
             "writer": 1 + number % 2 if number % 10 else None}
            for number in range(COUNT)
        ])  # fmt: skip
        yield client
        drop_tables(client)


def ask(grid: Grid, action: str, **given: Any) -> Any:
    """Ask as the face does."""
    answer = grid.answered({"id": 1, "action": action, "given": given})
    json.dumps(answer)
    if "error" in answer:
        raise ApiError(**{name: answer["error"][name] for name in ("code", "message", "hint")})
    return answer["value"]


def page(grid: Grid, number: int = 0, *, count: bool = True, **asked: Any) -> Any:
    return ask(grid, "page", number=number, count=count, **{"sort": [], "filters": {}, **asked})


def column(grid: Grid, name: str) -> dict[str, Any]:
    return next(one for one in grid.columns if one["name"] == name)


def texts(answer: dict[str, Any], grid: Grid, name: str) -> list[Any]:
    place = [one["name"] for one in grid.columns].index(name)
    return [row["cells"][place] for row in answer["rows"]]


def test_it_knows_its_columns(notes):
    grid = ResultFrame(notes, "/note", {}).grid()
    kinds = {one["name"]: one["kind"] for one in grid.columns}
    assert kinds == {
        "id": "integer", "title": "text", "status": "choice", "views": "integer",
        "price": "decimal", "open": "boolean", "day": "date", "at": "instant", "facts": "json",
        "tags": "list", "origin": "text", "createdAt": "instant", "updatedAt": "instant",
        "writer.id": "integer", "readers": "related",
    }  # fmt: skip
    assert column(grid, "status")["choices"] == ["draft", "done"]
    fixed = {one["name"] for one in grid.columns if not one["editable"]}
    assert fixed == {"id", "origin", "createdAt", "updatedAt", "readers"}


def test_it_gives_pages(notes):
    grid = ResultFrame(notes, "/note", {"sort": "id"}).grid()
    assert grid.sort == ["id"]
    first = page(grid, sort=["-id"])
    assert first["total"] == COUNT
    assert len(first["rows"]) == grid.size == 100
    assert first["rows"][0]["key"] == str(COUNT)
    second = page(grid, 1, count=False)
    assert second["total"] is None
    assert len(second["rows"]) == COUNT - 100


def test_a_page_keeps_to_the_limit_of_the_query(notes):
    grid = ResultFrame(notes, "/note", {"limit": 105}).grid()
    assert page(grid)["total"] == 105
    assert len(page(grid, 1)["rows"]) == 5
    assert page(grid, 2)["rows"] == []


def test_values_are_texts_that_lose_nothing(notes):
    grid = ResultFrame(notes, "/note", {"sort": "id"}).grid()
    answer = page(grid)
    # JavaScript's numbers hold no 2**60 + 1.
    assert texts(answer, grid, "views")[1] == str(2**60 + 1)
    assert texts(answer, grid, "price")[1] == "1.50"
    assert texts(answer, grid, "title")[1:3] == ["", HOSTILE]
    assert texts(answer, grid, "status")[:2] == [None, "done"]
    assert texts(answer, grid, "facts")[3] == '{"n": 3}'


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("title", "NOTE 01", 10), ("title", "=note 010", 1), ("title", "!null", COUNT),
        ("status", "null", 65), ("status", "=done", 65),
        ("views", f">{2**60 + 119}", 10), ("views", f"{2**60}..{2**60 + 4}", 5),
        ("price", "1.5", 1), ("price", "..2.50", 3),
        ("open", "true", 44),
        ("day", "2024-01-02", 5), ("day", "2024", COUNT), ("at", "2024-12", 10), ("at", "2023", 0),
        ("tags", "a", 26), ("facts", "null", 0),
        ("writer.id", "1", 52), ("writer.id", "null", 13),
    ],
)  # fmt: skip
def test_it_filters_by_what_is_typed(notes, name, text, found):
    grid = ResultFrame(notes, "/note", {}).grid()
    assert page(grid, filters={name: text})["total"] == found


def test_filters_go_with_that_of_the_query(notes):
    grid = ResultFrame(notes, "/note", {"filter": {"open": True}}).grid()
    assert page(grid, filters={"title": "note 0", "status": "null"})["total"] == 17


@pytest.mark.parametrize(
    ("kind", "text", "hint"),
    [("integer", "many", "whole number"), ("decimal", "x", "a number"), ("boolean", "2", "true"),
     ("json", "x", "null"), ("integer", "..", "1..9")],
)  # fmt: skip
def test_a_filter_that_cannot_be_names_its_column(kind, text, hint):
    with pytest.raises(ApiError, match="n cannot be filtered by") as raised:
        condition(Column("n", kind), text)
    assert raised.value.details == {"field": "n"}
    assert hint in raised.value.hint


def test_what_the_server_refuses_is_said(notes):
    grid = ResultFrame(notes, "/note", {}).grid()
    with pytest.raises(ApiError, match="date"):
        page(grid, filters={"day": "=yesterday"})


def test_groups_are_to_be_looked_at_only(notes):
    grid = ResultFrame(notes, "/note", {"dimensions": "status", "measures": "count"}).grid()
    assert not grid.filterable
    assert not any(one["editable"] for one in grid.columns)
    assert texts(page(grid, sort=["-count", "status"]), grid, "status") == [None, "done"]


def test_a_result_without_rows_has_columns(notes):
    grid = ResultFrame(notes, "/note", {"filter": {"id": 0}}).grid()
    assert len(grid.columns) == 15
    assert page(grid) == {"rows": [], "total": 0}


def test_a_saved_notebook_holds_the_first_page_as_text(notes):
    grid = ResultFrame(notes, "/note", {"sort": "id"}).grid()
    bundle = grid._repr_mimebundle_()
    assert "<img" not in bundle["text/html"]
    assert "&lt;img src=x" in bundle["text/html"]
    assert "130 rows" in bundle["text/plain"]


# -- changing -------------------------------------------------------------------------------------


@pytest.fixture
def row(notes: Client) -> Iterator[int]:
    """A row to change."""
    made = notes.post("/note", {"title": "mine", "views": 1, "facts": {"a": 1}, "writer": 1})
    key = made["data"][0]["id"]
    yield key
    notes.send("DELETE", f"/note/{key}")


def change(grid: Grid, row: int, name: str, text: str | None, base: str | None) -> Any:
    return ask(grid, "change", key=str(row), name=name, text=text, base=base)


@pytest.mark.parametrize(
    ("name", "base", "text", "value"),
    [
        ("title", "mine", "", ""), ("title", "mine", None, None),
        ("title", "mine", HOSTILE, HOSTILE),
        ("status", None, "done", "done"), ("views", "1", str(2**60 + 1), 2**60 + 1),
        ("price", None, "19.90", "19.90"), ("open", None, "true", True),
        ("day", None, "2024-02-29", "2024-02-29"),
        ("at", None, "2024-02-29T12:00:00.5Z", "2024-02-29T12:00:00.5+00:00"),
        ("facts", '{"a": 1}', '{"b": [1.5, null]}', {"b": [1.5, None]}),
        ("tags", None, '["x"]', ["x"]), ("writer.id", "1", "2", {"id": 2}),
        ("writer.id", "1", None, None),
    ],
)  # fmt: skip
def test_a_cell_is_changed(notes, row, name, base, text, value):
    grid = ResultFrame(notes, "/note", {"filter": {"id": row}}).grid()
    change(grid, row, name, text, base)
    stored = notes.get("/note", filter={"id": row})["data"][0][name.partition(".")[0]]
    if name == "at":
        assert stored.startswith("2024-02-29T12:00:00.5")
    else:
        assert stored == value


def test_the_answer_has_the_row_as_the_query_shows_it(notes, row):
    grid = ResultFrame(notes, "/note", {"fields": "views,writer.name"}).grid()
    answer = change(grid, row, "views", "7", "1")
    assert answer["value"] == "7"
    assert dict(zip([one["name"] for one in grid.columns], answer["cells"], strict=True)) == {
        "id": str(row), "views": "7", "writer.id": "1", "writer.name": "Ann",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "base", "text", "said"),
    [
        ("views", "1", "many", "views must be an integer"),
        ("status", None, "gone", "status must be one of: draft, done"),
        ("facts", '{"a": 1}', "{b", "facts must be JSON"),
        ("writer.id", "1", "77", "writer"),
        ("origin", None, "x", "origin"),
    ],
)
def test_what_the_server_refuses_stays_as_it_was(notes, row, name, base, text, said):
    grid = ResultFrame(notes, "/note", {}).grid()
    before = notes.get("/note", filter={"id": row})
    with pytest.raises(ApiError, match=said):
        change(grid, row, name, text, base)
    assert notes.get("/note", filter={"id": row}) == before


def test_what_somebody_else_has_made_of_it_is_shown(notes, row):
    grid = ResultFrame(notes, "/note", {}).grid()
    notes.patch(f"/note/{row}", {"title": "theirs"})
    assert change(grid, row, "title", "new", "mine") == {"conflict": True, "theirs": "theirs"}
    assert change(grid, row, "title", "new", "theirs")["value"] == "new"


def test_another_field_of_the_row_is_nobodys_conflict(notes, row, monkeypatch):
    grid = ResultFrame(notes, "/note", {}).grid()
    whole = notes.record

    def late(path: str, **params: Any) -> Any:
        answer = whole(path, **params)
        monkeypatch.undo()
        notes.patch(f"/note/{row}", {"views": 99})
        return answer

    # Somebody is quicker than we are, between our reading and our writing.
    monkeypatch.setattr(notes, "record", late)
    assert change(grid, row, "title", "new", "mine")["value"] == "new"
    assert notes.get("/note", filter={"id": row})["data"][0]["views"] == 99


def test_a_row_that_is_gone_is_said(notes):
    grid = ResultFrame(notes, "/note", {}).grid()
    with pytest.raises(ApiError, match="not there any more"):
        change(grid, 999_999, "title", "x", "y")


def test_long_values_come_when_they_are_asked_for(notes, row):
    notes.patch(f"/note/{row}", {"facts": {"long": "x" * 5000}})
    grid = ResultFrame(notes, "/note", {"filter": {"id": row}}).grid()
    (cell,) = texts(page(grid), grid, "facts")
    assert len(cell["beginning"]) == 300
    assert len(ask(grid, "value", key=str(row), name="facts")) == cell["length"] == 5012


def test_who_may_not_write_cannot_change(notes, server):
    with Client(server.api) as nobody:
        with pytest.raises(ApiError):
            ResultFrame(nobody, "/note", {}).grid()
        rule = notes.get("/route_definition", filter={"path": "/note"}, fields="id")["data"][0]
        notes.patch(f"/route_definition/{rule['id']}", {"publicMethods": ["GET"]})
        grid = ResultFrame(nobody, "/note", {}).grid()
        assert page(grid)["total"] == COUNT
        assert not any(one["editable"] or one["insertable"] for one in grid.columns)
        assert not grid.creatable
        assert not grid.deletable
        notes.patch(f"/route_definition/{rule['id']}", {"publicMethods": []})


def test_rows_are_made(notes):
    grid = ResultFrame(notes, "/note", {"fields": "title,views,writer,origin"}).grid()
    assert grid.creatable
    assert {one["name"] for one in grid.columns if one["insertable"]} == {
        "title", "views", "writer.id", "origin",
    }  # fmt: skip
    given = {"title": HOSTILE, "views": str(2**60 + 1), "writer.id": "2", "gone": "x"}
    made = ask(grid, "create", given=given)
    (stored,) = notes.get("/note", filter={"id": int(made["key"])})["data"]
    assert (stored["title"], stored["views"], stored["writer"]) == (HOSTILE, 2**60 + 1, {"id": 2})
    assert dict(zip([one["name"] for one in grid.columns], made["cells"], strict=True)) == {
        "id": made["key"], "title": HOSTILE, "views": str(2**60 + 1), "writer.id": "2",
        "origin": None,
    }  # fmt: skip
    notes.send("DELETE", f"/note/{made['key']}")


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"views": "many", "status": "gone"},
         {"views": "views must be an integer", "status": "status must be one of: draft, done"}),
        ({"writer.id": "77"}, {"writer.id": "writer refers to a record that does not exist"}),
        ({"facts": "{b"}, {"facts": "facts must be JSON"}),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_new_row_is_said_by_column(notes, given, problems):
    grid = ResultFrame(notes, "/note", {}).grid()
    said = ask(grid, "create", given=given)["problems"]
    assert said.keys() == problems.keys()
    assert all(said[name].startswith(text) for name, text in problems.items())
    assert page(grid)["total"] == COUNT


def test_a_row_is_deleted_if_it_is_what_was_seen(notes, row):
    grid = ResultFrame(notes, "/note", {"fields": "title,views,writer.name"}).grid()
    assert grid.deletable
    seen = {"id": str(row), "title": "mine", "views": "1", "writer.id": "1", "writer.name": "?"}
    notes.patch(f"/note/{row}", {"views": 2})
    now = ask(grid, "delete", key=str(row), base=seen)["changed"]
    assert now == [str(row), "mine", "2", "1", "Ann"]
    assert ask(grid, "delete", key=str(row), base=seen | {"views": "2"}) == {"gone": True}
    assert notes.get("/note", filter={"id": row})["data"] == []
    # Who comes too late finds it done.
    assert ask(grid, "delete", key=str(row), base=seen) == {"gone": True}
    notes.post("/note", {"id": row, "title": "mine"})


def test_deep_pages_are_found_by_their_keys(notes, monkeypatch):
    monkeypatch.setattr("enfyra_jupyter.widgets.grid.DEEP", 100)
    grid = ResultFrame(
        notes, "/note", {"fields": "title,open", "filter": {"id": {"_gt": 10}}}
    ).grid()
    page(grid, sort=["-open", "-id"])
    keys = [row["key"] for row in page(grid, 1, count=False, sort=["-open", "-id"])["rows"]]
    query = {"filter": {"id": {"_gt": 10}}, "sort": "-open,-id", "limit": 0}
    everything = [str(row["id"]) for row in notes.get("/note", **query)["data"]]
    assert keys == everything[100:]
    filters = {"title": "note 1"}
    assert page(grid, 1, count=False, sort=["views"], filters=filters)["rows"] == []


def test_a_related_record_is_found_by_its_name(notes: Client) -> None:
    grid = ResultFrame(notes, "/note", {}).grid()
    assert [one["name"] for one in grid.columns if one["picks"]] == ["writer.id"]
    found = ask(grid, "candidates", name="writer.id", text="bo")
    assert found["rows"] == [{"key": "2", "label": "Bob"}]
