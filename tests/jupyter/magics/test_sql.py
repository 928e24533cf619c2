"""SQL in cells, and values that queries are given by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from enfyra_jupyter.magics.sql_completion import complete_sql
from enfyra_jupyter.parameters import ParameterError, plain
from enfyra_jupyter.schema import Schema
from enfyra_jupyter.sqlframes import SqlFrame


@pytest.fixture
def posts(numbered):
    return numbered


class TestSql:
    def test_result(self, posts, capsys):
        frame = posts.run(
            "%%enfyra found << sql --param least=3\n"
            "SELECT title, views, views * 2 AS twice FROM post\nWHERE views >= :least ORDER BY id;"
            " -- all of them"
        )
        assert isinstance(frame, SqlFrame)
        assert posts["found"] is frame
        assert frame.columns == ["title", "views", "twice"]
        assert "more than 20 rows, 1 to 20 shown" in repr(frame)
        assert "&lt;b&gt;3&lt;/b&gt;" in frame._repr_html_()
        assert len(frame) == 43
        assert "43 rows, 1 to 20 shown" in repr(frame)
        assert frame.next().next().rows[-1] == {"title": "<b>45</b>", "views": 45, "twice": 90}
        with pytest.raises(StopIteration):
            frame.next().next().next()
        table = frame.arrow()
        assert table.column_names == frame.columns
        assert pa.table(frame) == table
        frame.progress = True
        assert frame.DataFrame()["twice"].sum() == 2 * sum(range(3, 46))
        assert "sql: 100%" in capsys.readouterr().err
        assert sum(1 for _ in frame) == 43
        told = frame.explain()
        assert "`views` * 2" in repr(told)
        assert "SCAN post" in repr(told)
        assert frame.shape().names == frame.columns

    def test_limits(self, posts):
        frame = posts.run("%%enfyra sql --limit 21\nSELECT id FROM post ORDER BY id")
        assert len(frame) == 21
        assert [row["id"] for row in frame.next().rows] == [21]
        assert frame.arrow().num_rows == 21
        few = posts.run("%%enfyra query --lang sql --limit 2\nSELECT id FROM post")
        assert len(few.rows) == len(few) == 2
        assert posts.run("%%enfyra sql\nSELECT id FROM post WHERE 1 = 0").columns == ["id"]
        twice = posts.run("%%enfyra sql\nSELECT a.id, b.id FROM post a JOIN post b ON a.id = b.id")
        assert len(twice) == 45

    def test_mistakes(self, posts):
        assert "'password'" not in posts.refused("%%enfyra sql\nDELETE FROM post")
        assert "is a secret" in posts.refused("%%enfyra sql\nSELECT password FROM user_definition")
        assert "titel" in posts.refused("%%enfyra sql\nSELECT titel FROM post")
        assert "Where is the statement?" in posts.refused("%%enfyra sql\n ")
        assert "Where is the statement?" in posts.refused("%enfyra sql")
        assert "what --sort would say" in posts.refused(
            "%%enfyra query --lang sql --sort id\nSELECT 1"
        )
        assert "There is no value for ':least'. Did you mean 'leest'?" in posts.refused(
            "%%enfyra sql --param leest=1\nSELECT 1 WHERE 1 = :least"
        )


class TestValues:
    def test_of_the_line_and_of_a_dictionary(self, posts):
        posts["given"] = {"wanted": pd.DataFrame({"views": [1, 2, 3]}), "least": 2}
        frame = posts.run(
            "%%enfyra query post --params given --param 'title=<b>3</b>'\n"
            "filter:\n  views: {_in: ':wanted', _gte: ':least'}\n  title: {_neq: ':title'}\n"
        )
        assert [row["views"] for row in frame.rows] == [2]
        posts["given"] = {"ids": np.array([1, 2]), "text": ":no"}
        posts["half"] = {"text": "\ud800"}
        said = posts.refused("%enfyra query post --params half --filter {title: ':text'}")
        assert said.startswith("INVALID_VALUE: A text has half a character in it")
        frame = posts.run(
            "%%enfyra sql --params given\nSELECT id, :text AS t FROM post WHERE id IN (:ids)"
        )
        assert frame.rows == [{"id": 1, "t": ":no"}, {"id": 2, "t": ":no"}]

    def test_other_colons_mean_nothing(self, posts):
        frame = posts.run("%enfyra query post --filter {title: {_in: ['10:30', '::x', 'a :b']}}")
        assert frame.query["filter"]["title"]["_in"] == ["10:30", ":x", "a :b"]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("query post --filter {views: ':least'}", "There is no value for ':least'"),
            ("query post --param least=1", "The query has no ':least'"),
            (
                "query post --filter {views: ':leest'} --param least=1",
                "Did you mean 'least'?",
            ),
            ("query post --param least", "must be NAME=VALUE, not 'least'"),
            ("query post --param a=1 --param a=2", "--param a is given twice"),
            ("query post --params nowhere", "There is no variable 'nowhere'"),
            ("query post --params exit", "takes a dictionary with names"),
            ("x << tables", "'<<' stands in front of query, sql"),
            ("x << query post --out y", "by '<<' or by --out"),
            ("1x << query post", "must be a variable's name, not '1x'"),
        ],
    )
    def test_mistakes(self, shell, line, message):
        assert message in shell.refused(f"%enfyra {line}")

    def test_plain(self):
        assert plain(np.int64(5)) == 5
        assert plain(pd.Series([1.5, None])) == [1.5, None]
        assert plain(pd.Timestamp("2024-02-01T10:00:00Z")) == "2024-02-01T10:00:00+00:00"
        assert plain(pd.NaT) is None
        assert plain(pd.NA) is None
        assert plain(pa.array([1, 2])) == [1, 2]
        assert plain({1, 2}) == [1, 2]
        with pytest.raises(ParameterError, match="a data frame of 2 columns"):
            plain(pd.DataFrame({"a": [1], "b": [2]}))
        with pytest.raises(ParameterError, match="a object is no value"):
            plain(object())


def test_completion():
    columns = [{"name": "title"}, {"name": "views"}]
    relations = [{"propertyName": "author", "foreignKeyColumn": "authorId"}]
    post = {"name": "post", "isSystem": False, "columns": columns, "relations": relations}
    other = {"name": "author", "isSystem": False, "columns": [{"name": "name"}], "relations": []}
    schema = Schema.of({"version": 1, "tables": [post, other]})
    for text, found in {
        "SELECT * FROM po": ["post"],
        "SELECT * FROM post p, au": ["author"],
        "SELECT * FROM post AS p JOIN\n  au": ["author"],
        "SELECT * FROM post AS p WHERE p.ti": ["title"],
        "SELECT * FROM post AS p WHERE P.au": ["authorId"],
        "SELECT * FROM post WHERE vi": ["views"],
        "SELECT * FROM post WHERE na": [],
        "SELECT na": ["name"],
        "SELECT 'na": [],
        "SELECT :na": [],
        "SELECT 1 -- it's\nFROM post WHERE ti": ["title"],
    }.items():
        assert complete_sql(text.split("\n"), schema)[1] == found, text
