"""Where browsers may be sent after a login: nowhere that an attacker would choose."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import SplitResult

from ...errors import EnfyraError
from ...uri import split_address

DEFAULT_PREFIX = "/api"
_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){1,8}")
# Browsers take a backslash for a slash, and leave line breaks and tabs out.
_HARMFUL = re.compile(r"[\\\x00-\x20\x7f]")
_LONGEST = 2000


def checked_redirect(asked: str, own: str, allowed: Callable[[str], bool]) -> str:
    """Give an address that browsers may be sent to, as a whole one.

    Args:
        own: Our own origin, as the browser sees it.
        allowed: Says whether another origin is that of an app.

    Raises:
        EnfyraError: INVALID_REDIRECT.

    Example:
        >>> checked_redirect("/chat?x=1", "https://api.example.org", {"https://a.b"}.__contains__)
        'https://api.example.org/chat?x=1'
        >>> checked_redirect("//evil.example", "https://api.example.org", lambda _: False)
        Traceback (most recent call last):
        enfyra_kernel.errors.EnfyraError: Browsers are not sent to '//evil.example' after a login
    """
    refused = EnfyraError(
        "INVALID_REDIRECT", f"Browsers are not sent to '{asked[:100]}' after a login"
    )
    if len(asked) > _LONGEST or _HARMFUL.search(asked):
        raise refused
    try:
        parts = split_address(asked)
    except ValueError:
        raise refused from None
    if not parts.scheme and not parts.netloc:
        if not asked.startswith("/") or asked.startswith("//"):
            raise refused
        return own + asked
    if parts.username is not None or parts.password is not None:
        raise refused
    origin = origin_of(parts)
    if not origin or not (origin == own or allowed(origin)):
        raise refused
    return asked


def origin_of(address: SplitResult | str) -> str:
    """Give the origin of an address; empty for what is none of the web.

    Example:
        >>> origin_of("https://app.example.org/chat?x=1")
        'https://app.example.org'
    """
    parts = split_address(address) if isinstance(address, str) else address
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}"


def checked_prefix(asked: str | None) -> str:
    """Give the path that an app has the cookie bridge at.

    Raises:
        EnfyraError: INVALID_REDIRECT.
    """
    if not asked:
        return DEFAULT_PREFIX
    if not _PREFIX.fullmatch(asked.rstrip("/")):
        raise EnfyraError(
            "INVALID_REDIRECT",
            f"cookieBridgePrefix must be a path such as /enfyra, not '{asked[:60]}'",
        )
    return asked.rstrip("/")
