"""Cookies: read from a request, and written for an answer."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

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
