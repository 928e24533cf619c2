"""Queries that get a name in a cell, and are asked by it."""

from __future__ import annotations

import pytest

from enfyra_jupyter.client import ApiError, Client
from enfyra_jupyter.sqlframes import SqlFrame


@pytest.fixture
def posts(numbered, client):
    yield numbered
    # Those of a table go with it.
    for query in client.get("/query_definition", limit=0)["data"]:
        client.send("DELETE", f"/query_definition/{query['id']}")


POPULAR = (
    "%%enfyra query post --save popular --param least=40 --sort -views\n"
    "filter: {views: {_gte: ':least'}}\nfields: [title, views]"
)


class TestQueries:
    def test_saved_and_asked(self, posts, client):
        frame = posts.run(POPULAR)
        assert len(frame) == 6
        assert repr(frame).endswith("saved as popular")
        assert [row["views"] for row in posts.run("%enfyra query --saved popular").rows[:2]] == [
            45,
            44,
        ]
        (row,) = client.get("/query_definition")["data"]
        assert row["query"]["filter"] == {"views": {"_gte": ":least"}}
        assert row["parameters"] == {"least": 40}
        # The same for whoever has no notebook.
        assert len(client.get("/post", saved="popular", limit=0)["data"]) == 6

    def test_with_more_of_ones_own(self, posts):
        posts.run(POPULAR)
        posts["given"] = {"these": [44, 45], "least": 1}
        frame = posts.run(
            "%%enfyra two << query post --saved popular --params given --limit 1\n"
            "filter: {views: {_in: ':these'}}\nsort: views"
        )
        assert posts["two"] is frame
        assert [row["views"] for row in frame.rows] == [44]
        assert len(posts.run("%enfyra query --saved popular --filter {views: 45}")) == 1
        assert len(frame.DataFrame()) == 1

    def test_saved_again(self, posts):
        posts.run(POPULAR)
        assert repr(posts.run(POPULAR)).endswith("popular is as it was saved")
        frame = posts.run(POPULAR.replace("least=40", "least=44"))
        assert repr(frame).endswith("popular was changed")
        assert len(posts.run("%enfyra query --saved popular")) == 2
        # What fails is not saved.
        posts.refused(POPULAR.replace("title,", "titel,"))
        assert len(posts.run("%enfyra query --saved popular")) == 2

    def test_that_of_another_table_is_not_overwritten(self, posts):
        posts.run(POPULAR)
        posts.run("%%enfyra table note\ncolumns: {text: varchar}")
        said = posts.refused("%enfyra query note --save popular")
        assert "'popular' is a query of post" in said
        assert "%enfyra queries popular --delete" in said

    def test_a_colleagues_is_not_overwritten(self, posts, client, server):
        from enfyra_jupyter.connection import log_in

        ann = {"email": "ann.queries@example.com", "password": "ann's secret"}
        user = client.post("/user_definition", ann)["data"][0]
        with Client(server.api, log_in(server.api, **ann)) as hers:
            posts.run(POPULAR)
            with pytest.raises(ApiError, match="query_definition"):
                hers.get("/query_definition")
            posts.run(f"%enfyra grant {ann['email']} GET,PATCH /query_definition")
            (row,) = hers.get("/query_definition")["data"]
            hers.patch(f"/query_definition/{row['id']}", {"parameters": {"least": 1}})
            assert f"saved by {ann['email']}" in posts.refused(POPULAR)
        client.send("DELETE", f"/user_definition/{user['id']}")

    def test_listed_shown_and_deleted(self, posts):
        assert "%%enfyra query TABLE --save NAME" in repr(posts.run("%enfyra queries"))
        posts.run(POPULAR)
        listing = repr(posts.run("%enfyra queries"))
        assert "popular" in listing
        assert "least = 40" in listing
        assert "admin@" in listing
        assert "popular" not in repr(posts.run("%enfyra queries x*"))
        cell = repr(posts.run("%enfyra queries popular"))
        assert cell.startswith("%%enfyra query post --save popular --param 'least=40'")
        assert repr(posts.run(cell)).endswith("popular is as it was saved")
        assert "Did you mean 'popular'?" in posts.refused("%enfyra queries poplar")
        assert "Did you mean 'popular'?" in posts.refused("%enfyra query --saved poplar")
        posts.run("%enfyra queries popular --delete")
        assert "There are none" in repr(posts.run("%enfyra queries"))

    def test_one_that_fits_no_longer(self, posts):
        posts.run("%%enfyra table leaf\ncolumns: {size: int, age: int}")
        posts.run("%enfyra query leaf --save of_leaf --sort=-size")
        posts.run("%enfyra query leaf --save young --sort age")
        assert "fits no longer" not in repr(posts.run("%enfyra queries"))
        change = "columns: {width: int was size, age: int}"
        said = "! the saved query 'of_leaf' fits no longer: sort.size: 'leaf' has no field 'size'."
        assert said in repr(posts.run(f"%%enfyra table leaf --plan\n{change}"))
        assert said in repr(posts.run(f"%%enfyra table leaf\n{change}"))
        *_, ofleaf, young = repr(posts.run("%enfyra queries")).splitlines()
        assert "has no field 'size'" in ofleaf
        assert "no field" not in young
        assert "! fits no longer: sort" in repr(posts.run("%enfyra queries of_leaf"))
        assert "fits no longer" not in repr(posts.run("%enfyra queries young"))

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("query note --saved popular", "is a query of post, not of note"),
            ("query --saved popular --param leats=1", "Did you mean 'least'?"),
            ("query --saved popular --save other", "take one of them"),
            ("query post --with popular", "--with is for SQL"),
            ("query post --save Popular!", "name must be of small letters"),
            ("sql --saved popular", "is no SQL: %enfyra query --saved popular"),
            ("queries --delete", "Which one?"),
        ],
    )
    def test_mistakes(self, posts, line, message):
        posts.run(POPULAR)
        assert message in posts.refused(f"%enfyra {line}")


