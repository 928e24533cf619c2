"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A user in a request.

    Attributes:
        session: The login that the request belongs to; None for the owner of a Jupyter server.
    """

    id: str
    email: str
    is_root: bool = False
    role: int | None = None
    session: str | None = None
    login_provider: str | None = None
