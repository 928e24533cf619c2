"""Packages for scripts: what rows of `package_definition` ask for, installed beside the server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from ...background import end
from ...errors import EnfyraError
from ...logs import get_logger
from ...query.ast import Compare, Every, Operator, Query, Shape
from ...query.plan import INTERNAL
from ...records.records import Records
from .allowed import PackageAllowList, Wanted
from .environment import EMPTY, Environments, Manifest, Refused
from .pip import Pip, PipFailed
from .progress import Say, told

_log = get_logger("packages")

TABLE = "package_definition"
INSTALLING, UPDATING, INSTALLED, FAILED = "installing", "updating", "installed", "failed"
DEFAULT_TIMEOUT = 60
# Seconds between looks whether another process of this machine is done.
_POLL = 0.2

Changed = Callable[[Path | None], Awaitable[None]]


class _Row(msgspec.Struct, frozen=True, rename="camel"):
    id: int | str
    name: str
    version: str | None = None
    flags: str | None = None
    status: str | None = None
    install_timeout: int | None = None
    last_error: str | None = None
    progress: str | None = None


_FIELDS = tuple(field.encode_name for field in msgspec.structs.fields(_Row))


class Packages:
    """Installs packages for scripts into a folder of their own, never into the server's Python.

    Every instance has such a folder, and brings it in line with the rows: at the start, and
    whenever `sync` is called. What is installed stays as it is until a row changes, so that a
    package index that is away does no harm.

    Args:
        folder: Where they are; it is made when it is needed.
        allowed: What may be installed.
        on_change: Called with the folder of another version when one was put into use.
    """

    def __init__(
        self,
        folder: Path,
        records: Records,
        allowed: PackageAllowList,
        *,
        on_change: Changed | None = None,
    ) -> None:
        self._folder = folder
        self._records = records
        self._allowed = allowed
        self._on_change = on_change
        self._environments = Environments(folder)
        self._pip = Pip(folder)
        self._one_at_a_time = asyncio.Lock()
        self._path: Path | None = None
        self._manifest: Manifest = EMPTY
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    # -- what there is --------------------------------------------------------------------------

    def path(self) -> Path | None:
        """Give the folder that scripts may import from; None when nothing is installed.

        It never changes. When packages do, another folder takes its place, and this one is kept
        until the next time.
        """
        return self._path

    def modules(self) -> Mapping[str, tuple[str, ...]]:
        """Give, for each package that was asked for, the names of its modules.

        Such as `{"python-slugify": ("slugify",)}`.
        """
        return self._manifest.modules

    def check(self, row: Mapping[str, Any]) -> None:
        """Refuse a row, before it is written, whose package could not be installed anyway.

        Args:
            row: All of it, also what stays as it is, as the API has it: `name`, `version`, `flags`
                and `type` matter.

        Raises:
            EnfyraError: VALIDATION_ERROR.
        """
        if row.get("type", "Server") == "Server":
            self._allowed.wanted(str(row.get("name", "")), row.get("version"), row.get("flags"))

    # -- starting, stopping ---------------------------------------------------------------------

    async def start(self) -> None:
        """Take what is installed, and begin to install what is missing."""
        await self._look()
        self.sync_soon()
        self._task = asyncio.ensure_future(self._keep_in_line())

    async def stop(self) -> None:
        """End; what is being installed is broken off, and begun again at the next start."""
        await end(self._task)

    def sync_soon(self) -> None:
        """Have `sync` called, without waiting for it: after a write, here or on a peer."""
        self._wake.set()

    async def _keep_in_line(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.sync()
            except EnfyraError as error:
                _log.warning("packages were not looked at", extra={"reason": error.message})
            except Exception:
                _log.exception("packages could not be installed")

    # -- bringing the folder in line ------------------------------------------------------------

    async def sync(self) -> None:
        """Install what rows ask for, and take away what none asks for any more.

        Each row gets its status: `installing` or `updating`, then `installed`, or `failed` with
        `lastError`. One that fails leaves the others as they are.

        Raises:
            EnfyraError: The rows could not be read or written.
        """
        await self._look()
        if not self._manifest.asked and not await self._rows():
            # Most servers have no packages: no folder is made for them.
            return
        async with self._one_at_a_time, self._alone_on_this_machine():
            await self._look()
            rows = {row.id: row for row in await self._rows()}
            wanted = await self._wanted(rows.values())
            await self._remove_others({one.name for one in wanted.values()})
            for id_, one in wanted.items():
                await self._install(rows[id_], one)

    async def _rows(self) -> list[_Row]:
        where = Every((Compare("type", Operator.EQ, 0), Compare("isEnabled", Operator.EQ, 1)))
        names = (
            "id",
            "name",
            "version",
            "flags",
            "status",
            "installTimeout",
            "lastError",
            "progress",
        )
        query = Query(shape=Shape(where=where, fields=names), values=("Server", True), limit=0)
        page = await self._records.of(TABLE).find(query, INTERNAL)
        return msgspec.json.decode(page.rows, type=list[_Row])

    async def _wanted(self, rows: Iterable[_Row]) -> dict[int | str, Wanted]:
        wanted: dict[int | str, Wanted] = {}
        names: dict[str, str] = {}
        for row in rows:
            try:
                one = self._allowed.wanted(row.name, row.version, row.flags)
            except EnfyraError as error:
                await self._tell(row, FAILED, error.message)
                continue
            if one.name in names:
                await self._tell(row, FAILED, f"It is the same package as '{names[one.name]}'")
                continue
            names[one.name] = row.name
            wanted[row.id] = one
        return wanted

    async def _install(self, row: _Row, wanted: Wanted) -> None:
        have = self._manifest.asked.get(wanted.name)
        if have == wanted.version:
            await self._tell(row, INSTALLED)
            return
        if have is not None or row.status != INSTALLED:
            # Otherwise a peer has it already, and is right about it.
            row = await self._tell(row, INSTALLING if have is None else UPDATING)
        _log.info("installing", extra={"package": wanted.requirement})
        seconds = row.install_timeout or DEFAULT_TIMEOUT
        asked = {**self._manifest.asked, wanted.name: wanted.version}
        others = [pin for name, pin in self._pins().items() if name != wanted.name]
        requirements = [wanted.requirement, *others]
        try:
            async with asyncio.timeout(seconds), self._telling(row) as say:
                await self._pip.fetch(requirements, say)
                await self._build(asked, requirements, say)
        except (PipFailed, Refused, OSError) as error:
            # TimeoutError is an OSError that says nothing.
            reason = str(error) or f"It took longer than {seconds} seconds"
            _log.warning("not installed", extra={"package": wanted.requirement, "reason": reason})
            await self._tell(row, FAILED, f"{reason} (on {socket.gethostname()})")
            return
        _log.info("installed", extra={"package": wanted.requirement})
        await self._tell(row, INSTALLED)

    def _pins(self) -> dict[str, str]:
        """Give what was asked for, in the versions that are installed: they stay as they are."""
        manifest = self._manifest
        return {name: f"{name}=={manifest.installed[name]}" for name in manifest.asked}

    async def _remove_others(self, names: set[str]) -> None:
        gone = sorted(set(self._manifest.asked) - names)
        if not gone:
            return
        asked = {name: text for name, text in self._manifest.asked.items() if name in names}
        pins = [pin for name, pin in self._pins().items() if name in names]
        try:
            async with asyncio.timeout(DEFAULT_TIMEOUT):
                await self._build(asked, pins, lambda _: None)
        except (PipFailed, Refused, OSError) as error:
            _log.warning("not uninstalled", extra={"packages": gone, "reason": str(error)})
            return
        _log.info("uninstalled", extra={"packages": gone})

    async def _build(self, asked: Mapping[str, str], requirements: list[str], say: Say) -> None:
        """Make another version of the folder of what has been fetched, and put it into use.

        Raises:
            PipFailed, Refused, OSError: It could not be made; the one in use stays.
        """
        draft = await asyncio.to_thread(self._environments.draft)
        try:
            if requirements:
                await self._pip.install(requirements, draft, say)
            made = await asyncio.to_thread(self._environments.inspect, draft, asked, self._allowed)
            await asyncio.to_thread(self._environments.use, draft)
        except BaseException:
            await asyncio.to_thread(self._environments.discard, draft)
            raise
        await self._pip.keep_only(made.installed)
        await self._look()

    async def _look(self) -> None:
        """See which version is in use: another process of this machine may have put it there."""
        manifest = await asyncio.to_thread(self._environments.manifest)
        current = await asyncio.to_thread(self._environments.current)
        path = current if manifest.asked else None
        changed = path != self._path
        self._manifest, self._path = manifest, path
        if changed and self._on_change is not None:
            await self._on_change(path)

    async def _tell(self, row: _Row, status: str, error: str | None = None) -> _Row:
        """Write the status of a row, if it is another; give the row as it is now."""
        if (row.status, row.last_error) == (status, error) and not row.progress:
            return row
        await self._write(row, {"status": status, "lastError": error, "progress": None})
        return msgspec.structs.replace(row, status=status, last_error=error, progress=None)

    def _telling(self, row: _Row) -> AbstractAsyncContextManager[Say]:
        """Give what takes lines on how far the installation of a row is."""
        if row.status == INSTALLED:
            return nullcontext(lambda _: None)  # it is, on a peer
        return told(lambda line: self._write(row, {"progress": line}))

    async def _write(self, row: _Row, facts: Mapping[str, Any]) -> None:
        try:
            await self._records.of(TABLE).update(row.id, facts, access=INTERNAL)
        except EnfyraError as failure:
            # It has been deleted meanwhile; whoever did has asked for another look.
            if failure.code != "RESOURCE_NOT_FOUND":
                raise

    @asynccontextmanager
    async def _alone_on_this_machine(self) -> AsyncGenerator[None, None]:
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        lock = FileLock(self._folder / "lock")
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                await asyncio.sleep(_POLL)
        try:
            yield
        finally:
            lock.release()
