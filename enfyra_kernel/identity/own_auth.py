"""Our own tokens: those of logins, API tokens, and what they are exchanged for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from ..clock import Clock
from ..errors import EnfyraError
from .adapters import AuthSetup, Handler, Resolved
from .api_tokens import PREFIX, ApiTokens
from .sessions import Sessions
from .tokens import Tokens


class OwnAuth:
    """Finds out whose a token of ours is.

    Args:
        remembered: Seconds that a token is remembered which says of itself when it expires.
    """

    name = "enfyra"

    def __init__(
        self,
        tokens: Tokens,
        sessions: Sessions,
        api_tokens: ApiTokens,
        clock: Clock,
        *,
        remembered: int,
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._api_tokens = api_tokens
        self._clock = clock
        self._remembered = timedelta(seconds=remembered)

    async def setup(self, setup: AuthSetup) -> None:
        """Do nothing: it is ready."""

    async def resolve_token(self, token: str) -> Resolved | None:
        """Give whose a bearer token is."""
        if token.startswith(PREFIX):
            found = await self._api_tokens.by_secret(token)
            again = self._clock.now() + self._remembered
            expires = again if found.expires is None else min(again, found.expires)
            return Resolved(found.caller, expires.timestamp())
        if not self._tokens.is_ours(token):
            return None
        claims = self._tokens.read_access(token)
        if claims.session is not None:
            caller = await self._sessions.caller(claims.session, claims.user)
        else:
            caller = (await self._api_tokens.by_id(claims.api_token or "")).caller
            if caller.id != claims.user:
                raise EnfyraError("INVALID_TOKEN")
        return Resolved(caller, claims.expires)

    async def resolve_request(self, headers: Mapping[str, str]) -> Resolved | None:
        """Give nobody: without a token there is no login."""
        return None

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Give nothing: our routes are definitions."""
        return {}

    async def close(self) -> None:
        """Do nothing."""
