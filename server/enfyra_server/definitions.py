"""`enfyra export`, `diff` and `apply`: definitions between a server, or a database, and files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from enfyra_kernel.definitions.files.reading import Folder, read_folder
from enfyra_kernel.definitions.files.writing import Written, write_folder
from enfyra_kernel.definitions.secrets import with_environment
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.settings import Settings

from .remote import URL, Remote

PATH = "/admin/definitions"
Json = dict[str, Any]
Told = Callable[[int, int, str], None]


class Holder(Protocol):
    """Whoever has the definitions."""

    async def export(self, tables: Sequence[str] | None) -> Json:
        """Give the document."""
        ...

    async def diff(self, document: Json, tables: Sequence[str] | None, *, prune: bool) -> Json:
        """Compare a document with what is."""
        ...

    async def apply(
        self, document: Json, tables: Sequence[str] | None, *, prune: bool, confirm: str | None
    ) -> Json:
        """Make the definitions those of a document."""
        ...


class _Server:
    """A server, over its API."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def export(self, tables: Sequence[str] | None) -> Json:
        params = None if tables is None else {"tables": ",".join(tables)}
        return await self._remote.send("GET", PATH, params=params)

    async def diff(self, document: Json, tables: Sequence[str] | None, *, prune: bool) -> Json:
        body: Json = {"document": document, "tables": tables, "prune": prune}
        return await self._remote.send("POST", f"{PATH}/diff", body)

    async def apply(
        self, document: Json, tables: Sequence[str] | None, *, prune: bool, confirm: str | None
    ) -> Json:
        body: Json = {"document": document, "tables": tables, "prune": prune, "confirm": confirm}
        return await self._remote.send("POST", f"{PATH}/apply", body)


class _Local:
    """A database, by a kernel that only this command has."""

    def __init__(self, kernel: Kernel, told: Told | None) -> None:
        self._documents = kernel.documents
        self._told = told

    async def export(self, tables: Sequence[str] | None) -> Json:
        return await self._documents.export(tables)

    async def diff(self, document: Json, tables: Sequence[str] | None, *, prune: bool) -> Json:
        return await self._documents.diff(document, tables, prune=prune)

    async def apply(
        self, document: Json, tables: Sequence[str] | None, *, prune: bool, confirm: str | None
    ) -> Json:
        return await self._documents.apply(
            document, tables, prune=prune, confirm=confirm, told=self._told
        )


@dataclass(frozen=True, slots=True)
class Where:
    """Whose definitions are meant.

    Attributes:
        url: A server.
        settings: A database; None for that of the environment, unless it names a server.
        told: Told of what is done in a database.
    """

    url: str | None = None
    settings: Settings | None = None
    told: Told | None = None

    @asynccontextmanager
    async def holder(self) -> AsyncGenerator[Holder, None]:
        """Give whoever has the definitions.

        Raises:
            EnfyraError: CONFIGURATION_ERROR for a database file that is not there.
        """
        address = self.url or (os.environ.get(URL) if self.settings is None else None)
        if address is not None:
            async with Remote(address) as remote:
                yield _Server(remote)
            return
        settings = self.settings or Settings.load()
        uri = settings.db_uri
        if uri.engine == "sqlite" and not uri.path.is_file():
            raise EnfyraError(
                "CONFIGURATION_ERROR",
                f"There is no database {uri.path}",
                hint="--server names a server that runs, --db a database",
            )
        # Runs of flows are for servers.
        async with Kernel(settings.model_copy(update={"flow_workers": 0})) as kernel:
            yield _Local(kernel, self.told)


async def export(where: Where, folder: Path, tables: Sequence[str]) -> Written:
    """Write what is defined into a folder."""
    wanted = tuple(tables) or None
    async with where.holder() as one:
        document = await one.export(wanted)
        return await asyncio.to_thread(write_folder, document, folder, tables=wanted)


@dataclass(frozen=True, slots=True)
class Read:
    """A folder, ready to be compared or applied."""

    folder: Folder
    document: Json
    tables: tuple[str, ...] | None


def read(folder: Path, tables: Sequence[str]) -> Read:
    """Read a folder, with the secrets that the environment knows.

    Raises:
        FilesError: With all that is wrong.
    """
    found = read_folder(folder)
    document = with_environment(found.document, os.environ)
    return Read(found, document, tuple(tables) or found.tables)


async def diff(where: Where, given: Read, *, prune: bool) -> Json:
    """Compare a folder with what is defined."""
    async with where.holder() as one:
        return await one.diff(given.document, given.tables, prune=prune)


async def apply(where: Where, given: Read, *, prune: bool, losing: bool) -> Json:
    """Make the definitions those of a folder.

    Args:
        losing: Whether data may get lost.
    """
    async with where.holder() as one:
        confirm = None
        if losing:
            report = await one.diff(given.document, given.tables, prune=prune)
            confirm = report["requiredConfirmHash"]
        return await one.apply(given.document, given.tables, prune=prune, confirm=confirm)
