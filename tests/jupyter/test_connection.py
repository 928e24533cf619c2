"""Finding the server, and logging in."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from enfyra_jupyter.client import ApiError
from enfyra_jupyter.connection import checked, connect, own_server, running_servers
from enfyra_jupyter.credentials import Login
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD

pytestmark = pytest.mark.usefixtures("enfyra_environment")


def test_finds_the_server_that_started_the_kernel(server):
    found = own_server()
    assert found is not None
    assert (found.pid, found.url) == (server.pid, server.url)
    assert server.token not in repr(found)


def test_only_one_that_runs_is_meant(server, enfyra_environment):
    enfyra_environment.delenv("JPY_PARENT_PID")
    found = own_server()
    assert found is not None
    assert found.pid == server.pid


def test_of_several_none_is_meant(server, enfyra_environment, tmp_path):
    enfyra_environment.delenv("JPY_PARENT_PID")
    enfyra_environment.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    original = json.loads((server.runtime_dir / f"jpserver-{server.pid}.json").read_text())
    (tmp_path / "jpserver-1.json").write_text(json.dumps(original))
    (tmp_path / "jpserver-2.json").write_text(json.dumps({**original, "pid": os.getpid()}))
    (tmp_path / "jpserver-3.json").write_text("{half a fi")
    assert len(list(running_servers())) == 2
    assert own_server() is None


def test_one_that_has_ended_is_passed_over(enfyra_environment, tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    enfyra_environment.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    info = {"url": "http://localhost:1/", "pid": ended.pid, "base_url": "/", "token": "x"}
    (tmp_path / f"jpserver-{ended.pid}.json").write_text(json.dumps(info))
    assert list(running_servers()) == []
    with pytest.raises(ApiError) as caught:
        connect()
    assert caught.value.code == "NO_SERVER"


def test_connects_as_the_owner(server):
    with connect() as client:
        assert client.url == server.api
        assert client.links == "/user/ann/enfyra"
        assert client.get("/me")["data"][0]["isRootAdmin"] is True
        assert server.token not in repr(client) + repr(client.auth)


@pytest.mark.parametrize("end", ["enfyra", "enfyra/", "", "lab-is-not-it"])
def test_knows_a_jupyter_server_by_its_address(server, end):
    if end.startswith("lab"):
        with pytest.raises(ApiError) as caught:
            connect(server.url + end)
        assert caught.value.code == "NOT_ENFYRA"
        assert "enfyra-kernel[jupyter]" in str(caught.value)
        return
    with connect((server.url + end).replace("localhost", "127.0.0.1")) as client:
        assert client.get("/me")["data"]


def test_logs_in_with_a_password_of_the_environment(server, enfyra_environment):
    enfyra_environment.setenv("ENFYRA_PASSWORD", ADMIN_PASSWORD)
    with connect(email=ADMIN_EMAIL) as client:
        assert isinstance(client.auth, Login)
        assert client.get("/me")["data"][0]["email"] == ADMIN_EMAIL
        assert ADMIN_PASSWORD not in repr(vars(client.auth))


def test_a_wrong_password_is_the_servers_to_refuse(server):
    with pytest.raises(ApiError) as caught:
        connect(email=ADMIN_EMAIL, password="wrong")
    assert caught.value.code == "INVALID_CREDENTIALS"
    with pytest.raises(ApiError, match="There is no password"):
        connect(email=ADMIN_EMAIL)


def test_a_login_is_prolonged_before_it_ends(server):
    with connect(email=ADMIN_EMAIL, password=ADMIN_PASSWORD) as client:
        auth = client.auth
        before = auth._expires
        auth._expires = 0.0
        assert client.get("/me")["data"]
        assert auth._expires >= before


def test_the_environment_names_a_server_and_a_token(server, enfyra_environment):
    with connect(email=ADMIN_EMAIL, password=ADMIN_PASSWORD) as client:
        token = client.auth._access
    # Another name of the same server, by which no running Jupyter Server is known.
    enfyra_environment.setenv("JUPYTER_RUNTIME_DIR", "/nonexistent")
    enfyra_environment.setenv("ENFYRA_URL", server.api)
    with connect() as client:
        assert client.auth is None
        with pytest.raises(ApiError) as caught:
            client.get("/me")
        assert (caught.value.status, caught.value.code) == (401, "AUTHENTICATION_ERROR")
    enfyra_environment.setenv("ENFYRA_TOKEN", token)
    with connect() as client:
        assert client.get("/me")["data"][0]["email"] == ADMIN_EMAIL
    # The token is for that server and no other.
    with connect(server.api.replace("localhost", "127.0.0.1")) as client:
        assert client.auth is None


@pytest.mark.parametrize(
    "url",
    ["http://ann:secret@host/", "http://host/?token=secret", "http://host/#secret", "ftp://secret"],
)
def test_an_address_with_a_secret_is_refused_without_repeating_it(url):
    with pytest.raises(ApiError) as caught:
        checked(url)
    assert caught.value.code == "INVALID_URL"
    assert "secret" not in str(caught.value)
