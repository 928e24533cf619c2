"""Finds out who sent a request, by the token in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

from ..clock import Clock
from ..errors import EnfyraError
from ..logs import get_logger
from .adapters import AuthAdapter, AuthSetup, Handler, Resolved
from .api_tokens import PREFIX, PROVIDER, ApiTokens
from .callers import Caller
from .sessions import LoggedIn
from .tokens import Tokens
from .verified import VerifiedTokens

_log = get_logger("identity")

# Seconds that an access token is valid which was given for an API token.
_EXCHANGED = 60
_ROUTES = "/auth/"
# In the place of a token; nobody can send it.
_HOLDER = "\0holder"


class Authenticator:
    """Tells callers by their tokens, which are verified once and then remembered.

    Args:
        adapters: Those who are asked, in order.

    Attributes:
        cached: Gives the caller of a token that has been seen before and is still good.
        routes: What adapters answer themselves.
        asks_requests: Whether an adapter may know who sends a request without a token.
    """

    def __init__(
        self,
        adapters: Sequence[AuthAdapter],
        verified: VerifiedTokens,
        tokens: Tokens,
        api_tokens: ApiTokens,
        clock: Clock,
    ) -> None:
        self._adapters = adapters
        self._verified = verified
        self._tokens = tokens
        self._api_tokens = api_tokens
        self._clock = clock
        self.cached = verified.get
        self.routes: Mapping[tuple[str, str], Handler] = {}
        self.asks_requests = len(adapters) > 1

    async def start(self, setup: AuthSetup) -> None:
        """Set the adapters up.

        Raises:
            EnfyraError: CONFIGURATION_ERROR for routes that are not theirs to have.
        """
        routes: dict[tuple[str, str], Handler] = {}
        for adapter in self._adapters:
            await adapter.setup(setup)
            for method, path in adapter.routes():
                if not path.startswith(_ROUTES) or (method, path) in routes:
                    raise EnfyraError(
                        "CONFIGURATION_ERROR",
                        f"The adapter '{adapter.name}' cannot answer {method} {path}",
                        hint=f"Its routes begin with {_ROUTES}, and nobody else has them",
                    )
            routes |= adapter.routes()
        self.routes = routes

    async def stop(self) -> None:
        """Close the adapters."""
        for adapter in self._adapters:
            try:
                await adapter.close()
            except Exception:
                _log.exception("an adapter could not be closed", extra={"adapter": adapter.name})

    # -- who is calling -------------------------------------------------------------------------

    async def caller(self, token: str) -> Caller:
        """Find out who a token belongs to.

        Raises:
            EnfyraError: TOKEN_EXPIRED, ACCOUNT_DISABLED, or INVALID_TOKEN also when the login has
                ended or the API token was revoked.
        """
        known = self.cached(token)
        if known is not None:
            return known
        changes = self._verified.changes
        for adapter in self._adapters:
            found = await adapter.resolve_token(token)
            if found is not None:
                caller, expires = found
                self._verified.keep(token, caller, expires=expires, changes=changes)
                return caller
        raise EnfyraError("INVALID_TOKEN")

    async def holder(self, resolve: Callable[[], Awaitable[Resolved]]) -> Caller:
        """Give whom the holder of a Jupyter login acts as, remembered as tokens are.

        Args:
            resolve: Finds that out; raises what is passed on.
        """
        known = self.cached(_HOLDER)
        if known is not None:
            return known
        changes = self._verified.changes
        caller, expires = await resolve()
        self._verified.keep(_HOLDER, caller, expires=expires, changes=changes)
        return caller

    async def by_request(self, headers: Mapping[str, str]) -> Caller | None:
        """Find out who sends a request without a token."""
        for adapter in self._adapters:
            found = await adapter.resolve_request(headers)
            if found is not None:
                return found.caller
        return None

    def used(self, caller: Caller, ip: str) -> None:
        """Note that a request was sent with an API token."""
        if caller.api_token is not None:
            self._api_tokens.used(caller.api_token, ip)

    def knows(self, token: str) -> bool:
        """Say whether a token is certainly one of ours, whether or not it is still good."""
        if token.startswith(PREFIX) or self.cached(token) is not None:
            return True
        try:
            self._tokens.read_access(token)
        except EnfyraError as error:
            return error.code == "TOKEN_EXPIRED"
        return True

    async def exchange(self, api_token: str) -> LoggedIn:
        """Give an access token for an API token, for a minute and with the same scopes.

        Raises:
            EnfyraError: As `caller`.
        """
        if not api_token.startswith(PREFIX):
            raise EnfyraError("INVALID_TOKEN", f"An API token begins with {PREFIX}")
        found = await self._api_tokens.by_secret(api_token)
        now = self._clock.now()
        expires = now + timedelta(seconds=_EXCHANGED)
        if found.expires is not None:
            expires = min(expires, found.expires)
        token = self._tokens.exchanged(found.caller.id, found.caller.api_token or "", now, expires)
        return LoggedIn(token, None, int(expires.timestamp() * 1000), PROVIDER)
