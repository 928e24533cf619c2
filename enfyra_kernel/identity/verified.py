"""Tokens that have been verified: remembered, so that a request costs no look at the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from ..clock import Clock
from .callers import Caller

MOST = 10_000


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens have to be looked up anew; it travels between instances.

    Attributes:
        tokens: Ids of API tokens.
        everybody: Whether it is about all tokens there are.
    """

    users: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    everybody: bool = False


EVERYBODY = Revoked(everybody=True)

Announce = Callable[[Revoked], Awaitable[None]]


class VerifiedTokens:
    """The callers of tokens that were found to be good, until these expire or are revoked.

    Args:
        most: How many are remembered; the one that came first goes first.

    Attributes:
        changes: How often something has been revoked: what was being read meanwhile is not kept.

    Example:
        >>> from enfyra_kernel.clock import SystemClock
        >>> verified = VerifiedTokens(SystemClock())
        >>> ann = Caller(id="1", email="ann@example.org", session="s")
        >>> verified.keep("token", ann, expires=1e12, changes=verified.changes)
        >>> verified.get("token") is ann
        True
        >>> verified.forget(Revoked(sessions=("s",)))
        >>> verified.get("token") is None
        True
    """

    def __init__(self, clock: Clock, *, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._known: dict[str, tuple[Caller, float]] = {}
        self.changes = 0

    def __len__(self) -> int:
        return len(self._known)

    def get(self, token: str) -> Caller | None:
        """Give the caller of a token that is remembered and has not expired."""
        found = self._known.get(token)
        if found is None or found[1] <= self._clock.now().timestamp():
            return None
        return found[0]

    def keep(self, token: str, caller: Caller, *, expires: float, changes: int) -> None:
        """Remember a token.

        Args:
            changes: How many there had been when its owner began to be looked up.
        """
        if changes != self.changes:
            return
        self._known.pop(token, None)
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[token] = (caller, expires)

    def forget(self, revoked: Revoked) -> None:
        """Forget the tokens of those whose login, role or account has changed."""
        self.changes += 1
        if revoked.everybody:
            self._known.clear()
            return
        users, sessions, tokens = map(set, (revoked.users, revoked.sessions, revoked.tokens))
        gone = [
            token
            for token, (caller, _) in self._known.items()
            if caller.id in users or caller.session in sessions or caller.api_token in tokens
        ]
        for token in gone:
            del self._known[token]


class Revocations:
    """Has tokens looked up anew when what they are worth has changed.

    Args:
        forget_user: Forgets what is known of users.
        announce: Tells the other instances.
    """

    def __init__(
        self, verified: VerifiedTokens, forget_user: Callable[[Revoked], None], announce: Announce
    ) -> None:
        self._verified = verified
        self._forget_user = forget_user
        self._announce = announce

    async def revoke(self, revoked: Revoked) -> None:
        """Have tokens looked up anew, here and on all other instances."""
        self.forget(revoked)
        await self._announce(revoked)

    def forget(self, revoked: Revoked) -> None:
        """Have tokens looked up anew, here."""
        self._verified.forget(revoked)
        self._forget_user(revoked)
