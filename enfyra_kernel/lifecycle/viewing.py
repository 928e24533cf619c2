"""The definitions as one caller may see them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from ..access.policy import open_methods
from ..identity.callers import Caller
from ..metadata.routes import Route
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..query.plan import Access


@dataclass(frozen=True, slots=True)
class View:
    """What a caller may see of a Snapshot: routes and their methods, tables, fields."""

    snapshot: Snapshot
    caller: Caller | None
    access: Access

    def methods(self, route: Route) -> frozenset[str]:
        """Give the methods of a route that the caller may use."""
        return open_methods(route, self.caller)

    def permits(self, method: str, template: str) -> bool:
        """Say whether what the caller has sent is meant for a method of some such path."""
        scopes = self.caller.scopes if self.caller is not None else None
        return scopes is None or any(scope.may_cover(method, template) for scope in scopes)

    def shows(self, table: Table) -> bool:
        """Say whether the caller may know of a table: any of its routes lets him in."""
        if self.caller is not None and self.caller.is_root:
            return True
        return any(self.methods(route) for route in self.snapshot.routes.of_table(table))

    def kind(self, named: frozenset[str]) -> Hashable:
        """Give what tells callers apart to whom different things are shown.

        Args:
            named: The accounts that permissions of routes name; see `named_accounts`.
        """
        caller = self.caller
        if caller is None:
            return (self.access,)
        if caller.is_root:
            return (self.access, True, caller.scopes)
        account = caller.id if caller.id in named else None
        return (self.access, False, caller.role, account, caller.scopes)


def named_accounts(snapshot: Snapshot) -> frozenset[str]:
    """Give the ids of the accounts that permissions of routes name."""
    return frozenset(
        user
        for route in snapshot.routes.routes
        for grant in route.grants.values()
        for user in grant.users
    )
