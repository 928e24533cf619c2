"""Guards in the way of a request: who is turned away, and what everybody is told of limits."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..access.guards import (
    Guard,
    Guards,
    Passage,
    Refusal,
    first_refusal,
    requester_of,
)
from ..clock import Clock
from ..cluster.limits import Allowance, Limits
from ..errors import EnfyraError
from ..metadata.permissions import Permissions
from .messages import Request

_CODES = {
    "rate_limit": "RATE_LIMIT_EXCEEDED",
    "ip_not_allowed": "IP_NOT_ALLOWED",
    "ip_blocked": "IP_BLOCKED",
}
_SCOPES = {
    "rate_limit_by_ip": "ip",
    "rate_limit_by_user": "user",
    "rate_limit_by_route": "route",
}


class Guarding:
    """Applies the guards of a Snapshot.

    Args:
        limits: Counts requests, together with all instances.
        enabled: Whether guards are applied at all.
    """

    def __init__(self, limits: Limits, clock: Clock, *, enabled: bool) -> None:
        self.limits = limits
        self._clock = clock
        self._enabled = enabled
        # Those of the last permissions that were asked for.
        self._permissions: Permissions | None = None
        self._guards: Guards | None = None

    def of(self, permissions: Permissions) -> Guards | None:
        """Give the guards, compiled once; None where there are none."""
        if permissions is not self._permissions:
            there = self._enabled and bool(permissions.guards)
            self._guards = Guards(permissions) if there else None
            self._permissions = permissions
        return self._guards

    async def admit(
        self, guards: Sequence[Guard], request: Request, path: str, user: str | None = None
    ) -> None:
        """Let a request pass, or not; what is left of limits goes into the answer's headers.

        Args:
            path: The route's.
            user: The caller's id, if it is known.

        Raises:
            EnfyraError: RATE_LIMIT_EXCEEDED, IP_NOT_ALLOWED, IP_BLOCKED.
        """
        if not guards:
            return
        passage = Passage(requester_of(request.remote_ip, path, user), self.limits)
        refusal = await first_refusal(guards, passage)
        self._tell(request, passage)
        if refusal is not None:
            raise refused(refusal)

    def _tell(self, request: Request, passage: Passage) -> None:
        """Put what is left into headers, as the draft of the IETF on RateLimit fields has them."""
        if not passage.counted:
            return
        now = self._clock.now().timestamp()
        policies = [f'"rule-{id_}";q={one.limit};w={one.window}' for id_, one in passage.counted]
        left = [
            f'"rule-{id_}";r={one.remaining};t={_seconds_until(one, now)}'
            for id_, one in passage.counted
        ]
        headers = request.answer_headers
        for name, values in (("RateLimit-Policy", policies), ("RateLimit", left)):
            before = [headers[name]] if name in headers else []
            headers[name] = ", ".join([*before, *values])


def _seconds_until(allowance: Allowance, now: float) -> int:
    return min(allowance.window, max(0, math.ceil(allowance.reset_at / 1000 - now)))


def refused(refusal: Refusal) -> EnfyraError:
    """Make the error of somebody who is turned away."""
    allowance = refusal.allowance
    if allowance is None:
        return EnfyraError(_CODES[refusal.reason], details={"reason": refusal.reason})
    scope = _SCOPES[refusal.type]
    return EnfyraError(
        _CODES[refusal.reason],
        f"There have been too many requests: {allowance.limit} may be made in "
        f"{allowance.window} seconds",
        details={
            "reason": refusal.reason,
            "scope": scope,
            "limit": allowance.limit,
            "remaining": allowance.remaining,
            "windowSeconds": allowance.window,
            "retryAfterSeconds": allowance.retry_after,
            "resetAt": allowance.reset_at,
        },
        hint=f"Try again in {allowance.retry_after} seconds",
    )
