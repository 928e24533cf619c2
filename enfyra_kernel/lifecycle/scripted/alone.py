"""Scripts that no request has asked for: steps of flows, and what runs when a cluster comes up."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from ...identity.callers import Caller
from ...metadata.definitions import RouteDefinition
from ...metadata.routes import RouteMatch, make_route
from ...metadata.snapshot import Snapshot
from ...query.plan import ADMINISTRATOR
from ...scripts.script import Host, Outcome, Script, ScriptRunner
from ..context import Context
from ..messages import JSON, Request, identify
from .sections import EMPTY, NULL

_NOTHING: Mapping[str, bytes] = {
    "body": EMPTY, "query": EMPTY, "params": EMPTY, "share": EMPTY, "user": NULL,
}  # fmt: skip


class ClosingHost(Host, Protocol):
    """Answers a script, until that has ended."""

    async def close(self) -> None:
        """Let go of what the script has left open."""
        ...


def context_of_nobody(path: str, snapshot: Snapshot, caller: Caller | None = None) -> Context:
    """Give a request that nobody has sent, for what a script asks for in its name.

    Args:
        path: What messages call it.
        caller: In whose name; its repositories are trusted all the same.
    """
    definition = RouteDefinition(id=0, path=path, available=frozenset({"POST"}), is_system=True)
    request = Request("POST", path, "", {"content-type": JSON})
    identify(request)
    match = RouteMatch(make_route(definition, None), MappingProxyType({}), item=False)
    return Context(request, snapshot, match, caller, ADMINISTRATOR)


async def run_alone(
    runner: ScriptRunner, script: Script, host: ClosingHost, sections: Mapping[str, bytes]
) -> Outcome:
    """Run a script with the sections that it has; the host is closed at its end."""
    try:
        return await runner.run([script], {**_NOTHING, **sections}, host)
    finally:
        await host.close()
