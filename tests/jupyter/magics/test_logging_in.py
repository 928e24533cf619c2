"""Logins that are kept, and API tokens: secrets stand in no cell, no output and no history."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from enfyra_jupyter.client import ApiError, Client
from enfyra_jupyter.connection import connect
from enfyra_jupyter.credentials import Token
from enfyra_jupyter.keeping import FILE, Keeper, Kept
from enfyra_jupyter.magics import logging_in
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD

PREFIX = "efy_pat_"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "jupyter"
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def person(shell: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shell in which passwords are typed; all that it shows holds no secret."""
    monkeypatch.setattr(logging_in, "getpass", lambda _: ADMIN_PASSWORD)
    yield shell
    shown = repr(shell.shell.user_ns.get("Out")) + repr(shell.shell.user_ns.get("In"))
    # A list names the first and the last letters, by which people know a token.
    assert re.search(PREFIX + r"[\w-]{5,}", shown) is None


@pytest.fixture(autouse=True)
def _no_tokens_stay(client: Client) -> Any:
    yield
    for row in client.get("/me/tokens")["data"]:
        client.send("DELETE", f"/me/tokens/{row['id']}")


def test_a_login_stays_on_the_machine(person, folder, client, server):
    shown = person.run(f"%enfyra login --email {ADMIN_EMAIL}")
    assert repr(shown).startswith(f"You are {ADMIN_EMAIL} at ")
    assert PREFIX not in repr(shown) + shown._repr_html_()
    file = folder / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = Keeper().get(server.api)
    assert kept is not None
    assert PREFIX not in repr(kept)
    with Client(server.api, Token(kept.token)) as program:
        assert program.get("/me")["data"][0]["email"] == ADMIN_EMAIL
    assert [row["name"][:9] for row in client.get("/me/tokens")["data"]] == ["Notebooks"]
    # Once more: the first token is worth nothing any more.
    person.run("%enfyra login")
    with Client(server.api, Token(kept.token)) as program, pytest.raises(ApiError) as caught:
        program.get("/me")
    assert caught.value.status == 401
    assert len(client.get("/me/tokens")["data"]) == 1
    assert "is logged out" in repr(person.run("%enfyra login --forget"))
    assert client.get("/me/tokens")["data"] == []
    assert not file.exists()
    assert "No login is kept" in repr(person.run("%enfyra login --forget"))


def test_other_kernels_find_it(person, folder, server, monkeypatch):
    Keeper().put("http://127.0.0.1:1", Kept("x@example.com", "nothing", "1"))
    person.run(f"%enfyra login --email {ADMIN_EMAIL}")
    # Of a Jupyter Server its owner is let in; elsewhere the login is looked for.
    monkeypatch.setattr("enfyra_jupyter.connection._at", lambda _: None)
    with connect(server.api) as found:
        assert found.get("/me", fields="email")["data"][0]["email"] == ADMIN_EMAIL
    kept = Keeper().get(server.api)
    assert kept is not None
    Keeper().put(server.api, kept._replace(token=PREFIX + "x" * 43))
    with pytest.raises(ApiError) as caught:
        connect(server.api)
    assert caught.value.hint == (
        f"The login of {ADMIN_EMAIL} has ended; %enfyra login begins another"
    )


def test_tokens_for_programs(person, client, server, tmp_path):
    shown = person.run("%enfyra token create backup --scopes 'GET /me' --to backup.txt")
    assert "The token 'backup' is in backup.txt" in repr(shown)
    file = tmp_path / "backup.txt"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Client(server.api, Token(file.read_text().strip())) as program:
        assert program.get("/me")["data"]
        with pytest.raises(ApiError):
            program.get("/metadata")
    listed = repr(person.run("%enfyra token list"))
    assert "GET /me" in listed
    assert file.read_text().strip() not in listed
    assert "is there already" in person.refused("%enfyra token create backup --to backup.txt")
    # After a login, which is a token itself, a password is needed.
    person.run(f"%enfyra login --email {ADMIN_EMAIL}")
    person.run("%enfyra token create nightly --expires never")
    assert (tmp_path / "nightly.token").exists()
    person.run("%enfyra token revoke nightly")
    assert "nightly" not in repr(person.run("%enfyra token"))


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%enfyra token crate x", "Did you mean 'create'?"),
        ("%enfyra token create", "Name the token"),
        ("%enfyra token revoke nothing", "You have no token 'nothing'"),
        ("%enfyra token create x --to nowhere/at/../all/", "cannot be written"),
        ("%enfyra token create x --scopes nonsense", "scopes"),
        ("%enfyra token create x --expires yesterday", "expiresAt must be an instant"),
        ("%enfyra login http://user:pw@localhost:1", "must hold no password"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(person, client, tmp_path, cell, said):
    (tmp_path / "nowhere").write_text("a file where a folder should be")
    assert said in person.refused(cell)
    assert client.get("/me/tokens")["data"] == []
    assert not list(tmp_path.glob("*.token"))


def test_a_wrong_password_is_told(person, monkeypatch):
    monkeypatch.setattr(logging_in, "getpass", lambda _: "wrong")
    said = person.refused(f"%enfyra login --email {ADMIN_EMAIL}")
    assert said.startswith("INVALID_CREDENTIALS")
    assert "wrong" not in said


# -- where it is kept -----------------------------------------------------------------------------

KEPT = Kept("ann@example.com", "a secret", "7")


def test_a_file_that_others_can_read_is_refused(folder):
    keeper = Keeper()
    keeper.put("http://here", KEPT)
    (folder / FILE).chmod(0o644)
    with pytest.raises(ApiError, match="Others can read") as caught:
        keeper.get("http://here")
    assert "chmod 600" in str(caught.value)


def test_a_broken_file_is_told(folder):
    folder.mkdir()
    descriptor = os.open(folder / FILE, os.O_CREAT | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("{")
    with pytest.raises(ApiError, match="cannot be read"):
        Keeper().get("http://here")


def test_the_keyring_is_used_where_there_is_one(folder, monkeypatch):
    kept: dict[tuple[str, str], str] = {}
    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})
    keyring.errors = errors
    keyring.get_keyring = lambda: object()
    keyring.set_password = lambda service, url, text: kept.update({(service, url): text})
    keyring.get_password = lambda service, url: kept.get((service, url))
    keyring.delete_password = lambda service, url: kept.pop((service, url))
    fail = ModuleType("keyring.backends.fail")
    fail.Keyring = type("Keyring", (), {})
    for name, module in (
        ("keyring", keyring), ("keyring.errors", errors),
        ("keyring.backends", ModuleType("keyring.backends")), ("keyring.backends.fail", fail),
    ):  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)
    keeper = Keeper()
    assert keeper.put("http://here", KEPT) == "the system's keyring"
    assert json.loads(kept["enfyra", "http://here"])["token"] == "a secret"
    assert not (folder / FILE).exists()
    assert keeper.get("http://here") == KEPT
    assert keeper.drop("http://here")
    assert not kept

    def locked(*_: Any) -> None:
        raise errors.KeyringError

    keyring.set_password = keyring.get_password = keyring.delete_password = locked
    assert keeper.put("http://here", KEPT) == str(folder / FILE)
    assert keeper.get("http://here") == KEPT
    keyring.get_keyring = fail.Keyring
    assert keeper.get("http://here") == KEPT
