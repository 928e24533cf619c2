"""The way of a login through a provider and back: begun, bound to a browser, completed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from ...clock import Clock
from ...cluster.limits import Limits
from ...errors import EnfyraError
from ...metadata.uuid7 import new_uuid
from ..oidc import Issuer, Issuers, Remote
from ..tokens import Tokens
from .profiles import Profile, mapping, profile_of
from .providers import KNOWN_ENDPOINTS, Provider

_FLOW, _CODE = "oauth-flow", "oauth-code"
# Seconds that somebody has to log in at the provider, and that a code can be exchanged.
FLOW_LASTS = 600
CODE_LASTS = 60


class Begun(NamedTuple):
    """A login that has begun.

    Attributes:
        url: Where to send the browser.
        held: What the browser has to hold, out of the reach of scripts, until it comes back.
    """

    url: str
    held: str


class Code(NamedTuple):
    """What a one-time code stands for.

    Attributes:
        id: The id of the login that it can be exchanged for.
        redirect: Where the browser goes then.
        bound: What tells the browser that it is for; None for any, of another origin.
    """

    id: str
    user: str
    provider: str
    redirect: str
    bound: str | None


class Flow:
    """Sends browsers to providers, and finds out whom they bring back.

    What a login needs to be completed travels with the browser, signed, in a cookie: the state and
    the nonce, the verifier of PKCE, where to go in the end. Nothing is stored before somebody has
    logged in.
    """

    def __init__(
        self, remote: Remote, issuers: Issuers, tokens: Tokens, limits: Limits, clock: Clock
    ) -> None:
        self._remote = remote
        self._issuers = issuers
        self._tokens = tokens
        self._limits = limits
        self._clock = clock

    async def begin(self, provider: Provider, redirect: str, prefix: str) -> Begun:
        """Begin a login.

        Args:
            redirect: Where the browser goes in the end.
            prefix: Where the cookie bridge is there.

        Raises:
            EnfyraError: EXTERNAL_SERVICE_ERROR.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        if provider.openid is not None:
            address, scopes = (
                (await self._issuers.find(provider.openid)).authorize,
                "openid email profile",
            )
        else:
            address, _, _, scopes, _ = KNOWN_ENDPOINTS[provider.name]
        query = {
            "response_type": "code",
            "client_id": provider.client_id or "",
            "redirect_uri": provider.redirect_uri or "",
            "scope": provider.scopes or scopes,
            "state": state,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if provider.openid is not None:
            query["nonce"] = nonce
        held = self._tokens.statement(
            _FLOW,
            {
                "provider": provider.name, "state": state, "nonce": nonce, "verifier": verifier,
                "redirect": redirect, "prefix": prefix,
            },
            self._clock.now(), timedelta(seconds=FLOW_LASTS),
        )  # fmt: skip
        sign = "&" if "?" in address else "?"
        return Begun(f"{address}{sign}{urlencode(query)}", held)

    def held(self, provider: str, held: str | None, state: str | None) -> dict[str, Any]:
        """Give what a browser holds of a login that it comes back from.

        Raises:
            EnfyraError: OAUTH_STATE_INVALID.
        """
        try:
            flow = self._tokens.read_statement(_FLOW, held or "")
        except EnfyraError:
            raise EnfyraError("OAUTH_STATE_INVALID") from None
        same = hmac.compare_digest(flow["state"].encode(), (state or "").encode())
        if flow["provider"] != provider or not same:
            raise EnfyraError("OAUTH_STATE_INVALID")
        return flow

    async def complete(self, provider: Provider, code: str, flow: dict[str, Any]) -> Profile:
        """Find out whom a browser brings back.

        Raises:
            EnfyraError: INVALID_TOKEN, EXTERNAL_SERVICE_ERROR.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": provider.redirect_uri or "",
            "code_verifier": flow["verifier"],
            "client_id": provider.client_id or "",
        }
        if provider.openid is not None:
            issuer = await self._issuers.find(provider.openid)
            given = await self._given(
                provider, issuer.token, form, by_header=issuer.token_by_header
            )
            return await self._by_openid(provider, issuer, given, flow["nonce"])
        endpoints = KNOWN_ENDPOINTS[provider.name]
        given = await self._given(provider, endpoints.token, form)
        access = str(given.get("access_token") or "")
        told = await self._remote.get(endpoints.userinfo, token=access)
        emails = None
        if endpoints.emails is not None:
            emails = await self._remote.get(endpoints.emails, token=access)
        return profile_of(provider.name, told, emails=emails)

    async def _given(
        self, provider: Provider, url: str, form: dict[str, str], *, by_header: bool = False
    ) -> dict[str, Any]:
        secret = provider.client_secret
        if secret is not None and not by_header:
            form = form | {"client_secret": secret}
        login = (provider.client_id or "", secret or "") if by_header and secret else None
        given = await self._remote.post(url, form, login=login)
        # GitHub tells of errors with a success.
        if not isinstance(given, dict) or "error" in given:
            raise EnfyraError(
                "EXTERNAL_SERVICE_ERROR", "The provider of identities has refused the login"
            )
        return given  # pyright: ignore[reportUnknownVariableType]

    async def _by_openid(
        self, provider: Provider, issuer: Issuer, given: dict[str, Any], nonce: str
    ) -> Profile:
        token = given.get("id_token")
        if not isinstance(token, str):
            raise EnfyraError("EXTERNAL_SERVICE_ERROR", "The provider has given no ID token")
        claims = await self._issuers.verified(token, issuer, provider.client_id, nonce=nonce)
        if "email" not in claims and issuer.userinfo is not None:
            access = str(given.get("access_token") or "")
            told = mapping(await self._remote.get(issuer.userinfo, token=access))
            if told.get("sub") == claims["sub"]:
                claims = {**told, **claims}
        return profile_of(provider.name, claims, openid=True)

    # -- codes ----------------------------------------------------------------------------------

    def code(self, user: str, provider: str, redirect: str, *, browser: str | None) -> str:
        """Give a code that can be exchanged for a login, once and soon.

        Args:
            browser: The state of the browser that it is for; None for one of another origin.
        """
        said = {"jti": new_uuid(), "sub": user, "provider": provider, "redirect": redirect}
        if browser is not None:
            said["bound"] = hashlib.sha256(browser.encode()).hexdigest()
        return self._tokens.statement(_CODE, said, self._clock.now(), timedelta(seconds=CODE_LASTS))

    async def exchange(self, code: str, *, held: str | None = None) -> Code:
        """Take a code.

        Args:
            held: What the browser holds, if it is one.

        Raises:
            EnfyraError: INVALID_TOKEN, TOKEN_EXPIRED.
        """
        said = self._tokens.read_statement(_CODE, code)
        bound = said.get("bound")
        if bound is not None and not self._is_of(bound, held):
            raise EnfyraError("INVALID_TOKEN", "The code is for another browser")
        allowance = await self._limits.check(f"oauth-code:{said['jti']}", 1, 2 * CODE_LASTS)
        if not allowance.allowed:
            raise EnfyraError("INVALID_TOKEN", "The code has been used already")
        return Code(said["jti"], said["sub"], said["provider"], said["redirect"], bound)

    def _is_of(self, bound: str, held: str | None) -> bool:
        try:
            flow = self._tokens.read_statement(_FLOW, held or "")
        except EnfyraError:
            return False
        return hmac.compare_digest(hashlib.sha256(flow["state"].encode()).hexdigest(), bound)
