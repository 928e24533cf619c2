"""Sub-commands about who may do what."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from ..display import Listing
from ..grants import Grants, in_order
from ..matrix import Matrix
from . import clicking
from .session import Session, matching

if TYPE_CHECKING:
    from ..widgets.permissions import Permissions

_SIGNS = {"passes": "yes", "refuses": "no", "depends": "depends"}


def list_users(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra users`."""
    fields = "email,isRootAdmin,isDisabled,role.name"
    rows = session.client.get("/user_definition", fields=fields, sort="email", limit=0)["data"]
    shown = [
        [one["email"], (one["role"] or {}).get("name", ""), _kind(one)]
        for one in rows
        if matching(one["email"], given.pattern)
    ]
    note = "" if shown else f"No account's address is like '{given.pattern}'"
    return Listing("Accounts", ["e-mail", "role", ""], shown, note)


def _kind(user: dict[str, Any]) -> str:
    if user.get("isDisabled"):
        return "disabled"
    return "root administrator" if user["isRootAdmin"] else ""


def list_roles(session: Session, _: Namespace) -> Listing:
    """Do `%enfyra roles`."""
    grants = Grants(session.client)
    permissions = grants.permissions()
    users = session.client.get("/user_definition", fields="role.name", limit=0)["data"]
    rows = [
        [
            role["name"],
            sum((one["role"] or {}).get("name") == role["name"] for one in users),
            "\n".join(
                f"{' '.join(in_order(one.methods))} {one.path}"
                for one in sorted(permissions, key=lambda one: one.path)
                if one.role == role["name"]
            ),
            role["description"] or "",
        ]
        for role in grants.roles()
    ]
    return Listing("Roles", ["role", "accounts", "may", "description"], rows)


def can(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra can`."""
    asked: dict[str, Any] = {"method": given.method, "path": given.path}
    if given.user != "nobody":
        asked["user"] = given.user
    asked |= {name: value for name in ("row", "ip") if (value := getattr(given, name)) is not None}
    told = session.client.post("/admin/access/explain", asked)["data"][0]
    depends = any(one["verdict"] == "depends" for one in told["steps"])
    answer = "no" if not told["allowed"] else "yes, if" if depends else "yes"
    rows = [
        [one["step"], _SIGNS[one["verdict"]], one["reason"], one["rule"] or ""]
        for one in told["steps"]
    ]
    note = f"The answer is {told['status']} {told['code']}" if told["code"] else ""
    if depends and told["allowed"]:
        note = "It depends on what is said above"
    title = f"May {given.user} {told['method']} {told['path']}? {answer.capitalize()}"
    return Listing(title, ["step", "", "why", "rule"], rows, note)


def grant(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra grant`."""
    methods = Grants(session.client).grant(given.who, given.methods, given.route)
    return _now(given, methods)


def revoke(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra revoke`."""
    methods = Grants(session.client).revoke(given.who, given.methods, given.route)
    return _now(given, methods)


def _now(given: Namespace, methods: frozenset[str]) -> Listing:
    words = " ".join(in_order(methods)) if methods else "nothing"
    return Listing(f"{given.who} may {words} on {given.route}", (), (), "it is live")


def show_matrix(session: Session, given: Namespace) -> Permissions | Listing:
    """Do `%enfyra access`."""
    grants = Grants(session.client)
    routes = [
        one
        for one in grants.routes()
        if (given.system or not one.is_system) and matching(one.path, given.pattern)
    ]
    if not routes:
        note = "There are no such routes; a table brings one, and --system shows the system's"
        return Listing("Access", (), (), note)
    return clicking.permissions(session, Matrix(grants, routes), given.pattern or "")