class TestSql:
    def test_saved_asked_and_read_from(self, posts):
        frame = posts.run(
            "%%enfyra sql --save figures --param least=40\n"
            "SELECT title, views FROM post WHERE views >= :least -- all of them"
        )
        assert repr(frame).endswith("saved as figures")
        again = posts.run("%enfyra sql --saved figures --param least=45")
        assert isinstance(again, SqlFrame)
        assert again.rows == [{"title": "<b>45</b>", "views": 45}]
        assert len(posts.run("%enfyra query --saved figures")) == 6
        many = posts.run("%%enfyra sql --with figures\nSELECT f.* FROM figures f, post ORDER BY 2")
        assert len(many) == 270
        assert many.next().rows[0]["views"] == 40
        assert many.arrow().num_rows == 270
        assert many.shape().names == ["title", "views"]
        cell = repr(posts.run("%enfyra queries figures"))
        assert repr(posts.run(cell)).endswith("figures is as it was saved")

    def test_mistakes(self, posts):
        posts.run("%%enfyra sql --save figures\nSELECT title FROM post")
        assert "is a statement by itself" in posts.refused("%%enfyra sql --saved figures\nSELECT 1")
        assert "cannot be saved itself" in posts.refused(
            "%%enfyra sql --with figures --save more\nSELECT * FROM figures"
        )
        assert "Did you mean 'figures'?" in posts.refused(
            "%%enfyra sql --with figurs\nSELECT * FROM figurs"
        )


def test_names_are_completed(posts):
    posts.run(POPULAR)
    posts.run("%%enfyra sql --save figures\nSELECT 1 AS one")
    posts.session._connection.queries.load()
    complete = posts.shell.magics_manager.registry["EnfyraMagics"].completer.complete
    assert complete(["%enfyra query --saved p"])[1] == ["popular"]
    assert complete(["%%enfyra sql --with "])[1] == ["figures"]
    assert complete(["%enfyra queries "])[1] == ["figures", "popular"]
