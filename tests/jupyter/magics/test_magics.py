"""The magic in a real shell, against a real server."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pandas as pd
import pytest
from enfyra_kernel.version import VERSION

from enfyra_jupyter.client import ApiError
from tests.web import Web

AUTHOR = "%%enfyra table author\ncolumns:\n  name: varchar(60)! unique\n"
POST = (
    "%%enfyra table post\ncolumns:\n  title: varchar(60)!\n  views: int = 0\n"
    "relations:\n  author: author inverse posts\n"
)


@pytest.fixture
def posts(shell):
    shell.run(AUTHOR)
    shell.run(POST)
    shell["authors"] = pd.DataFrame({"name": ["Ann", "<script>Bob</script>"]})
    shell["posts"] = pd.DataFrame(
        {"title": ["x", "y", "z"], "views": [1, 2, 3], "by": ["Ann", "Ann", None]}
    )
    shell.run("%enfyra push authors --table author --no-progress")
    shell.run("%enfyra push posts --table post --rename by=author.name --no-progress")
    return shell


class TestLoading:
    def test_says_nothing_and_asks_nobody(self, bare_shell, monkeypatch, capsys):
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/nonexistent")
        for _ in range(2):
            bare_shell.run_line_magic("load_ext", "enfyra_jupyter")
        bare_shell.run_line_magic("reload_ext", "enfyra_jupyter")
        shown = capsys.readouterr()
        assert shown.err == ""
        assert "already loaded" in shown.out or shown.out == ""
        assert len(bare_shell.Completer.custom_matchers) == 1

    def test_is_taken_back(self, bare_shell):
        bare_shell.run_line_magic("load_ext", "enfyra_jupyter")
        bare_shell.run_line_magic("unload_ext", "enfyra_jupyter")
        assert bare_shell.find_line_magic("enfyra") is None
        assert bare_shell.find_cell_magic("enfyra") is None
        assert bare_shell.Completer.custom_matchers == []

    def test_question_mark_gives_the_manual(self, shell):
        manual = shell.shell.find_line_magic("enfyra").__doc__
        assert "--dry-run" in manual
        assert "%enfyra help COMMAND" in manual

    def test_without_a_server_it_says_so(self, shell, enfyra_environment, tmp_path):
        enfyra_environment.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
        assert shell.refused("%enfyra tables").startswith("NO_SERVER: ")


class TestExploring:
    def test_status(self, shell, server):
        shown = repr(shell.run("%enfyra status"))
        assert server.api in shown
        assert "administrator" in shown
        assert "database ok" in shown
        assert server.token not in shown

    def test_connect_forgets_the_old_server(self, shell, server):
        assert "SERVER_UNREACHABLE" in shell.refused("%enfyra connect http://127.0.0.1:9")
        assert server.api in repr(shell.run("%enfyra connect"))
        assert server.api in repr(shell.run(f"%enfyra connect {server.url}"))

    def test_anonymous_status(self, shell, server, enfyra_environment):
        enfyra_environment.setenv("JUPYTER_RUNTIME_DIR", "/nonexistent")
        shown = repr(shell.run(f"%enfyra connect {server.api}"))
        assert "nobody: only what is public" in shown

    def test_tables(self, posts):
        shown = repr(posts.run("%enfyra tables --rows"))
        assert "post    3     5" in shown
        assert "author → author" in shown
        assert len(posts.run("%enfyra tables auth*").rows) == 1
        assert "No table's name is like 'x*'" in repr(posts.run("%enfyra tables x*"))
        assert "user_definition" in repr(posts.run("%enfyra tables --system"))

    def test_versions_that_do_not_fit_are_named(self, posts, monkeypatch):
        assert "The server has" not in repr(posts.run("%enfyra status"))
        monkeypatch.setattr("enfyra_jupyter.versions.VERSION", "99.1.0")
        told = f"The server has version {VERSION}, and this notebook 99.1.0."
        assert told in repr(posts.run("%enfyra status"))
        posts.run("%enfyra tables")
        assert told in posts.refused("%enfyra query post --sort tilte")

    def test_an_answer_of_another_version_is_no_traceback(self, shell, enfyra_environment):
        enfyra_environment.setenv("JUPYTER_RUNTIME_DIR", "/nonexistent")
        tables = [{"name": "post", "isSystem": False, "fields": ["id"]}]
        told = {"enfyraVersion": "99.1.0", "version": 1, "tables": tables}
        web = Web()
        try:
            web.gives("/health", b"{}")
            web.gives("/metadata", json.dumps({"data": told}).encode())
            enfyra_environment.setenv("ENFYRA_URL", web.url(""))
            for command in ("tables", "query post", "describe post"):
                said = shell.refused(f"%enfyra {command}")
                assert "answer cannot be understood. The server has version 99.1.0" in said
                assert "pip install 'enfyra-kernel==99.1.0'" in said
            assert "KeyError" in repr(shell.run("%enfyra last-error --traceback"))
        finally:
            web.stop()

    def test_no_tables_yet(self, shell):
        assert "%%enfyra table NAME defines one" in repr(shell.run("%enfyra tables"))
        assert repr(shell.run("%enfyra erd")) == "There are no tables yet"

    def test_describe(self, posts):
        shown = repr(posts.run("%enfyra describe post"))
        assert "varchar(60)" in shown
        assert "author    many-to-one  author  posts" in shown
        assert "DELETE GET PATCH POST PUT  none" in shown
        assert "Did you mean 'post'?" in posts.refused("%enfyra describe pots")

    def test_routes(self, posts):
        assert "/post" in repr(posts.run("%enfyra routes /po*"))
        assert "/user_definition" in repr(posts.run("%enfyra routes --system"))
        assert "No route is like '/zz*'" in repr(posts.run("%enfyra routes /zz*"))

    def test_erd(self, posts):
        assert '"post" }o--o| "author" : "author"' in posts.run("%enfyra erd").mermaid
        assert "author" not in posts.run("%enfyra erd post").mermaid.replace("authorId", "")

    def test_open(self, shell):
        assert 'href="/user/ann/enfyra/docs"' in shell.run("%enfyra open")._repr_html_()

    def test_help(self, shell):
        assert "%enfyra push" in repr(shell.run("%enfyra"))
        assert "--dry-run" in repr(shell.run("%enfyra help push"))
        assert "Did you mean 'push'?" in shell.refused("%enfyra help psh")


class TestTable:
    def test_is_live_at_once(self, shell, client):
        shown = repr(shell.run(AUTHOR))
        assert shown.startswith("author is created\n+ id int\n+ name varchar\n")
        assert shown.endswith(f"live at {client.url}/author")
        assert client.get("/author")["data"] == []

    def test_nothing_to_change_the_second_time(self, posts):
        for cell in (AUTHOR, POST):
            assert repr(posts.run(cell)).endswith(": nothing to change")

    def test_a_plan_makes_nothing(self, shell, client):
        shown = repr(shell.run(AUTHOR.replace("author\n", "author --plan\n")))
        assert shown.startswith("author would be created\n+ id int")
        with pytest.raises(ApiError):
            client.get("/author")

    def test_what_loses_nothing_is_done(self, posts):
        cell = POST.replace("views: int = 0", "seen: bigint was views = 0\n  note: text")
        shown = repr(posts.run(cell))
        assert "+ note text" in shown
        assert "~ views becomes seen" in shown
        assert "~ seen: type int becomes bigint" in shown
        assert [row["seen"] for row in posts.run("%enfyra query post --sort id").rows] == [1, 2, 3]

    def test_what_loses_data_waits(self, posts):
        cell = POST.replace("  views: int = 0\n", "")
        waiting = repr(posts.run(cell))
        assert "post is not changed yet, since data would get lost" in waiting
        assert "! loses the column 'post.views' and its values" in waiting
        assert posts.run("%enfyra query post").rows[0]["views"] is not None
        assert "! loses" in repr(posts.run(cell.replace("post\n", "post --plan\n", 1)))
        done = repr(posts.run(cell.replace("post\n", "post --apply\n", 1)))
        assert done.startswith("post is changed\n- views int")
        assert "views" not in posts.run("%enfyra query post").rows[0]

    def test_what_the_database_has_no_part_in(self, posts):
        cell = f"{POST}description: Texts\n".replace("author inverse", "author hidden inverse")
        plan = repr(posts.run(cell.replace("post\n", "post --plan\n", 1)))
        assert "~ description none becomes Texts" in plan
        assert "~ author: isPublished true becomes false" in plan

    def test_a_table_is_renamed(self, posts):
        shown = repr(posts.run(POST.replace("table post", "table article") + "was: post\n"))
        assert "~ post becomes article" in shown
        assert len(posts.run("%enfyra query article")) == 3

    @pytest.mark.parametrize(
        ("cell", "said"),
        [
            ("%%enfyra table post\ncolumns: {a: varchr}", "Did you mean 'varchar'?"),
            ("%%enfyra table post\nrelations: {a: autor}", "Did you mean 'author'?"),
            ("%%enfyra table Post!\ncolumns: {a: int}", "must match [a-z0-9_]+"),
            ("%%enfyra table a;drop\ncolumns: {a: int}", "must match [a-z0-9_]+"),
            ("%%enfyra table post --plan --apply\ncolumns: {a: int}", "exclude each other"),
            ("%%enfyra table me\ncolumns: {a: int}", "is reserved"),
            ("%%enfyra table x\nwas: autor\ncolumns: {a: int}", "Did you mean 'author'?"),
            ("%%enfyra table user_definition\ncolumns: {a: int}", "system table"),
        ],
    )
    def test_mistakes_are_told(self, shell, cell, said):
        shell.run(AUTHOR)
        assert said in shell.refused(cell)


class TestQuery:
    def test_line(self, posts):
        line = "df = %enfyra query post --filter {author: {name: Ann}} --sort -views --limit 1"
        posts.run(f"{line} --fields title,author.name")
        assert posts["df"].rows == [{"id": 2, "title": "y", "author": {"id": 1, "name": "Ann"}}]
        assert len(posts["df"]) == 1

    def test_cell(self, posts):
        cell = (
            "%%enfyra query --out found\ntable: post\nfilter:\n  views: {_gte: 2}\nsort: [-views]"
        )
        shown = posts.run(cell)
        assert [row["title"] for row in shown.rows] == ["z", "y"]
        assert posts["found"] is shown

    def test_the_line_wins(self, posts):
        cell = '%%enfyra query post --limit 1\n{"limit": 3, "sort": "title", "fields": ["title"]}'
        assert [row["title"] for row in posts.run(cell).rows] == ["x"]

    def test_groups(self, posts):
        found = posts.run(
            "%enfyra query post --dimensions author.name --measures count,sum(views) --sort -count"
        )
        assert found.rows == [
            {"author.name": "Ann", "count": 2, "sum_views": 3},
            {"author.name": None, "count": 1, "sum_views": 3},
        ]
        assert len(found) == 2
        assert list(found.DataFrame()["sum_views"]) == [3, 3]
        cell = "%%enfyra query post\nmeasures: {reads: {sum: views}}\nfilter: {views: {_gt: 1}}"
        assert posts.run(cell).rows == [{"reads": 5}]

    def test_many_groups(self, posts):
        posts["more"] = [{"title": f"t{number:02}"} for number in range(30)]
        posts.run("%enfyra push more --table post --no-progress")
        found = posts.run("%enfyra query post --dimensions title --sort title")
        assert len(found) == 33
        assert len(found.rows) == 20
        assert [row["title"] for row in found.next().rows][-1] == "z"
        assert len(found.arrow()) == 33

    def test_figures_beside_the_rows(self, posts):
        found = posts.run(
            "%enfyra query post --aggregate {views: {sum: true, max: true}} --limit 1"
        )
        assert found.aggregate == {"views": {"sum": 6, "max": 3}}
        assert "views.sum 6 · views.max 3" in repr(found)
        assert "views.sum 6" in found._repr_html_()
        assert len(found.DataFrame()) == 1

    def test_nothing_is_expanded(self, posts):
        posts["x"] = "y"
        line = "%enfyra query post --filter {title: {_in: ['{x}', $x]}}"
        assert len(posts.run(line)) == 0

    @pytest.mark.parametrize(
        ("cell", "said"),
        [
            ("%enfyra query", "Which table?"),
            ("%enfyra query pst", "There is no table 'pst'. Did you mean 'post'?"),
            ("%enfyra query post --fields titel", "Did you mean 'title'?"),
            ("%enfyra query post --filter {author: {nam: x}}", "Did you mean 'name'?"),
            ("%enfyra query post --filter {author: Ann}", 'as in {"author": {"FIELD": ...}}'),
            ("%enfyra query post --sort -titel", " -titel\n" + 29 * " " + "^^^^^"),
            ("%enfyra query post --filter {views: {_gtt: 1}}", "Did you mean '_gt'?"),
            ("%enfyra query post --out a-b", "--out must be a variable's name"),
            ("%enfyra query post --out class", "--out must be a variable's name"),
            ("%%enfyra query post\nfitler: {}", "A query has no 'fitler'. Did you mean 'filter'?"),
            ("%%enfyra query post\nlimit: many", "limit must be a whole number"),
            ("%%enfyra query post\nfilter: x", "filter must be an object"),
            ("%%enfyra query post\nmeasures: 5", "measures must list figures"),
            ("%enfyra query post --measures smu(views)", "Did you mean 'sum'?"),
            ("%%enfyra query post\n- x", "The cell must hold table, filter"),
            ("%%enfyra query post\n[", "neither YAML nor JSON"),
        ],
    )
    def test_mistakes_are_told(self, posts, cell, said):
        assert said in posts.refused(cell)

    def test_a_table_dropped_by_others_is_told(self, posts, client):
        posts.run("%enfyra query post")
        for table in client.get("/metadata")["data"]["tables"]:
            if table["name"] == "post":
                path = f"/table_definition/{table['id']}"
                preview = client.send("DELETE", path, params={"preview": True})["data"][0]
                confirm = {"schemaConfirmHash": preview["requiredConfirmHash"]}
                client.send("DELETE", path, params=confirm)
        assert "There is no table 'post'" in posts.refused("%enfyra query post")


class TestPush:
    def test_makes_a_table_that_fits(self, shell):
        shell["df"] = pd.DataFrame(
            {"code": ["a", "b"], "n": [1.0, None], "at": pd.to_datetime(["2013-01-01", None])}
        )
        proposed = repr(shell.run("%enfyra push df --table item --key code --dry-run"))
        assert "  code: varchar(8)!\n  n: int\n  at: datetime\n" in proposed
        assert "There is no table 'item'" in shell.refused("%enfyra describe item")
        pushed = shell.run("%enfyra push df --table item --key code --mode upsert --no-progress")
        assert repr(pushed).startswith("Upserted 2 rows into item in ")
        shell.run("%enfyra push df --table item --key code --mode upsert --no-progress")
        assert len(shell.run("%enfyra query item")) == 2
        tried = shell.run("%enfyra push df --table item --key code --mode upsert --dry-run")
        assert "2 rows into item (upsert): 0 new, 0 changed, 2 unchanged." in repr(tried)
        # What was proposed is what was made.
        cell = proposed.partition("\n")[2]
        assert repr(shell.run(cell)) == "item: nothing to change"

    def test_a_result_can_be_copied(self, posts):
        posts.run("found = %enfyra query post")
        posts.run("frame = found.DataFrame().drop(columns='author.id')")
        said = repr(posts.run("%enfyra push frame --table copy --no-progress"))
        assert "; createdAt and updatedAt were passed over: the server keeps them" in said
        titles = "[row['title'] for row in get_ipython().run_line_magic('enfyra', 'query {}')]"
        assert posts.run(titles.format("copy")) == posts.run(titles.format("post"))

    def test_a_table_that_was_made_goes_if_nothing_is_loaded(self, shell):
        shell["df"] = pd.DataFrame({"code": ["a", "a"]})
        said = shell.refused("%enfyra push df --table item --key code")
        assert "rows 0 and 1: code must be unique, and both have code 'a'" in said
        assert "There is no table 'item'" in shell.refused("%enfyra describe item")
        shell["df"] = []
        assert "there are no columns" in shell.refused("%enfyra push df --table item")

    def test_shows_how_far_it_is(self, posts, capsys):
        posts.run("%enfyra push posts --table post --rename by=author.name")
        assert "3.00/3.00" in capsys.readouterr().err

    def test_takes_local_variables(self, posts):
        posts.run(
            "def load(frame):\n    return get_ipython().run_line_magic("
            "'enfyra', 'push frame --table author --no-progress')\n"
        )
        posts["more"] = pd.DataFrame({"name": ["Cid"]})
        assert posts.run("load(more)").rows == 1

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("push pots --table post", "There is no variable 'pots'. Did you mean 'posts'?"),
            ("push posts.titel --table post", "'posts' has no 'titel'. Did you mean 'title'?"),
            ("push five --table post", "A int holds no rows"),
            ("push posts --table post", "by is no field of 'post'. (correlation"),
            ("push posts --table post --mode upsert", "--mode upsert needs --key"),
            ("push posts --table post --rename bye=author.name", "Did you mean 'by'?"),
            ("push posts --table post --rename by=author", "'author.FIELD' finds its records"),
            ("push posts --table new --key titel", "Did you mean 'title'?"),
            ("push odd --table new", "--rename 'a b=a_b'"),
        ],
    )
    def test_mistakes_are_told(self, posts, line, said):
        posts["five"] = 5
        posts["odd"] = pd.DataFrame({"a b": [1]})
        assert said in posts.refused(f"%enfyra {line} --no-progress")
        assert len(posts.run("%enfyra query post")) == 3


def test_no_secret_gets_out(shell, server, capsys):
    for cell in ("%enfyra connect", "%enfyra status", "%enfyra open"):
        shell.run(cell)
    session = shell.shell.magics_manager.registry["EnfyraMagics"].session
    shown = capsys.readouterr()
    history = repr(list(shell.shell.history_manager.get_range()))
    seen = shown.out + shown.err + history + repr(session.client) + repr(session.client.auth)
    assert server.token not in seen + repr(shell.shell.user_ns)


class TestAdopting:
    @pytest.fixture
    def strangers(self, client, server):
        """Tables that another program made in the server's database."""
        with closing(sqlite3.connect(server.root / "enfyra.db")) as connection:
            connection.executescript(
                'CREATE TABLE "<b>Boat</b>" (id INTEGER PRIMARY KEY, "the name" TEXT);'
                'CREATE TABLE trip (id INTEGER PRIMARY KEY, boat_id REFERENCES "<b>Boat</b>" (id));'
                "CREATE VIEW trips AS SELECT id AS trip FROM trip;"
            )
            yield client
            connection.executescript('DROP VIEW trips; DROP TABLE trip; DROP TABLE "<b>Boat</b>";')

    def test_a_dry_run_shows_what_would_be_and_the_rest_does_it(self, strangers, shell):
        planned = shell.run("%enfyra adopt --dry-run")
        assert repr(planned).startswith("3 tables and 1 relation would be defined")
        assert "nothing was changed" in repr(planned)
        assert "trip" not in repr(shell.run("%enfyra tables"))
        adopted = shell.run("%enfyra adopt --key trips=trip")
        text, html = repr(adopted), adopted._repr_html_()
        assert text.startswith("3 tables and 1 relation are defined")
        for word in ("b_boat_b", "<b>Boat</b>", "the_name", "it is a view", "live at"):
            assert word in text
        assert "<b>Boat" not in html
        assert "&lt;b&gt;Boat" in html
        assert "b_boat_b" in repr(shell.run("%enfyra tables"))
        assert len(shell.run("%enfyra query trips")) == 0
        again = shell.run("%enfyra adopt tri*")
        assert repr(again).startswith("There is nothing to adopt")
        assert "Defined before" in repr(again)

    def test_mistakes_are_named(self, strangers, shell):
        assert "no table 'tripp'. Did you mean 'trip'?" in shell.refused("%enfyra adopt tripp")
        assert "must be TABLE=COLUMN" in shell.refused("%enfyra adopt --key trips")
        assert "cannot be the key of 'trips'" in shell.refused("%enfyra adopt --key trips=x")

    def test_a_definition_that_is_dropped_leaves_its_table(self, strangers, shell):
        shell.run("%enfyra adopt trips --key trips=trip")
        dropped = repr(shell.run("%enfyra drop table trips"))
        assert "it was adopted: in the database it stays" in dropped
        assert "trips" in repr(shell.run("%enfyra adopt trips --dry-run --key trips=trip"))


