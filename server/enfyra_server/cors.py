"""Pages of other origins: what browsers are told of whom the API lets in (CORS)."""

from __future__ import annotations

import re

from enfyra_kernel.access.origins import Origins, Welcome
from enfyra_kernel.lifecycle.messages import Request, Response
from enfyra_kernel.metadata.permissions import Permissions
from enfyra_kernel.metadata.registry import Registry

# What a page may read beside the few headers that any page may.
EXPOSED = (
    "Allow, Content-Disposition, ETag, Idempotency-Replayed, RateLimit, RateLimit-Policy, "
    "Retry-After, WWW-Authenticate, X-Correlation-ID"
)
# Seconds that a browser keeps what it was told before a request.
_KEPT = "600"
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_LONGEST = 1000


class Cors:
    """Knows the origins that are let in.

    Args:
        registry: Holds the definitions of now.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._permissions: Permissions | None = None
        self._origins: Origins | None = None

    @property
    def origins(self) -> Origins | None:
        """The origins that are let in, compiled once; None if nothing is said of them."""
        permissions = self._registry.current.permissions
        if permissions is not self._permissions:
            self._origins = Origins(permissions.origins) if permissions.origins else None
            self._permissions = permissions
        return self._origins


def asks_before(request: Request) -> bool:
    """Say whether a browser asks whether a page may send a request (a preflight).

    Example:
        >>> headers = {"origin": "https://a.example", "access-control-request-method": "PUT"}
        >>> asks_before(Request("OPTIONS", "/post", "", headers))
        True
    """
    headers = request.headers
    return (
        request.method == "OPTIONS"
        and "origin" in headers
        and "access-control-request-method" in headers
    )


def mark(origins: Origins, request: Request, response: Response) -> Response:
    """Tell the browser that a page may read an answer, if its origin is let in."""
    headers = response.headers
    if origins.differ:
        headers["Vary"] = f"{headers['Vary']}, Origin" if "Vary" in headers else "Origin"
    origin = request.headers.get("origin")
    welcome = origins.welcome(origin) if origin is not None else None
    if welcome is None or origin is None:
        return response
    if welcome is Welcome.LISTED:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Credentials"] = "true"
    else:
        headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = EXPOSED
    return response


def preflight(origins: Origins, request: Request, methods: frozenset[str]) -> Response | None:
    """Answer a browser that asks beforehand; None if the origin is not let in.

    Args:
        methods: Those that there are at the path.
    """
    if origins.welcome(request.headers["origin"]) is None:
        return None
    headers = {
        "Allow": ", ".join(sorted({*methods, "OPTIONS"})),
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Max-Age": _KEPT,
        "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    asked = request.headers.get("access-control-request-headers", "").strip()
    if asked and len(asked) <= _LONGEST and _HEADER_NAMES.fullmatch(asked):
        headers["Access-Control-Allow-Headers"] = asked
    return Response(204, headers=headers)
