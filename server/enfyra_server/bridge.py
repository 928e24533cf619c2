"""The bridge for browsers: below `/api` and `/enfyra`, cookies stand for tokens.

An app proxies one of the two from its own origin. Tokens live in cookies that no script can read;
access tokens are renewed on the way; what other sites would have a browser send is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from enfyra_kernel.access.origins import Origins, Welcome
from enfyra_kernel.encoding import decode_json, encode_json
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.identity.sessions import LoggedIn
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.cookies import (
    clear_cookie,
    is_secure,
    own_host,
    read_cookies,
    set_cookie,
)
from enfyra_kernel.lifecycle.messages import JSON, Request, Response, failure
from enfyra_kernel.lifecycle.oauth import FLOW_COOKIE
from enfyra_kernel.logs import get_logger
from enfyra_kernel.metadata.routes import PREFIXES, normal_path
from enfyra_kernel.query.brackets import parse_query_string

_log = get_logger("bridge")

ACCESS, REFRESH, EXPIRES = "accessToken", "refreshToken", "expTime"
LOGIN, LOGOUT, RENEW = "/auth/login", "/auth/logout", "/auth/refresh-token"
SET_COOKIES = "/auth/set-cookies"
# What apps call, and what it is.
_SHORT = {"/login": LOGIN, "/logout": LOGOUT}
_BEGINNINGS = tuple(f"{prefix}/" for prefix in PREFIXES)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"same-origin", "none"})

Answer = Callable[[Request], Awaitable[Response]]


class _Held(NamedTuple):
    """What a browser holds after its tokens have been looked at.

    Attributes:
        token: The access token that is good.
        renewed: Tokens that are new.
        spoiled: Whether what it sent is worth nothing.
    """

    token: str | None = None
    renewed: LoggedIn | None = None
    spoiled: bool = False


class Bridge:
    """Answers requests of browsers with what answers the same requests of programs.

    Args:
        prefix: The mount point.
        answer: Answers requests with bearer tokens, or none.
        origins: Gives those whose pages may call.
    """

    def __init__(
        self, kernel: Kernel, prefix: str, answer: Answer, origins: Callable[[], Origins | None]
    ) -> None:
        self._kernel = kernel
        self._path = f"{prefix}/"
        self._answer = answer
        self._origins = origins

    def concerns(self, request: Request) -> bool:
        """Say whether a request is one of a browser; with a token in its head it never is."""
        return (
            request.path.startswith(_BEGINNINGS)
            and request.caller is None
            and "authorization" not in request.headers
        )

    async def handle(self, request: Request) -> Response:
        """Answer a request; whatever happens, there is a response."""
        try:
            return await self._handled(request)
        except EnfyraError as error:
            return failure(error, request)
        except Exception:
            _log.exception("request failed", extra={"path": request.path})
            return failure(EnfyraError("INTERNAL_SERVER_ERROR"), request)

    async def _handled(self, request: Request) -> Response:
        if request.method not in _SAFE:
            refuse_foreign(request, self._origins())
        path = normal_path(request.path)
        if path in _SHORT:
            request.path = path = _SHORT[path]
        cookies = read_cookies(request.headers.get("cookie", ""))
        if request.method == "POST" and path in {LOGIN, RENEW}:
            if path == RENEW:
                self._put_refresh_token(request, cookies)
            return self._logged_in(request, await self._answer(request))
        if request.method == "GET" and path == SET_COOKIES:
            return await self._come_back(request)
        if request.method == "POST" and path == LOGOUT:
            return await self._logged_out(request, cookies)
        held = await self._held(cookies)
        if held.token is not None:
            request.headers = {**request.headers, "authorization": f"Bearer {held.token}"}
        response = await self._answer(request)
        if held.token is not None:
            # What is somebody's is nobody else's, whatever caches there are on the way.
            response.headers.setdefault("Cache-Control", "private, no-cache")
            response.headers.setdefault("Vary", "Cookie")
        if held.renewed is not None:
            self._set(request, response, held.renewed)
        elif held.spoiled:
            self._clear(request, response)
        return response

    # -- tokens ---------------------------------------------------------------------------------

    async def _held(self, cookies: dict[str, str]) -> _Held:
        """Find a good access token in a browser's cookies, or get one."""
        access, refresh = cookies.get(ACCESS), cookies.get(REFRESH)
        authenticator = self._kernel.authenticator
        if access and authenticator.cached(access) is not None:
            return _Held(access)
        try:
            if access:
                await authenticator.caller(access)
                return _Held(access)
        except EnfyraError as error:
            if error.status != 401:
                raise
        if not refresh:
            return _Held(spoiled=bool(access))
        try:
            renewed = await self._kernel.sessions.refresh(refresh)
        except EnfyraError as error:
            if error.status != 401:
                raise
            return _Held(spoiled=True)
        return _Held(renewed.access_token, renewed)

    def _put_refresh_token(self, request: Request, cookies: dict[str, str]) -> None:
        """Put the cookie's refresh token in the place of one that the body does not have."""
        if not request.body and (refresh := cookies.get(REFRESH)):
            request.body = encode_json({"refreshToken": refresh})
            request.headers = {**request.headers, "content-type": JSON}

    async def _logged_out(self, request: Request, cookies: dict[str, str]) -> Response:
        """End a login, and take the cookies away, even if there was no login any more."""
        held = await self._held(cookies)
        if held.token is not None:
            request.headers = {**request.headers, "authorization": f"Bearer {held.token}"}
        response = await self._answer(request)
        self._clear(request, response)
        return response

    async def _come_back(self, request: Request) -> Response:
        """Take a browser that comes back from a provider: a code becomes cookies."""
        code = parse_query_string(request.query).get("code")
        if not isinstance(code, str):
            raise EnfyraError("BAD_REQUEST", "There is no code")
        given, redirect = await self._kernel.oauth.taken(code, request)
        # Where to go stands in the code, which is signed.
        headers = {"Location": redirect, "Referrer-Policy": "no-referrer"}
        response = Response(302, headers=headers)
        self._set(request, response, given)
        response.cookies.append(clear_cookie(FLOW_COOKIE, secure=is_secure(request)))
        return response

    # -- cookies --------------------------------------------------------------------------------

    def _logged_in(self, request: Request, response: Response) -> Response:
        """Keep the tokens of an answer in cookies, and out of the reach of scripts."""
        if response.status != 200:
            return response
        content = cast("dict[str, Any]", decode_json(response.body))
        given = LoggedIn(
            content.pop("accessToken"), content.pop("refreshToken"), content["expTime"]
        )
        response.body = encode_json(content)
        self._set(request, response, given)
        return response

    def _set(self, request: Request, response: Response, given: LoggedIn) -> None:
        response.cookies += self.cookies_for(given, secure=is_secure(request))
        response.headers["Cache-Control"] = "no-store"

    def cookies_for(self, given: LoggedIn, *, secure: bool) -> list[str]:
        """Give the headers that keep a login's tokens in cookies."""
        lasts = self._kernel.sessions.lasts(given)
        values = {
            ACCESS: given.access_token,
            REFRESH: given.refresh_token or "",
            EXPIRES: str(given.exp_time),
        }
        return [
            set_cookie(name, value, secure=secure, lasts=lasts, path=self._path)
            for name, value in values.items()
        ]

    def _clear(self, request: Request, response: Response) -> None:
        secure = is_secure(request)
        response.cookies += [
            clear_cookie(name, secure=secure, path=self._path)
            for name in (ACCESS, REFRESH, EXPIRES)
        ]
        response.headers["Cache-Control"] = "no-store"


def refuse_foreign(request: Request, origins: Origins | None) -> None:
    """Refuse what a page of another site would have a browser do with the cookies of its user.

    Browsers say so themselves; older ones name the page's origin. Who says neither is no browser.

    Args:
        origins: Those whose pages may.

    Raises:
        EnfyraError: CROSS_SITE_REQUEST.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origins is not None and origin is not None and origins.welcome(origin) is Welcome.LISTED:
        return
    if site is not None:
        if site.strip().lower() in _OWN:
            return
    elif origin is None or _host_of(origin) == own_host(request):
        return
    raise EnfyraError("CROSS_SITE_REQUEST")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower() or "-"
    except ValueError:
        return "-"
