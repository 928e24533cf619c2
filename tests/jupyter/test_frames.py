"""Results: looked at page by page, taken as a whole in Arrow."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from enfyra_jupyter.client import ARROW, ApiError
from enfyra_jupyter.frames import PAGE, ResultFrame

AUTHORS = 45


@pytest.fixture
def posts(client):
    client.post("/table_definition", {
        "name": "author",
        "columns": [{"name": "name", "type": "varchar"}, {"name": "born", "type": "date"}],
    })  # fmt: skip
    client.post("/table_definition", {
        "name": "post",
        "columns": [
            {"name": "title", "type": "varchar"},
            {"name": "at", "type": "datetime"},
            {"name": "facts", "type": "simple-json"},
            {"name": "many", "type": "bigint"},
        ],
        "relations": [{"propertyName": "author", "type": "many-to-one", "targetTable": "author"}],
    })  # fmt: skip
    client.post("/author", [{"name": "Ann", "born": "1960-02-29"}, {"name": "<script>x</script>"}])
    client.post("/post", [
        {"title": f"<b>{number}</b>", "at": "1969-07-20T20:17:40Z", "facts": {"n": [number]},
         "author": {"id": 1 + number % 2} if number % 3 else None}
        for number in range(AUTHORS)
    ])  # fmt: skip
    return client


def test_shows_the_first_page(posts):
    frame = ResultFrame(posts, "/post", {"sort": "id"})
    assert len(frame) == AUTHORS
    assert len(frame.rows) == PAGE
    assert repr(frame).splitlines()[-1].startswith("45 rows, 1 to 20 shown · ")
    assert "ms · GET /post" in repr(frame)


def test_escapes_every_cell(posts):
    frame = ResultFrame(posts, "/post", {"fields": ["title", "author.name"], "sort": "id"})
    html = frame._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;x&lt;/script&gt;" in html
    assert "author.name" in html


def test_turns_the_page(posts):
    frame = ResultFrame(posts, "/post", {"sort": "id"})
    last = frame.next().next()
    assert [row["id"] for row in last.rows] == [41, 42, 43, 44, 45]
    assert "41 to 45 shown" in repr(last)
    with pytest.raises(StopIteration):
        last.next()


def test_keeps_to_a_limit(posts):
    frame = ResultFrame(posts, "/post", {"limit": 25, "sort": "id"})
    assert len(frame) == 25
    assert [row["id"] for row in frame.next().rows] == [21, 22, 23, 24, 25]
    assert frame.arrow().num_rows == 25
    assert ResultFrame(posts, "/post", {"limit": 3}).next is not None


def test_gives_a_data_frame(posts):
    frame = ResultFrame(posts, "/post", {"fields": "title,at,facts,author.*", "sort": "id"})
    data = frame.DataFrame()
    assert list(data.columns)[:4] == ["id", "title", "at", "facts"]
    assert data["at"].dtype == "datetime64[us, UTC]"
    assert data["at"][0] == pd.Timestamp("1969-07-20T20:17:40Z")
    assert data["facts"][2] == {"n": [2]}
    assert data["author.born"].dropna().iloc[0] == dt.date(1960, 2, 29)
    assert data["author.name"].isna().sum() == 15


def test_a_data_frame_has_gaps_where_there_are_any(posts):
    most = 2**63 - 1
    posts.patch("/post/1", {"facts": None, "many": most})
    data = ResultFrame(posts, "/post", {"fields": "facts,many", "sort": "id"}).DataFrame()
    assert data["facts"][:2].tolist() == [None, {"n": [1]}]
    assert data["many"][0] == most
    assert data["many"].isna().sum() == AUTHORS - 1


def test_json_is_no_related_record(posts):
    frame = ResultFrame(posts, "/post", {"fields": "facts"}, related=lambda path: False)
    assert frame.columns == ["id", "facts"]


def test_hands_itself_to_what_speaks_arrow(posts):
    frame = ResultFrame(posts, "/post", {"fields": "title"})
    assert pa.table(frame).num_rows == AUTHORS
    assert pa.table(frame).num_rows == AUTHORS


def test_writes_parquet(posts, tmp_path):
    frame = ResultFrame(posts, "/post", {"fields": "title,author.name", "sort": "id"})
    path = frame.to_parquet(tmp_path / "posts.parquet", compression="zstd")
    table = pq.read_table(path)
    assert table.num_rows == AUTHORS
    assert table.column("author").to_pylist()[1] == {"id": 2, "name": "<script>x</script>"}
    assert [one.name for one in tmp_path.iterdir()] == ["posts.parquet"]


def test_leaves_no_half_of_a_file(posts, tmp_path):
    frame = ResultFrame(posts, "/post", {})
    frame.query["fields"] = "nonsense"
    with pytest.raises(ApiError):
        frame.to_parquet(tmp_path / "posts.parquet")
    assert list(tmp_path.iterdir()) == []


def test_gives_rows_one_by_one(posts):
    rows = iter(ResultFrame(posts, "/post", {"fields": "title,author.name", "sort": "id"}))
    assert next(rows) == {"id": 1, "title": "<b>0</b>", "author": None}
    rows.close()
    assert posts.get("/post", limit=1)["data"]


def test_nothing_found_is_said(posts):
    frame = ResultFrame(posts, "/post", {"filter": {"title": "none"}})
    assert len(frame) == 0
    assert repr(frame).startswith("0 rows · ")
    assert "<table>" not in frame._repr_html_()
    assert list(frame.DataFrame().columns)[:2] == ["id", "title"]


def test_its_address_does_for_curl(posts, server):
    frame = ResultFrame(posts, "/post", {"filter": {"id": {"_lt": 3}}, "fields": ["title"]})
    assert frame.url.startswith(f"{server.api}/post?filter=")
    answer = posts._http.get(frame.url)
    assert [row["id"] for row in answer.json()["data"]] == [1, 2]
    arrow = posts._http.get(frame.url, headers={"accept": ARROW})
    assert pa.ipc.open_stream(arrow.content).read_all().num_rows == 2


def test_a_mistake_is_the_servers_to_explain(posts):
    with pytest.raises(ApiError) as caught:
        ResultFrame(posts, "/post", {"fields": "titel"})
    error = caught.value
    assert error.code == "UNKNOWN_FIELD"
    assert "Did you mean 'title'?" in str(error)
    assert error.correlation_id
    assert error.correlation_id in str(error)


def test_a_bar_tells_how_far_a_download_is(posts, capsys, monkeypatch):
    posts = ResultFrame(posts, "/post", {"sort": "id"})
    posts.arrow()
    assert capsys.readouterr().err == ""
    posts.progress = True
    assert posts.arrow().num_rows == len(posts)
    shown = capsys.readouterr().err
    assert f"{len(posts)}.0/{len(posts)}.0" in shown
    assert "post: 100%" in shown
    posts.progress = None
    monkeypatch.setattr("enfyra_jupyter.frames.MANY", 1)
    assert len(posts.DataFrame()) == len(posts)
    assert "100%" in capsys.readouterr().err
    posts.progress = False
    posts.arrow()
    assert capsys.readouterr().err == ""
