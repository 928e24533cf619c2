"""Cookies: read from a request, and written for an answer."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from .messages import Request

_PATH = "/"


def read_cookies(header: str) -> dict[str, str]:
    """Give the cookies of a request; of two with one name, the first, as browsers put it.

    Example:
        >>> read_cookies('a=1; b="2"; a=3; nonsense')
        {'a': '1', 'b': '2'}
    """
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, sign, value = part.strip().partition("=")
        if sign and name not in cookies:
            cookies[name] = value.strip('"')
    return cookies


def set_cookie(
    name: str, value: str, *, secure: bool, lasts: int | None = None, path: str = _PATH
) -> str:
    """Give the header that sets a cookie, which no script and no other site gets to send.

    Args:
        secure: Whether it is for https only.
        lasts: Seconds; without them, until the browser is closed.

    Raises:
        CookieError: The name or value cannot be that of a cookie.

    Example:
        >>> set_cookie("a", "1", secure=True, lasts=60)
        'a=1; HttpOnly; Max-Age=60; Path=/; SameSite=Lax; Secure'
    """
    if any(char in value for char in '"\\;, \r\n'):
        raise CookieError("the value cannot be that of a cookie")
    cookie = SimpleCookie()
    cookie[name] = value
    morsel = cookie[name]
    morsel["path"], morsel["httponly"], morsel["samesite"] = path, True, "Lax"
    if secure:
        morsel["secure"] = True
    if lasts is not None:
        morsel["max-age"] = max(0, lasts)
    return morsel.OutputString()


def clear_cookie(name: str, *, secure: bool, path: str = _PATH) -> str:
    """Give the header that takes a cookie away.

    Example:
        >>> clear_cookie("a", secure=False)
        'a=""; HttpOnly; Max-Age=0; Path=/; SameSite=Lax'
    """
    return set_cookie(name, "", secure=secure, lasts=0, path=path)


def is_secure(request: Request) -> bool:
    """Say whether a browser sent a request over https, also if a proxy handed it on over http.

    A client that says so wrongly gets cookies that it does not send back.
    """
    proto = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return request.scheme == "https" or proto == "https"


def own_host(request: Request) -> str:
    """Give the host, and perhaps port, that a browser sent a request to.

    No page can make a browser send X-Forwarded-Host elsewhere without being allowed to.
    """
    forwarded = request.headers.get("x-forwarded-host", "").partition(",")[0].strip()
    return (forwarded or request.headers.get("host", "")).lower()
