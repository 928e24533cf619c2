"""Everything that scripts need, put together once for a kernel."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ...clock import Clock
from ...cluster.connect import connect_cache, connect_limits
from ...encoding import encode_json
from ...identity.passwords import Passwords
from ...records.records import Records
from ...scripts.crew import Isolation
from ...scripts.helpers import FetchAllowList, Fetcher, Helpers, Requester
from ...scripts.helpers.outgoing import FetchOptions
from ...scripts.helpers.requester import Budget
from ...scripts.packages import PackageAllowList, Packages, SharedPackages
from ...scripts.pools import Domain, DomainPools
from ...scripts.script import ScriptRunner
from ...settings import Settings
from ..context import Context
from .effects import Effects
from .host import Helping
from .hosts import RequestHosts
from .repositories import SystemWrite
from .stages import Scripted, Users


class ScriptServices:
    """The processes that run scripts, their packages, and what they may ask for.

    Args:
        tell: Tells the other instances that packages have changed.

    Attributes:
        packages: Installs packages for them.
        cache: What scripts keep for a while.
        limits: What counts requests for them.
        effects: Takes what they set off elsewhere.
    """

    effects: Effects

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        records: Records,
        tell: Callable[[], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._records = records
        self._pools = DomainPools(
            workers=settings.script_workers,
            memory_mb=settings.script_memory_mb,
            isolation=Isolation(settings.script_isolation),
        )
        self.packages = SharedPackages(
            Packages(
                settings.data_folder() / "packages",
                records,
                PackageAllowList(settings.package_allow),
                on_change=self._use_packages,
            ),
            tell,
        )
        self.cache = connect_cache(settings, clock)
        self.limits = connect_limits(settings, clock)
        self._fetcher = Fetcher(FetchAllowList(settings.fetch_allow))
        # Of its own: a script that hashes must not keep others from logging in.
        self._passwords = Passwords(settings.password_memory, settings.password_passes)
        self._helpers: Helpers | None = None

    def runner(self, domain: Domain) -> ScriptRunner:
        """Give what runs the scripts of a domain."""
        return self._pools.of(domain)

    async def start(self) -> None:
        """Get ready; the first script starts the processes."""
        await self._pools.start()
        await self.packages.start()

    async def stop(self) -> None:
        """End the processes, and close all connections."""
        await self.packages.stop()
        await self._pools.stop()
        await self._fetcher.stop()
        await self.cache.stop()
        await self.limits.stop()
        self._passwords.stop()

    async def _use_packages(self, folder: Path | None) -> None:
        await self._pools.use_packages(folder, self.packages.modules())

    def scripted(
        self,
        users: Users,
        records: Records,
        write_system: SystemWrite,
        effects: Effects,
        *,
        domain: Domain,
        debug: bool,
    ) -> Scripted:
        """Give what answers requests that have scripts.

        Args:
            domain: Whose scripts they are.
            records: What their repositories work on.
            write_system: Writes rows of the system.
            debug: Whether everybody may see logs and traces.
        """
        hosts = self.hosts(records, write_system, effects)
        runner = self.runner(domain)
        env = encode_json(self.env())
        return Scripted(runner, hosts, users, self._clock, env=env, debug=debug)

    def hosts(self, records: Records, write_system: SystemWrite, effects: Effects) -> RequestHosts:
        """Give what answers scripts that ask for something."""
        return RequestHosts(records, write_system, self._helping, effects)

    def _helping(self, context: Context) -> Helping:
        """Give what answers the scripts of one request that ask for no records."""
        if self._helpers is None:
            # The signing key may be made at the first start.
            self._helpers = Helpers(
                cache=self.cache,
                limits=self.limits,
                fetcher=self._fetcher,
                passwords=self._passwords,
                signing_key=self._settings.signing_key(),
                clock=self._clock,
            )
        caller = context.caller
        return self._helpers.of(
            Requester(
                ip=context.request.remote_ip,
                user=caller.id if caller is not None and caller.id else None,
                method=context.request.method,
                route=context.route.path,
            )
        )

    async def post(self, url: str, body: Any) -> None:
        """Send JSON to another server, which scripts could reach, too.

        Raises:
            EnfyraError: FETCH_FORBIDDEN, FETCH_FAILED, FETCH_TIMEOUT.
        """
        await self._fetcher.fetch(url, FetchOptions(method="POST", body=body), Budget())

    def env(self) -> dict[str, str]:
        """Give what the operator lets scripts know of the environment."""
        names = self._settings.script_env
        return {name: os.environ[name] for name in names if name in os.environ}
