"""The databases that are measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.services import MariaDB, MongoDB, PostgreSQL, Service


class Engine(NamedTuple):
    """A kind of database.

    Attributes:
        title: What the table calls it.
        service: Starts a private one; None for a file.
    """

    title: str
    service: type[Service] | None = None


ENGINES = {
    "sqlite": Engine("SQLite"),
    "postgresql": Engine("PostgreSQL", PostgreSQL),
    "mysql": Engine("MariaDB", MariaDB),
    "mongodb": Engine("MongoDB", MongoDB),
}


@contextmanager
def private(name: str) -> Iterator[str]:
    """Give the address of an empty database that is nobody else's, and throw it away."""
    service = ENGINES[name].service
    if service is None:
        with TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'bench.db'}"
        return
    running = service()
    try:
        running.start()
        # A MongoDB's address names no database.
        yield running.url.replace("/?", "/bench?")
    finally:
        running.stop()


@contextmanager
def database(asked: str) -> Iterator[tuple[str, str]]:
    """Give engine and address of `engine=address`, or of a private one for an engine alone."""
    name, _, uri = asked.partition("=")
    if uri:
        yield name, uri
        return
    with private(name) as address:
        yield name, address
