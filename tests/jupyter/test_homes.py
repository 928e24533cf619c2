"""Where the API below a Jupyter Server's mount point comes from: elsewhere, or nowhere as yet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest

from enfyra_jupyter.client import ApiError, Client
from enfyra_jupyter.connection import log_in
from enfyra_jupyter.credentials import Token
from enfyra_jupyter.frames import ResultFrame
from enfyra_jupyter.push import push
from enfyra_jupyter.schema import Schema
from enfyra_jupyter.sources import Source
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD

from .conftest import Server, start_server, stop_server

PATIENCE = 60.0


def owner(server: Server) -> Client:
    return Client(server.api, Token(server.token, "token"))


@pytest.fixture(scope="module")
def attached(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Jupyter Server that is attached to another one's API."""
    with Client(server.api, log_in(server.api, ADMIN_EMAIL, ADMIN_PASSWORD)) as client:
        token = client.auth._access
    root = tmp_path_factory.mktemp("attached")
    second, process = start_server(root, ENFYRA_URL=server.api, ENFYRA_TOKEN=token)
    yield second
    stop_server(process)


class TestAttached:
    @pytest.mark.usefixtures("enfyra_environment")
    def test_all_of_it_goes_through(self, attached, client):
        with owner(attached) as here:
            here.post("/table_definition", {"name": "item", "columns": [
                {"name": "n", "type": "int"}]})  # fmt: skip
            schema = Schema.of(here.get("/metadata")["data"])
            frame = Source(pd.DataFrame({"n": range(50_000)}))
            assert push(here, frame, schema.tables["item"], schema, progress=False).rows == 50_000
            assert ResultFrame(here, "/item", {"fields": "n"}).arrow().num_rows == 50_000
        # It is the central server's.
        assert client.get("/item", limit=1, meta="totalCount")["meta"]["totalCount"] == 50_000
        assert not (attached.root / "enfyra.db").exists()

    def test_errors_are_the_central_servers(self, attached):
        with owner(attached) as here, pytest.raises(ApiError) as caught:
            here.get("/nothing")
        assert (caught.value.code, caught.value.status) == ("ROUTE_NOT_FOUND", 404)
        assert caught.value.correlation_id

    def test_strangers_have_no_rights(self, attached):
        with Client(attached.api) as nobody, pytest.raises(ApiError) as caught:
            nobody.get("/table_definition")
        assert caught.value.status == 401

    def test_documentation_is_of_this_place(self, attached):
        with owner(attached) as here:
            assert here.get("/openapi.json")["servers"] == [{"url": "/user/ann/enfyra"}]


def test_a_central_server_that_is_away_is_told(tmp_path):
    server, process = start_server(
        tmp_path / "a", answers=False, ENFYRA_URL="http://127.0.0.1:9", ENFYRA_TOKEN="x" * 40
    )
    try:
        with owner(server) as here, pytest.raises(ApiError) as caught:
            # For a moment it has not begun to attach.
            wait_for_answer(here, "SERVICE_UNAVAILABLE")
        assert (caught.value.code, caught.value.status) == ("UPSTREAM_ERROR", 502)
        assert "http://127.0.0.1:9" in str(caught.value)
    finally:
        stop_server(process)


def test_without_its_database_jupyter_runs_and_enfyra_follows(tmp_path):
    folder = tmp_path / "later"
    # A file stands where the database's folder is going to be.
    folder.write_text("")
    server, process = start_server(
        tmp_path / "a", answers=False, DB_URI=f"sqlite:///{folder / 'enfyra.db'}"
    )
    try:
        with owner(server) as here:
            with pytest.raises(ApiError) as caught:
                wait_for_answer(here)
            assert (caught.value.code, caught.value.status) == ("SERVICE_UNAVAILABLE", 503)
            assert "Enfyra has not started" in str(caught.value)
            assert here.get("/health") == {"status": "ok"}
            assert jupyter_status(server) == 200
            with Client(server.api) as nobody, pytest.raises(ApiError) as refused:
                nobody.get("/me")
            # Strangers get to know nothing of the machine.
            assert str(folder) not in str(refused.value)
            folder.unlink()
            folder.mkdir()
            assert recovers(here)
    finally:
        stop_server(process)


def wait_for_answer(client: Client, *passing: str) -> None:
    """Wait until Jupyter itself listens; then give what Enfyra says."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            client.get("/me")
        except ApiError as error:
            if error.code not in {"SERVER_UNREACHABLE", *passing} or time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def recovers(client: Client) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            return bool(client.get("/me")["data"])
        except ApiError:
            time.sleep(0.2)
    return False


def jupyter_status(server: Server) -> int:
    headers = {"Authorization": f"token {server.token}"}
    return httpx.get(f"{server.url}api/status", headers=headers).status_code


def test_the_extension_enables_itself(project: Path):
    config = project / "jupyter_ext" / "enfyra.json"
    assert '"enfyra_jupyter": true' in config.read_text()
