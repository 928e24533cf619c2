"""Several connections, and what is told of errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from enfyra_jupyter.addresses import Address, addresses
from enfyra_jupyter.client import ApiError
from enfyra_jupyter.credentials import Login
from enfyra_jupyter.magics import connecting
from enfyra_jupyter.magics.pointing import pointed
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD


@pytest.fixture
def project(tmp_path, monkeypatch, server):
    """A project that names servers."""
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    (folder.parent / "pyproject.toml").write_text(
        f'[tool.enfyra.connections]\nlocal = "{server.api}"\n'
        'far = {url = "http://127.0.0.1:9", email = "ann@example.com"}\n'
    )
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


class TestConnections:
    def test_several(self, shell, server, project):
        assert "There are none" not in repr(shell.run("%enfyra connections"))
        shell.run("%enfyra connect")
        shell.run(f"%enfyra connect {server.api} --as second")
        assert ("connection", "second") in shell.run("%enfyra status").rows
        rows = {row[0]: row[2] for row in shell.run("%enfyra connections").rows}
        assert rows == {
            "default": "connected", "second": "in use", "local": "configured", "far": "configured",
        }  # fmt: skip
        first = shell.session.connections.clients["default"]
        shell.run("%enfyra use default")
        assert shell.session.client is first
        # One that a file names is opened when it is needed, and the other one stays in use.
        shell.run("%enfyra tables --on local")
        assert shell.session.connections.name == "default"
        assert "local" in shell.session.connections
        shell.run("%enfyra close second")
        assert "second" not in shell.session.connections
        assert "'default' is closed" in repr(shell.run("%enfyra close"))
        assert shell.session.connections.name is None
        shell.run("%enfyra use local")
        assert ("connection", "local") in shell.run("%enfyra status").rows
        shell.run("%enfyra connect local")
        assert server.token not in repr(shell.run("%enfyra connections"))

    def test_mistakes(self, shell, project):
        assert "Did you mean 'local'?" in shell.refused("%enfyra use locl")
        assert "There is no connection 'x'" in shell.refused("%enfyra close x")
        assert "There is no connection" in shell.refused("%enfyra close")
        assert "Did you mean 'local'?" in shell.refused("%enfyra tables --on locl")
        assert "followed by the name" in shell.refused("%enfyra tables --on")
        assert "which use is not" in shell.refused("%enfyra use local --on far")
        assert "Did you mean 'local'?" in shell.refused("%enfyra connect locl")
        assert "Did you mean 'http://a:80'?" in shell.refused("%enfyra connect a:80")
        assert "must be a name" in shell.refused("%enfyra connect http://x/ --as 1x")
        secret = "hunter2"
        said = shell.refused(f"%enfyra connect http://ann:{secret}@localhost:1105/ --as x")
        assert "ENFYRA_PASSWORD" in said
        for words in (
            f"http://ann:{secret}@localhost:1105/ --as x",
            f"postgresql://ann:{secret}@localhost/db",
            f"ann:{secret}@localhost:1105",
            f"http://ann:{secret}@localhost:port/",
            f"http://localhost:1105 --password={secret}",
            f"http://localhost:1105 --token {secret}",
        ):
            said = shell.refused(f"%enfyra connect {words}")
            assert secret not in said, words
            assert secret not in repr(shell.run("%enfyra last-error --traceback")), words
        for url in ("http://localhost:99999", "http://localhost:port", "http://localhost:0"):
            assert "INVALID_URL" in shell.refused(f"%enfyra connect {url}")

    def test_a_password_that_is_typed_is_nowhere(self, shell, server, monkeypatch):
        monkeypatch.setattr(connecting, "getpass", lambda _: ADMIN_PASSWORD)
        shown = repr(shell.run(f"%enfyra connect {server.api} --email {ADMIN_EMAIL} --as own"))
        assert ADMIN_EMAIL in shown
        client = shell.session.client
        assert isinstance(client.auth, Login)
        shown += repr(client) + repr(client.auth) + repr(shell.shell.user_ns)
        monkeypatch.setattr(connecting, "getpass", lambda _: "hunter2")
        shown += shell.refused(f"%enfyra connect {server.api} --email {ADMIN_EMAIL}")
        shown += repr(shell.run("%enfyra last-error --traceback"))
        assert "INVALID_CREDENTIALS" in shown
        assert ADMIN_PASSWORD not in shown
        assert "hunter2" not in shown

    def test_completion(self, shell, project):
        complete = shell.shell.magics_manager.registry["EnfyraMagics"].completer.complete
        shell.run("%enfyra connect")
        assert complete(["%enfyra use lo"]) == ("lo", ["local"])
        assert complete(["%enfyra connect fa"]) == ("fa", ["far"])
        assert complete(["%enfyra close de"]) == ("de", ["default"])
        assert complete(["%enfyra tables --on lo"]) == ("lo", ["local"])
        assert complete(["%enfyra tables --o"]) == ("--o", ["--on"])


class TestAddresses:
    def test_the_project_wins(self, tmp_path):
        own = tmp_path / ".enfyra" / "config.toml"
        own.parent.mkdir()
        own.write_text('[connections]\na = "http://own:1"\nb = "http://own:2/"\n')
        (tmp_path / "pyproject.toml").write_text(
            '[tool.enfyra.connections]\na = {url = "https://project", email = "x@y"}\n'
        )
        (tmp_path / "deep").mkdir()
        assert addresses(tmp_path / "deep", tmp_path) == {
            "a": Address("https://project", "x@y"),
            "b": Address("http://own:2"),
        }
        assert addresses(Path("/"), tmp_path / "deep") == {}

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('[connections]\na = "http://ann:hunter2@x"', "must hold no password"),
            ('[connections]\na = {url = "http://x", password = "hunter2"}', "has no 'password'"),
            ('[connections]\na = {email = "x@y"}', "must be an address, or have a url"),
            ("connections = 5", "must hold names and addresses"),
            ("[connections", "cannot be read as TOML"),
        ],
    )
    def test_mistakes(self, tmp_path, text, said):
        own = tmp_path / ".enfyra" / "config.toml"
        own.parent.mkdir()
        own.write_text(text)
        with pytest.raises(ApiError) as caught:
            addresses(tmp_path, tmp_path)
        assert said in str(caught.value)
        assert "hunter2" not in str(caught.value)


class TestErrors:
    def test_last_error(self, shell, client):
        assert "Nothing has gone wrong" in repr(shell.run("%enfyra last-error"))
        client.post("/table_definition", {
            "name": "post", "columns": [{"name": "title", "type": "varchar"}],
        })  # fmt: skip
        said = shell.refused("%%enfyra query post\nfilter:\n  titel: {_eq: x}\n")
        assert said.splitlines()[1:] == ["    titel: {_eq: x}", "    ^^^^^"]
        shown = repr(shell.run("%enfyra last-error"))
        for text in ["UNKNOWN_FIELD", "GET", "/post", "400", "req_", "details.field"]:
            assert text in shown
        assert "client.py" not in shown
        assert "client.py" in repr(shell.run("%enfyra last-error --traceback"))
        said = shell.refused("%enfyra query post --filtr {}")
        assert said.splitlines()[1:] == [
            "  %enfyra query post --filtr {}",
            "                     ^^^^^^^",
        ]
        assert "has no --filtr" in repr(shell.run("%enfyra last-error"))

    def test_a_result_tells_in_one_paragraph(self, shell, client, capsys):
        client.post("/table_definition", {
            "name": "post", "columns": [{"name": "title", "type": "varchar"}],
        })  # fmt: skip
        shell.run("found = %enfyra query post")
        shell["found"].query["filter"] = {"titel": 1}
        capsys.readouterr()
        shell._run("found.arrow()")
        shown = capsys.readouterr()
        assert "UNKNOWN_FIELD" in shown.out + shown.err
        assert "Traceback" not in shown.out + shown.err
        assert "UNKNOWN_FIELD" in repr(shell.run("%enfyra last-error"))
        shell._run("found.next()")
        shown = capsys.readouterr()
        assert (shown.out + shown.err).splitlines()[-1] == "This is the last page"
        assert "Traceback" not in shown.out + shown.err

    def test_places(self):
        sql = "\nSELECT title\nFROM WHERE x\n"
        assert pointed("no", "sql", sql, {"line": 2, "column": 10}).splitlines()[1:] == [
            "  FROM WHERE x",
            "       ^^^^^",
        ]
        assert pointed("no", "sql", sql, {"line": 9, "column": 10}) == "no"
        assert pointed("There is no 'x'.", "query y", None) == "There is no 'x'."
        # That is the table, and the field is in the data.
        said = "1 is no field of 'post'"
        assert pointed(said, "push df --table post", None) == said
        said = "--limit: must be a whole number, not 'many'. %enfyra help query tells more"
        assert pointed(said, "query post --limit many", None).splitlines()[1:] == [
            "  %enfyra query post --limit many",
            "                             ^^^^",
        ]
        long = f"query {'a' * 200} titel {'b' * 200}"
        shown = pointed("has no field 'titel'", long, None).splitlines()
        assert max(map(len, shown)) < 110
        caret = shown[2].index("^")
        assert shown[1][caret : caret + 5] == "titel"