class TestScripts:
    def test_a_hook_is_tried_and_saved(self, posts, client):
        cell = "%%enfyra hook POST /post --name loud --test {title: hi}\n@BODY.title += '!'"
        tried = posts.run(cell)
        text, html = repr(tried), tried._repr_html_()
        assert text.startswith("pre-hook 'loud': 201 in")
        assert '-  "title": "hi"' in text
        assert '+  "title": "hi!"' in text
        assert "not saved" in text
        assert "<pre>" in html
        assert len(posts.run("%enfyra query post")) == 3
        assert "saved: it is live" in repr(posts.run(cell.replace("\n", " --save\n", 1)))
        assert client.post("/post", {"title": "a"})["data"][0]["title"] == "a!"
        second = cell.replace("'!'", "'?'").replace("\n", " --save\n", 1)
        assert "in the place of the last version" in repr(posts.run(second))
        assert client.post("/post", {"title": "a"})["data"][0]["title"] == "a?"
        assert "loud" in repr(posts.run("%enfyra hook list"))
        history = posts.run("%enfyra hook history loud")
        assert [row[0] for row in history.rows] == [2, 1]
        assert "version 1 again" in repr(posts.run("%enfyra hook rollback loud"))
        assert client.post("/post", {"title": "a"})["data"][0]["title"] == "a!"

    def test_a_hook_of_all_routes(self, posts, client):
        cell = "%%enfyra hook GET * --path /post --post --name count --save\n@SHARE.n = 1"
        assert "saved: it is live" in repr(posts.run(cell))
        (row,) = posts.run("%enfyra hook list").rows
        assert row[1:4] == ["count", "all routes", "GET"]
        # Under the same name, it is the same hook.
        assert "in the place of the last version" in repr(posts.run(cell))
        (hook,) = client.get("/post_hook_definition")["data"]
        client.send("DELETE", f"/post_hook_definition/{hook['id']}")

    def test_an_error_has_its_line_marked(self, posts):
        tried = posts.run("%%enfyra hook GET /post --post --save\nx = 1\nx.y.z = 2")
        assert tried.failed
        assert "line 2: x.y.z = 2" in repr(tried)
        assert "not saved, since it failed" in repr(tried)
        assert "There are none" in repr(posts.run("%enfyra hook list"))

    def test_a_handler_makes_its_route(self, posts, client):
        cell = "%%enfyra handler GET /figures/:kind --path /figures/all --save\n"
        tried = posts.run(cell + "return [await #post.count(), @PARAMS.kind]")
        assert tried.report["result"] == [3, "all"]
        assert client.get("/figures/one") == [3, "one"]
        assert "GET /figures/:kind" in repr(posts.run("%enfyra handler list"))
        history = posts.run("%enfyra handler history GET /figures/:kind")
        assert history.note.startswith("%enfyra handler rollback GET /figures/:kind --to N")

    @pytest.mark.parametrize(
        ("cell", "said"),
        [
            ("%%enfyra hook POTS /post\npass", "Did you mean 'POST'?"),
            ("%%enfyra hook POST\npass", "Write the method and the route"),
            ("%%enfyra hook POST *\npass", "Say by --path"),
            ("%%enfyra handler GET,POST /post\npass", "answers one method"),
            ("%%enfyra hook POST /pst\npass", "there is no route /pst"),
            ("%%enfyra hook POST /post --test nowhere.json\npass", "cannot be read"),
            ("%%enfyra hook POST /post --test [1]\npass", "--test must be an object"),
            ("%%enfyra hook POST /post --test '{a: b: c}'\npass", "--test is neither JSON"),
            ("%%enfyra hook POST /post\nreturn (1", "line 1: return (1"),
            ("%enfyra hook histry x", "Did you mean 'history'?"),
            ("%enfyra hook history x", "There is no hook 'x'"),
            ("%enfyra hook POST /post", "begins a cell"),
        ],
    )
    def test_mistakes_are_told(self, posts, cell, said):
        assert said in posts.refused(cell)
