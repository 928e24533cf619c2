"""A server that is told to stop finishes what has begun, then goes."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import service_url
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD, Databases
from tests.processes import Process

Serve = Callable[..., Process]
CREDENTIALS = json.dumps({"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}).encode()
HEAD = (
    f"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: {len(CREDENTIALS)}\r\n\r\n".encode()
)


@pytest.fixture
def serve(sqlite_uri: str, tmp_path: Path) -> Iterator[Serve]:
    """Start a server on SQLite; it is stopped at the end."""
    started: list[Process] = []

    def start(*options: str, uri: str = sqlite_uri, **more: Any) -> Process:
        process = Process(uri, tmp_path, *options, **more)
        started.append(process)
        process.wait_until_it_listens()
        return process

    yield start
    for process in started:
        process.__exit__()


def connect(process: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", process.port), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes."""
    received = b""
    while piece := connection.recv(1 << 16):
        received += piece
    return received


def events(process: Process) -> list[str]:
    return [line["event"] for line in process.log]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_with_0(serve: Serve, number: signal.Signals) -> None:
    process = serve()
    with closing(process.client()) as client:
        assert client.get("/health").status_code == 200
        # A connection that is kept alive does not keep the server alive.
        assert process.end(number) == 0
    assert events(process)[-1] == "stopping"
    with pytest.raises(OSError):
        connect(process)


def test_a_request_that_has_begun_to_come_in_is_answered(serve: Serve) -> None:
    process = serve("--loop", "asyncio")
    with closing(connect(process)) as connection:
        connection.sendall(HEAD + CREDENTIALS[:10])
        # The server has seen it: another request that came later has been answered.
        with closing(process.client()) as client:
            client.get("/health")
        process.process.send_signal(signal.SIGTERM)
        process.wait_for(lambda: "stopping" in events(process))
        with pytest.raises(OSError):
            connect(process)
        connection.sendall(CREDENTIALS[10:])
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close\r\n" in answer
    assert b'"accessToken"' in answer
    assert process.process.wait(20) == 0
    assert "requests were cut off" not in events(process)


def test_an_answer_that_goes_out_slowly_goes_out_whole(serve: Serve) -> None:
    process = serve()
    with closing(process.login()) as client:
        columns = [{"name": "text", "type": "text"}]
        client.post("/table_definition", json={"name": "item", "columns": columns})
        client.post("/item?fields=id", json=[{"text": "x" * 100_000}] * 200)
        token = client.headers["Authorization"]
    with closing(connect(process)) as connection:
        request = f"GET /item?limit=0 HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n"
        connection.sendall(request.encode())
        received = connection.recv(1000)
        process.process.send_signal(signal.SIGTERM)
        process.wait_for(lambda: "stopping" in events(process))
        received += read_all(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
    assert len(body) == int(length.split()[1]) > 20_000_000
    assert process.process.wait(20) == 0


def test_a_second_signal_does_not_wait(serve: Serve) -> None:
    process = serve()
    with closing(connect(process)) as connection:
        connection.sendall(HEAD + CREDENTIALS[:10])
        with closing(process.client()) as client:
            client.get("/health")
        process.process.send_signal(signal.SIGINT)
        process.wait_for(lambda: "stopping" in events(process))
        assert process.end(signal.SIGINT) == 0
    assert events(process)[-1] == "requests were cut off"


def test_a_signal_during_the_start_ends_it(sqlite_uri: str, tmp_path: Path) -> None:
    with Process(sqlite_uri, tmp_path) as process:
        pass
    early = Process(sqlite_uri, tmp_path)
    try:
        assert early.end() in {0, -signal.SIGTERM}
        assert "Traceback" not in early.errors
    finally:
        early.__exit__()
    assert process.process.returncode is not None


@pytest.mark.may_block
def test_connections_to_the_database_are_closed(
    serve: Serve,
    _database_makers: dict[str, Databases],  # noqa: PT019
) -> None:
    import asyncio

    from tests.databases import PostgresqlDatabases

    url = service_url("postgresql")
    maker = _database_makers.setdefault("postgresql", PostgresqlDatabases(url))
    uri = maker.fresh()

    async def connections() -> int:
        connection = await asyncpg.connect(url)
        name = uri.rpartition("/")[2]
        counted = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name
        )
        await connection.close()
        return counted

    process = serve(uri=uri)
    with closing(process.login()) as client:
        assert client.get("/me").status_code == 200
    assert asyncio.run(connections()) > 0
    assert process.end() == 0
    assert asyncio.run(connections()) == 0
    maker.drop(uri)


# -- several processes on one port ---------------------------------------------------------------


def test_workers_share_a_port_replace_one_that_dies_and_stop_together(
    sqlite_uri: str, tmp_path: Path, redis_url: str
) -> None:
    import psutil

    from tests.services.base import free_port

    process = Process(
        sqlite_uri,
        tmp_path,
        "--workers",
        "2",
        settings={"REDIS_URI": redis_url, "NODE_NAME": "workers"},
        port=free_port(),
    )
    try:
        process.wait_until_it_listens(2)
        with closing(process.client()) as client:
            assert client.get("/ready").json()["services"] == {"database": "ok", "redis": "ok"}
        children = psutil.Process(process.process.pid).children()
        assert len(children) == 2
        children[0].kill()
        process.wait_until_it_listens(3)
        died = next(line for line in process.log if line["event"] == "worker died")
        assert died["exitCode"] == -signal.SIGKILL
        children = psutil.Process(process.process.pid).children()
        assert process.end() == 0
        assert not any(child.is_running() for child in children)
        with pytest.raises(httpx.ConnectError), closing(process.client()) as client:
            client.get("/health")
    finally:
        process.__exit__()
