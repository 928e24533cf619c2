"""Which nested records a caller may write: those that the tables' own routes would let through."""

from __future__ import annotations

from ..access.policy import authorize
from ..errors import EnfyraError
from ..metadata.tables import Table
from ..records.desk import Permit
from .context import Context


def permit_of(context: Context) -> Permit:
    """Give what says, by raising, that records nested in a request's body may not be written."""

    def permit(table: Table, method: str, place: str) -> None:
        caller = context.caller
        if caller is not None and caller.scopes is not None:
            # The record of a change is one below the table's path, whichever it is.
            path = f"/{table.name}" if method == "POST" else f"/{table.name}/-"
            if not caller.permits(method, path):
                raise out_of_scope(method, f"/{table.name}", f"{place}: ")
        if caller is not None and caller.is_root:
            return
        match = context.snapshot.routes.find(f"/{table.name}")
        if match is not None and match.route.table is table and method in match.route.available:
            try:
                authorize(match.route, method, caller)
            except EnfyraError as error:
                raise EnfyraError(
                    error.code, f"{place}: {error.message} ({method} {match.route.path})"
                ) from None
            return
        raise EnfyraError(
            "AUTHORIZATION_ERROR",
            f"{place}: there is no route that lets you {method} records of '{table.name}'",
        )

    return permit


def permit_also(context: Context, method: str, place: str) -> None:
    """Refuse what a request does beside its own method, if the route does not let the caller.

    Raises:
        EnfyraError: AUTHENTICATION_ERROR or AUTHORIZATION_ERROR, naming the place.
    """
    caller, route = context.caller, context.route
    if caller is not None and not caller.permits(method, context.request.path):
        raise out_of_scope(method, route.path, f"{place}: ")
    try:
        authorize(route, method, caller)
    except EnfyraError as error:
        raise EnfyraError(error.code, f"{place}: {error.message} ({method} {route.path})") from None


def out_of_scope(method: str, path: str, place: str = "") -> EnfyraError:
    """Make the error for an API token that is meant for other things."""
    return EnfyraError(
        "AUTHORIZATION_ERROR",
        f"{place}The API token is not meant for {method} {path[:200]}",
        hint="GET /me/tokens shows its scopes",
    )
