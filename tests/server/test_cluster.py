"""A cluster of real processes, while Redis and the processes themselves come and go."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import redis

from tests.conftest import service_url
from tests.databases import Databases
from tests.processes import Process
from tests.services.base import free_port
from tests.services.redis import Redis

PATIENCE = 60.0
# So many requests on new connections meet both of two workers.
ENOUGH = 12
Record = Callable[[str, object], None]


class Cluster:
    """Two workers on one port and a third instance on another one, with a Redis of their own."""

    def __init__(self, workers: Process, third: Process, redis: Redis, folder: Path) -> None:
        self.workers = workers
        self.third = third
        self.redis = redis
        self.folder = folder
        self.there = third.login()
        self.token = self.there.headers["Authorization"]

    def define(self, name: str) -> dict[str, Any]:
        """Define a table on the third instance."""
        body = {"name": name, "columns": [{"name": "title", "type": "varchar"}]}
        answer = self.there.post("/table_definition", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"][0]

    def fresh(self) -> httpx.Client:
        """Give a client of the workers, whose next request any of them may answer."""
        return httpx.Client(
            base_url=self.workers.url, headers={"Authorization": self.token}, timeout=30
        )

    def until_all_serve(self, path: str) -> float:
        """Wait until both workers answer a path; give the seconds that it took."""
        begin = time.monotonic()
        in_a_row = 0
        while in_a_row < ENOUGH:
            assert time.monotonic() - begin < PATIENCE, f"not everybody serves {path}"
            with self.fresh() as client:
                in_a_row = in_a_row + 1 if client.get(path).status_code == 200 else 0
        return time.monotonic() - begin


@pytest.fixture(scope="module")
def cluster(
    _database_makers: dict[str, Databases],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    service_url("redis")
    maker, folder = _database_makers["sqlite"], tmp_path_factory.mktemp("cluster")
    uri, own = maker.fresh(), Redis()
    own.start()
    shared = {"REDIS_URI": own.url, "NODE_NAME": uuid.uuid4().hex}
    workers = Process(uri, folder, "--workers", "2", settings=shared, port=free_port())
    third = Process(uri, folder, settings=shared)
    try:
        workers.wait_until_it_listens(2)
        third.wait_until_it_listens()
        yield Cluster(workers, third, own, folder)
    finally:
        third.__exit__()
        workers.end()
        workers.__exit__()
        own.stop()
        maker.drop(uri)


class Load:
    """Asks all the time, on connections that are kept and on new ones; notes what fails."""

    def __init__(self, cluster: Cluster, path: str) -> None:
        self._cluster, self._path = cluster, path
        self._over = threading.Event()
        self.answered = 0
        self.failed: list[str] = []
        self._threads = [
            threading.Thread(target=self._ask, args=(kept,)) for kept in (True, True, False)
        ]

    def _ask(self, kept: bool) -> None:
        client = self._cluster.fresh()
        while not self._over.is_set():
            try:
                answer = client.get(self._path)
            except httpx.HTTPError as error:
                self.failed.append(repr(error))
            else:
                self.answered += 1
                if answer.status_code != 200:
                    self.failed.append(answer.text)
            if not kept:
                client.close()
                client = self._cluster.fresh()
            time.sleep(0.02)
        client.close()

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def test_what_one_defines_all_serve(cluster: Cluster, record_property: Record) -> None:
    cluster.define("post")
    record_property("seconds", cluster.until_all_serve("/post"))


def test_workers_are_replaced_without_a_request_that_fails(cluster: Cluster) -> None:
    cluster.define("rolling")
    cluster.until_all_serve("/rolling")
    supervisor = psutil.Process(cluster.workers.process.pid)
    before = {one.pid for one in supervisor.children()}
    with Load(cluster, "/rolling") as load:
        cluster.workers.process.send_signal(signal.SIGHUP)
        cluster.workers.wait_for(
            lambda: any(line["event"] == "workers replaced" for line in cluster.workers.log)
        )
        cluster.workers.wait_for(lambda: len(supervisor.children()) == 2)
    after = {one.pid for one in supervisor.children()}
    assert len(after) == 2
    assert not after & before
    assert load.failed == []
    assert load.answered > 20
    cluster.define("rolled")
    cluster.until_all_serve("/rolled")

    # With settings that are no good, those that run go on.
    wrong = cluster.folder / ".env"
    wrong.write_text("ENFYRA_LOG_LEVEL=loud\n")
    cluster.workers.process.send_signal(signal.SIGHUP)
    cluster.workers.wait_for(lambda: "workers not replaced" in cluster.workers.errors)
    wrong.unlink()
    assert {one.pid for one in supervisor.children()} == after
    cluster.until_all_serve("/rolled")


@contextmanager
def stopped(cluster: Cluster) -> Iterator[None]:
    cluster.redis.kill()
    yield
    cluster.redis.launch()


@contextmanager
def paused(cluster: Cluster) -> Iterator[None]:
    os.kill(cluster.redis.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(cluster.redis.pid, signal.SIGCONT)


@contextmanager
def flushed(cluster: Cluster) -> Iterator[None]:
    client = redis.Redis.from_url(cluster.redis.url)
    client.flushall()
    client.close()
    yield


@pytest.mark.parametrize("away", [stopped, paused, flushed])
def test_whatever_redis_does_requests_are_served_and_the_state_is_right(
    cluster: Cluster, away: Callable[[Cluster], Any], record_property: Record
) -> None:
    name = away.__name__
    cluster.define(f"before_{name}")
    cluster.until_all_serve(f"/before_{name}")
    with Load(cluster, f"/before_{name}") as load:
        with away(cluster):
            cluster.define(f"while_{name}")
            record_property("seconds while it is away", cluster.until_all_serve(f"/while_{name}"))
        cluster.define(f"after_{name}")
        record_property("seconds afterwards", cluster.until_all_serve(f"/after_{name}"))
    assert load.failed == []
    begin = time.monotonic()
    while any(one.get("/ready").status_code != 200 for one in (cluster.there, cluster.fresh())):
        assert time.monotonic() - begin < PATIENCE
        time.sleep(0.05)
    record_property("seconds until ready", time.monotonic() - begin)
