"""What answers below the mount point: a kernel in this process, or a central server."""

from __future__ import annotations

import re
from typing import Protocol

from enfyra_kernel.lifecycle.messages import Request, Response
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerRequest

# Jupyter takes these out of any query; ours refuses names that it does not know.
RESERVED = ("token", "_xsrf", "no_track_activity")
_CREDENTIAL = re.compile(r"\s*(?:bearer|token)\s+(\S+)\s*", re.IGNORECASE)
_RESERVED_PAIR = re.compile(rf"(?:{'|'.join(RESERVED)})(?:=|$)")


class Home(Protocol):
    """Answers requests, whoever is asking."""

    @property
    def max_body(self) -> int:
        """The largest body, in bytes, that is read into memory."""
        ...

    @property
    def upload_timeout(self) -> float:
        """Seconds without a byte after which a load is given up."""
        ...

    async def start(self) -> None:
        """Begin; never raises, and does not wait longer than a moment for others."""
        ...

    async def stop(self) -> None:
        """Close everything."""
        ...

    def shortcut(self, request: HTTPServerRequest) -> HTTPMessageDelegate | None:
        """Give what answers a request whose sender needs nothing of Jupyter, if it is such."""
        ...

    def knows(self, credential: str) -> bool:
        """Say whether a bearer token is certainly Enfyra's, whether or not it is still valid."""
        ...

    async def answer(self, request: Request, *, holder: bool) -> Response:
        """Answer a request.

        Args:
            holder: Whether Jupyter knows the sender, who then acts as the owner.
        """
        ...


def credential_of(headers: HTTPHeaders) -> str | None:
    """Give the token in the Authorization header, be it Jupyter's or Enfyra's.

    Other schemes, such as Basic, are the business of a proxy in front.
    """
    found = _CREDENTIAL.fullmatch(headers.get("Authorization", ""))
    return found[1] if found is not None else None


def without_reserved(query: str) -> str:
    """Take the parameters that are Jupyter's own out of a query string.

    Example:
        >>> without_reserved("limit=5&token=secret&filter=%7B%7D")
        'limit=5&filter=%7B%7D'
    """
    if not query:
        return query
    return "&".join(part for part in query.split("&") if not _RESERVED_PAIR.match(part))
