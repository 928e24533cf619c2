"""Logging in elsewhere: `/auth/:provider` and its callback, the list of them, the one-time code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ..access.origins import Origins, Welcome
from ..encoding import encode_json
from ..errors import EnfyraError
from ..identity.oauth import Flow, Linking, Profile, Provider, Providers
from ..identity.oauth.flow import FLOW_LASTS
from ..identity.oauth.redirects import checked_prefix, checked_redirect, origin_of
from ..identity.sessions import LoggedIn, Sessions
from ..logs import get_logger
from ..query.brackets import parse_query_string
from .asking import caller_in, client_of
from .context import Context
from .cookies import is_secure, own_host, read_cookies, set_cookie
from .messages import Request, Response, success
from .provisioning import Provisioning

_log = get_logger("oauth")

FLOW_COOKIE = "enfyraLogin"
# Marks a browser that was sent to the host where the callback is, so that it is sent once.
_HOP = "hop"
_LONGEST_CODE = 4000


class OAuth:
    """Operations that send browsers to providers, and take them back."""

    def __init__(
        self,
        providers: Providers,
        flow: Flow,
        linking: Linking,
        sessions: Sessions,
        provisioning: Provisioning,
    ) -> None:
        self._providers = providers
        self._flow = flow
        self._linking = linking
        self._sessions = sessions
        self._provisioning = provisioning

    async def providers(self, _: Context) -> Response:
        """Answer GET /auth/providers."""
        shown = [
            {"provider": one.name, "label": one.label or one.name.title()}
            for one in await self._providers.all()
        ]
        return success(encode_json(shown))

    async def accounts(self, context: Context) -> Response:
        """Answer GET /me/oauth-accounts."""
        return success(encode_json(await self._linking.accounts_of(caller_in(context).id)))

    # -- there ----------------------------------------------------------------------------------

    async def begin(self, context: Context) -> Response:
        """Answer GET /auth/:provider: send the browser there."""
        provider = await self._providers.get(context.parameters["provider"])
        asked = _query_of(context)
        own = _own_origin(context.request)
        home = origin_of(provider.redirect_uri or "")
        if home and home.partition("://")[2] != own_host(context.request) and _HOP not in asked:
            # The cookie has to be set where the browser comes back to.
            return self._hopped(provider, asked, own, context)
        redirect = _redirect_of(asked.get("redirect"), provider, own, context)
        begun = await self._flow.begin(
            provider, redirect, checked_prefix(asked.get("cookieBridgePrefix"))
        )
        cookie = set_cookie(
            FLOW_COOKIE, begun.held, secure=is_secure(context.request), lasts=FLOW_LASTS
        )
        return _sent(begun.url, cookie)

    def _hopped(
        self, provider: Provider, asked: Mapping[str, str], own: str, context: Context
    ) -> Response:
        redirect = _redirect_of(asked.get("redirect"), provider, own, context)
        query = {"redirect": redirect, _HOP: "1"}
        if "cookieBridgePrefix" in asked:
            query["cookieBridgePrefix"] = checked_prefix(asked["cookieBridgePrefix"])
        there = (provider.redirect_uri or "").removesuffix("/callback")
        return _sent(f"{there}?{urlencode(query)}")

    # -- and back -------------------------------------------------------------------------------

    async def callback(self, context: Context) -> Response:
        """Answer GET /auth/:provider/callback: send the browser on, with a code or an error."""
        provider = await self._providers.get(context.parameters["provider"])
        asked, request = _query_of(context), context.request
        held = read_cookies(request.headers.get("cookie", "")).get(FLOW_COOKIE)
        flow = self._flow.held(provider.name, held, asked.get("state"))
        try:
            user = await self._user(provider, asked, flow, context)
        except EnfyraError as error:
            _log.warning("login failed", extra={"provider": provider.name, "reason": error.message})
            return _sent(_with(flow["redirect"], {"error": error.code}))
        redirect: str = flow["redirect"]
        home = origin_of(redirect) == _own_origin(request)
        code = self._flow.code(
            user, provider.name, redirect, browser=flow["state"] if home else None
        )
        query = {"code": code, "redirect": redirect}
        if provider.auto_set_cookies:
            return _sent(
                f"{origin_of(redirect)}{flow['prefix']}/auth/set-cookies?{urlencode(query)}"
            )
        return _sent(_with(provider.app_callback_url or redirect, query))

    async def _user(
        self, provider: Provider, asked: Mapping[str, str], flow: dict[str, Any], context: Context
    ) -> str:
        code = asked.get("code")
        if "error" in asked or not code or len(code) > _LONGEST_CODE:
            raise EnfyraError("OAUTH_FAILED", "The provider has not let the user in")
        profile = await self._flow.complete(provider, code, flow)

        async def provision(profile: Profile) -> Mapping[str, Any]:
            return await self._provisioning.fields(provider, profile, context)

        return await self._linking.user_of(profile, provision, by_email=provider.link_by_email)

    # -- codes ----------------------------------------------------------------------------------

    async def exchange(self, code: str, context: Context) -> LoggedIn:
        """Give the tokens of a code that was not for a browser; see `taken`."""
        return (await self.taken(code, context.request))[0]

    async def taken(self, code: str, request: Request) -> tuple[LoggedIn, str]:
        """Give the tokens of a code, and where the browser goes then.

        Raises:
            EnfyraError: INVALID_TOKEN, TOKEN_EXPIRED, ACCOUNT_DISABLED.
        """
        held = read_cookies(request.headers.get("cookie", "")).get(FLOW_COOKIE)
        known = await self._flow.exchange(code, held=held)
        await self._sessions.refuse_disabled(known.user)
        given = await self._sessions.begin(
            known.user,
            login_provider=known.provider,
            client=client_of(request),
            id_=known.id,
        )
        return given, known.redirect


def _query_of(context: Context) -> dict[str, str]:
    named = parse_query_string(context.request.query)
    return {name: value for name, value in named.items() if isinstance(value, str)}


def _own_origin(request: Request) -> str:
    return f"{'https' if is_secure(request) else 'http'}://{own_host(request)}"


def _redirect_of(asked: str | None, provider: Provider, own: str, context: Context) -> str:
    """Give where a login ends: where it says, where the provider's row says, or here."""
    if not asked:
        return provider.app_callback_url or f"{own}/"
    app = origin_of(provider.app_callback_url or "")
    origins = Origins(context.snapshot.permissions.origins)

    def allowed(origin: str) -> bool:
        # All may call with `*`, but not all get somebody's login.
        return origin == app or origins.welcome(origin) is Welcome.LISTED

    return checked_redirect(asked, own, allowed)


def _with(address: str, query: Mapping[str, str]) -> str:
    address, hash_, fragment = address.partition("#")
    sign = "&" if "?" in address else "?"
    return f"{address}{sign}{urlencode(query)}{hash_}{fragment}"


def _sent(address: str, *cookies: str) -> Response:
    headers = {"Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(302, headers=headers, cookies=list(cookies))
