"""Fixtures that every test may use."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.records.source import SystemSource

from .api import Api
from .databases import (
    ENGINES,
    SQL_ENGINES,
    Databases,
    MongodbDatabases,
    MysqlDatabases,
    PostgresqlDatabases,
    SqliteDatabases,
    settings,
)
from .engines import left_out
from .preparing import at_once, imported
from .rendering import rendered_once
from .replication import Replication
from .services import SERVICES, Service, ServiceMissing
from .services.base import fast_folder

pytest_plugins = ["tests.loop_watch"]

_SERVICE_OF = {"postgresql": "postgresql", "mysql": "mariadb", "mongodb": "mongodb"}
_MAKERS = {
    "postgresql": PostgresqlDatabases, "mysql": MysqlDatabases, "mongodb": MongodbDatabases,
}  # fmt: skip
_started: dict[str, Service] = {}
# Nobody is to meet an example for the first time in a run that has to be good, nor one that took
# too long on a busy machine. `--hypothesis-profile search` tries others each time.
hypothesis.settings.load_profile("ci")
hypothesis.settings.register_profile("search", deadline=None, derandomize=False)
_STAND_INS = str(Path(__file__).parent / "stand_ins")


def _variable(name: str) -> str:
    return f"TEST_{name.upper()}_URL"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-engines", action="store_true", help="run every test of each database on all of them"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what says little."""
    gone = set[pytest.Item]() if config.getoption("--all-engines") else left_out(items)
    if gone:
        config.hook.pytest_deselected(items=list(gone))
        items[:] = [item for item in items if item not in gone]


def pytest_collection() -> None:
    """Leave the garbage where it is while modules and tests are loaded, which makes none."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays until the end, and have it work as in a server."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Prepare what all test processes need; with several of them, before they are there."""
    sys.path.insert(0, _STAND_INS)
    if hasattr(config, "workerinput"):
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [_STAND_INS, os.environ.get("PYTHONPATH")])
    )
    # Hundreds of processes would read the same source texts again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if getattr(config.option, "numprocesses", None):
        _start_all(everything=config.args_source is config.ArgsSource.TESTPATHS)


def _start_all(everything: bool) -> None:
    with imported(Path(__file__).parent) if everything else nullcontext():
        try:
            at_once(*(partial(_start, name) for name in SERVICES))
        except* ServiceMissing as group:
            if os.environ.get("CI"):
                raise pytest.UsageError("; ".join(map(str, group.exceptions))) from None
    os.environ.update({_variable(name): one.url for name, one in _started.items()})


def pytest_unconfigure() -> None:
    for service in _started.values():
        service.stop()
    _started.clear()


def _start(name: str) -> str:
    if name not in _started:
        _started[name] = SERVICES[name]().start()
    return _started[name].url


def service_url(name: str) -> str:
    """Give the address of a service, started if it does not run yet; skip if it cannot be had."""
    url = os.environ.get(_variable(name))
    if url is not None:
        return url
    try:
        return _start(name)
    except ServiceMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{name}: {error}")


class _ByName(dict[Any, Any]):
    """What is prepared for tables, by their names: those of the system are the same everywhere."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(self._named(*key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(self._named(*key), value)

    def _named(self, table: Any, field: Any) -> Any:
        return table.name, tuple(table.columns), tuple(table.relations), field


@pytest.fixture(scope="session", autouse=True)
def _system_statements() -> Iterator[None]:
    """Write the statements that load definitions once, instead of for each of 1,500 kernels."""
    made: dict[Any, _ByName] = {}
    original = SystemSource.__init__

    def share(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        engine = self._database.engine
        if engine in SQL_ENGINES:
            self._prepared = made.setdefault((engine, type(self._database)), _ByName())

    with pytest.MonkeyPatch.context() as patched, rendered_once():
        patched.setattr(SystemSource, "__init__", share)
        yield


@pytest.fixture(scope="session")
def redis_url() -> str:
    return service_url("redis")


@pytest.fixture(scope="session")
def mongodb_url() -> str:
    return service_url("mongodb")


@pytest.fixture(scope="session")
def _database_makers() -> Iterator[dict[str, Databases]]:
    folder = Path(tempfile.mkdtemp("-sqlite", dir=fast_folder()))
    makers: dict[str, Databases] = {"sqlite": SqliteDatabases(folder)}
    yield makers
    shutil.rmtree(folder)
    mongodb = makers.get("mongodb")
    if isinstance(mongodb, MongodbDatabases):
        mongodb.close()


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return request.param


@pytest.fixture
def databases(engine: str, _database_makers: dict[str, Databases]) -> Databases:
    """What makes databases of the engine at hand."""
    if engine not in _database_makers:
        _database_makers[engine] = _MAKERS[engine](service_url(_SERVICE_OF[engine]))
    return _database_makers[engine]


@pytest.fixture
def database_uri(databases: Databases) -> Iterator[str]:
    """A database that holds the system tables and an administrator."""
    uri = databases.fresh()
    yield uri
    databases.drop(uri)


@pytest.fixture
def empty_uri(databases: Databases) -> Iterator[str]:
    """A database that holds nothing."""
    uri = databases.empty()
    yield uri
    databases.drop(uri)


@pytest_asyncio.fixture
async def kernel(database_uri: str) -> AsyncIterator[Kernel]:
    """A started kernel on a fresh database of each engine."""
    async with Kernel(settings(database_uri)) as kernel:
        yield kernel


@pytest_asyncio.fixture
async def api(kernel: Kernel) -> Api:
    """The administrator's client of `kernel`."""
    return await Api(kernel).login()


@pytest.fixture
def sqlite_uri(_database_makers: dict[str, Databases]) -> Iterator[str]:
    """A database as `database_uri`, on SQLite only."""
    maker = _database_makers["sqlite"]
    uri = maker.fresh()
    yield uri
    maker.drop(uri)


@pytest_asyncio.fixture
async def sqlite_kernel(sqlite_uri: str) -> AsyncIterator[Kernel]:
    """A started kernel on SQLite, for what does not depend on the engine."""
    async with Kernel(settings(sqlite_uri)) as kernel:
        yield kernel


@pytest_asyncio.fixture
async def sqlite_api(sqlite_kernel: Kernel) -> Api:
    """The administrator's client of `sqlite_kernel`."""
    return await Api(sqlite_kernel).login()


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def _replication() -> Iterator[Replication]:
    try:
        servers = Replication()
    except ServiceMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"postgresql: {error}")
    yield servers
    servers.stop()


@pytest.fixture
def replication(_replication: Replication) -> Iterator[Replication]:
    """A PostgreSQL primary with two replicas, which the test may stop and hold up."""
    yield _replication
    for replica in _replication.replicas:
        replica.heal()
    asyncio.run(_replication.resume())


@pytest.fixture
def replicated_uri(replication: Replication) -> Iterator[str]:
    """A database as `database_uri`, on the primary of `replication`."""
    uri = replication.databases.fresh()
    yield uri
    replication.databases.drop(uri)
