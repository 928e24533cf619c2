"""Tokens of an OpenID issuer somewhere else: Keycloak, Auth0, Clerk, Entra ID and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

from ..errors import EnfyraError
from .adapters import AuthSetup, Handler, Resolved
from .oauth.profiles import Profile, mapping, profile_of
from .oidc import Issuer
from .users import caller_of

PROVIDER = "oidc"


class OpenIdAuth:
    """Finds out whose a token is that an issuer has signed for us; users are made at first sight.

    Args:
        issuer: Its address; all else is found by discovery.
        audience: Whom tokens have to be for.
    """

    name = PROVIDER

    def __init__(self, issuer: str, audience: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._audience = audience
        self._setup: AuthSetup | None = None

    async def setup(self, setup: AuthSetup) -> None:
        """Take what there is to use; the issuer is asked when the first token comes."""
        self._setup = setup

    async def resolve_token(self, token: str) -> Resolved | None:
        """Give whose a bearer token is.

        Raises:
            EnfyraError: INVALID_TOKEN, TOKEN_EXPIRED, ACCOUNT_DISABLED; OAUTH_FAILED for somebody
                new of whom the issuer tells no address; EXTERNAL_SERVICE_ERROR.
        """
        setup = self._setup
        if setup is None or not self._is_of(token):
            return None
        issuer = await setup.issuers.find(self._issuer)
        claims = await setup.issuers.verified(token, issuer, None)
        if not self._is_for_us(claims):
            raise EnfyraError("INVALID_TOKEN", "The token is for somebody else")
        user = await setup.linking.linked(PROVIDER, claims["sub"])
        if user is None:
            profile = await self._profile(setup, issuer, claims, token)
            user = await setup.linking.user_of(profile, _nothing)
        row = await setup.users.by_id(user)
        if row is None:
            raise EnfyraError("INVALID_TOKEN", "The account no longer exists")
        row.refuse_disabled()
        again = setup.clock.now().timestamp() + setup.settings.access_token_ttl
        caller = caller_of(row, login_provider=PROVIDER)
        return Resolved(caller, min(float(claims["exp"]), again))

    def _is_of(self, token: str) -> bool:
        """Say whether a token says that it is the issuer's."""
        try:
            said = jwt.decode(token, options={"verify_signature": False})  # pyright: ignore[reportUnknownMemberType]
        except jwt.InvalidTokenError:
            return False
        issuer = said.get("iss")
        return isinstance(issuer, str) and issuer.rstrip("/") == self._issuer

    def _is_for_us(self, claims: Mapping[str, Any]) -> bool:
        audience = claims.get("aud")
        if audience is None:
            # Some name the party that a token was given to instead.
            return claims.get("azp") == self._audience
        return self._audience in (audience if isinstance(audience, list) else [audience])

    async def _profile(
        self, setup: AuthSetup, issuer: Issuer, claims: dict[str, Any], token: str
    ) -> Profile:
        """Give who somebody is; access tokens often do not say it."""
        if "email" not in claims and issuer.userinfo is not None:
            told = mapping(await setup.remote.get(issuer.userinfo, token=token))
            if told.get("sub") == claims["sub"]:
                claims = {**told, **claims}
        return profile_of(PROVIDER, claims, openid=True)

    async def resolve_request(self, headers: Mapping[str, str]) -> Resolved | None:
        """Give nobody: there is a token or nothing."""
        return None

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Give nothing: logins are the issuer's business."""
        return {}

    async def close(self) -> None:
        """Do nothing."""


async def _nothing(_: Profile) -> Mapping[str, Any]:
    return {}
