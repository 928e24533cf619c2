"""What finds out who is calling: a seam, for providers of one's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..clock import Clock
from ..settings import Settings
from .callers import Caller
from .oauth.linking import Linking
from .oidc import Issuers, Remote
from .users import Users
from .verified import Revocations

# Answers a request of the transport with a response of it.
Handler = Callable[[Any], Awaitable[Any]]


class Resolved(NamedTuple):
    """Somebody who was found.

    Attributes:
        expires: Until when that may be remembered, in seconds since 1970; it is forgotten before
            when the user changes.
    """

    caller: Caller
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSetup:
    """What an adapter may use.

    Attributes:
        linking: Makes users of the profiles that somebody else has.
        revocations: Has tokens looked up anew.
        remote: Asks other servers.
        issuers: Verifies what OpenID issuers have signed.
    """

    settings: Settings
    clock: Clock
    users: Users
    linking: Linking
    revocations: Revocations
    remote: Remote
    issuers: Issuers


class AuthAdapter(Protocol):
    """Finds out who is calling. `Kernel(settings, auth=[...])` takes those of one's own.

    They are asked in order, after the one for our own tokens. Whoever says that a token is not his
    gives None; whoever says that it is, but not good, raises an `EnfyraError` of status 401. What
    is given is remembered, so that a token costs a look-up once.

    Example:
        >>> import time
        >>> class Badges:
        ...     name = "badges"
        ...
        ...     async def setup(self, setup: AuthSetup) -> None:
        ...         self.users = setup.users
        ...
        ...     async def resolve_token(self, token: str) -> Resolved | None:
        ...         if not token.startswith("badge-"):
        ...             return None
        ...         caller = await self.users.caller_of(token.removeprefix("badge-"))
        ...         return Resolved(caller, time.time() + 60)
        ...
        ...     async def resolve_request(self, headers: Mapping[str, str]) -> Resolved | None:
        ...         return None
        ...
        ...     def routes(self) -> Mapping[tuple[str, str], Handler]:
        ...         return {}
        ...
        ...     async def close(self) -> None: ...
        >>> adapter: AuthAdapter = Badges()
    """

    @property
    def name(self) -> str:
        """What callers have as their `loginProvider`."""
        ...

    async def setup(self, setup: AuthSetup) -> None:
        """Get ready, once, before the first request."""
        ...

    async def resolve_token(self, token: str) -> Resolved | None:
        """Give whose a bearer token is."""
        ...

    async def resolve_request(self, headers: Mapping[str, str]) -> Resolved | None:
        """Give who sends a request that has no bearer token; what is given is not remembered."""
        ...

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Give what it answers itself, by method and by a path below `/auth/`."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...
