"""Finds out who sent a request, by the token in it."""

from __future__ import annotations

from datetime import timedelta

from ..clock import Clock
from ..errors import EnfyraError
from ..settings import Settings
from .api_tokens import PREFIX, PROVIDER, ApiTokens
from .callers import Caller
from .sessions import LoggedIn, Sessions
from .tokens import Tokens
from .verified import VerifiedTokens

# Seconds that an access token is valid which was given for an API token.
_EXCHANGED = 60


class Authenticator:
    """Tells callers by their tokens, which are verified once and then remembered.

    Attributes:
        cached: Gives the caller of a token that has been seen before and is still good.
    """

    def __init__(
        self,
        verified: VerifiedTokens,
        tokens: Tokens,
        sessions: Sessions,
        api_tokens: ApiTokens,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._verified = verified
        self._tokens = tokens
        self._sessions = sessions
        self._api_tokens = api_tokens
        self._clock = clock
        self._settings = settings
        self.cached = verified.get

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
        caller, expires = await self._looked_up(token)
        self._verified.keep(token, caller, expires=expires, changes=changes)
        return caller

    async def _looked_up(self, token: str) -> tuple[Caller, float]:
        if token.startswith(PREFIX):
            found = await self._api_tokens.by_secret(token)
            again = self._clock.now() + timedelta(seconds=self._settings.access_token_ttl)
            expires = again if found.expires is None else min(again, found.expires)
            return found.caller, expires.timestamp()
        claims = self._tokens.read_access(token)
        if claims.session is not None:
            caller = await self._sessions.caller(claims.session, claims.user)
        else:
            caller = (await self._api_tokens.by_id(claims.api_token or "")).caller
            if caller.id != claims.user:
                raise EnfyraError("INVALID_TOKEN")
        return caller, claims.expires

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
