"""The request that a script asks something for, and how much it may ask for."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Literal

from ...errors import EnfyraError

Good = Literal["fetches", "fetched bytes", "password hashes", "key pairs"]

# What all scripts of one request may use together.
ALLOWED: dict[Good, int] = {
    "fetches": 10,
    "fetched bytes": 2_000_000,
    "password hashes": 10,
    "key pairs": 2,
}


class Budget:
    """What the scripts of one request have used of what they may use.

    Example:
        >>> budget = Budget()
        >>> budget.take("fetches")
        >>> budget.left("fetches")
        9
    """

    def __init__(self) -> None:
        self._used: dict[Good, int] = {}

    def left(self, good: Good, most: int | None = None) -> int:
        """Say how much of something may still be used, of as much as there is or of less."""
        allowed = ALLOWED[good] if most is None else min(most, ALLOWED[good])
        return max(0, allowed - self._used.get(good, 0))

    def take(self, good: Good, amount: int = 1, *, most: int | None = None) -> None:
        """Use something.

        Raises:
            EnfyraError: BUDGET_EXCEEDED when there is not so much left.
        """
        if amount > self.left(good, most):
            allowed = ALLOWED[good] if most is None else min(most, ALLOWED[good])
            raise EnfyraError(
                "BUDGET_EXCEEDED",
                f"The scripts of one request may use {allowed} {good}, and want more",
                details={"what": good, "limit": allowed},
            )
        self._used[good] = self._used.get(good, 0) + amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Whom a script works for.

    Attributes:
        ip: The client's address.
        user: The id of the user; None for somebody who has not logged in.
        route: The route's path as it was defined, such as `/post/:id`.
        budget: What the request's scripts have used; one request has one.
    """

    ip: str
    user: str | None
    method: str
    route: str
    budget: Budget = field(default_factory=Budget)

    @property
    def network(self) -> str:
        """The address that the client is counted by: of IPv6 the /64, which one customer has.

        Example:
            >>> Requester(ip="2001:db8::1:2", user=None, method="GET", route="/post").network
            '2001:db8::/64'
        """
        try:
            address = ipaddress.ip_address(self.ip)
        except ValueError:
            return self.ip
        if address.version == 4:
            return str(address)
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
