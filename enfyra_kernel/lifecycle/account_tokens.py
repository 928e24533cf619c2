"""One's own API tokens: `/me/tokens`, and what they are exchanged for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ..clock import Clock
from ..encoding import encode_json
from ..errors import EnfyraError
from ..identity.api_tokens import ApiTokens
from ..identity.authenticator import Authenticator
from ..identity.scopes import problems_of_scopes
from .asking import caller_in, person_in, strict
from .context import Context
from .messages import Response, spread, success
from .oauth import OAuth

NEVER = "never"
# What a token lasts that nobody has said anything about.
_DEFAULT = timedelta(days=90)
_LONGEST_NAME = 120


class AccountTokens:
    """Operations on the caller's API tokens."""

    def __init__(
        self, tokens: ApiTokens, authenticator: Authenticator, oauth: OAuth, clock: Clock
    ) -> None:
        self._tokens = tokens
        self._oauth = oauth
        self._authenticator = authenticator
        self._clock = clock

    async def list(self, context: Context) -> Response:
        """Answer GET /me/tokens."""
        return success(encode_json(await self._tokens.of_user(caller_in(context).id)))

    async def create(self, context: Context) -> Response:
        """Answer POST /me/tokens; only this answer holds the token itself."""
        caller = person_in(context)
        body = await context.json()
        named = strict(body, {"name": str}, {"expiresAt": object, "scopes": object})
        name, problems = named["name"].strip(), list[str]()
        if not 0 < len(name) <= _LONGEST_NAME:
            problems.append(f"name must have 1 to {_LONGEST_NAME} characters")
        expires = self._expires(named.get("expiresAt"), problems)
        scopes = named.get("scopes")
        if scopes is not None:
            problems += problems_of_scopes(scopes)
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)
        row = await self._tokens.create(caller.id, name, expires=expires, scopes=scopes)
        return success(encode_json([row]), status=201)

    def _expires(self, given: Any, problems: list[str]) -> datetime | None:
        now = self._clock.now()
        if given is None:
            return now + _DEFAULT
        if given == NEVER:
            return None
        try:
            expires = datetime.fromisoformat(given)
        except (TypeError, ValueError):
            problems.append(f"expiresAt must be an instant such as 2030-01-31T00:00Z, or '{NEVER}'")
            return None
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=UTC)
        if expires <= now:
            problems.append("expiresAt must be in the future")
        return expires

    async def revoke(self, context: Context) -> Response:
        """Answer DELETE /me/tokens/:id."""
        id_ = context.parameters["id"]
        if not await self._tokens.revoke(id_, person_in(context).id):
            raise EnfyraError("RESOURCE_NOT_FOUND", f"You have no API token '{id_[:80]}'")
        return success(message="Revoked")

    async def exchange(self, context: Context) -> Response:
        """Answer POST /auth/token/exchange: for an API token, or the code of a login elsewhere."""
        body = strict(await context.json(), {}, {"apiToken": str, "code": str})
        if len(body) != 1:
            raise EnfyraError("INVALID_BODY", problems=["apiToken or code is required"])
        if "code" in body:
            given = await self._oauth.exchange(body["code"], context)
        else:
            given = await self._authenticator.exchange(body["apiToken"])
        return spread(msgspec.to_builtins(given))

    async def exchange_code(self, context: Context) -> Response:
        """Answer POST /auth/oauth/exchange."""
        body = strict(await context.json(), {"code": str}, {})
        return spread(msgspec.to_builtins(await self._oauth.exchange(body["code"], context)))
