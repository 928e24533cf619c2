"""Who may do what: permissions, row policies, guards, origins."""

from __future__ import annotations

from .declarations import Declarations


def declare(d: Declarations) -> None:
    """Declare the tables."""
    d.table("route_permission_definition")
    d.enabled()
    d.described()
    d.part_of("role", "role_definition", "routePermissions")
    d.part_of("route", "route_definition", "routePermissions")
    d.many("allowedUsers", "user_definition", "allowedRoutePermissions")
    d.many("methods", "method_definition", "routePermissions")

    d.table(
        "field_permission_definition",
        uniques=(("role", "action", "column"), ("role", "action", "relation")),
    )
    d.choice("action", ["read", "create", "update"], "read", is_nullable=False)
    d.choice("effect", ["allow", "deny"], "allow", is_nullable=False)
    d.json("condition")
    d.enabled()
    d.system()
    d.described()
    d.part_of("role", "role_definition")
    d.part_of("column", "column_definition", "fieldPermissions")
    d.part_of("relation", "relation_definition", "fieldPermissions")
    d.many("allowedUsers", "user_definition")

    d.table(
        "row_policy_definition",
        description="The records that a role or user may read, create, change or delete",
    )
    d.text("name", is_nullable=False)
    d.choice("action", ["all", "read", "create", "update", "delete"], "all", is_nullable=False)
    d.json("filter")
    d.enabled()
    d.described()
    d.part_of("role", "role_definition")
    d.part_of("table", "table_definition", is_nullable=False)
    d.many("allowedUsers", "user_definition")

    d.table("guard_definition")
    d.text("name", is_nullable=False)
    d.choice("position", ["pre_auth", "post_auth"])
    d.choice("combinator", ["and", "or"], "and", is_nullable=False)
    d.number("priority", 0, is_nullable=False)
    d.enabled()
    d.flag("isGlobal")
    d.system()
    d.described()
    d.part_of("parent", "guard_definition", "children")
    d.part_of("route", "route_definition", "guards")
    d.many("methods", "method_definition")

    d.table("guard_rule_definition")
    d.choice(
        "type",
        ["rate_limit_by_ip", "rate_limit_by_user", "rate_limit_by_route", "ip_whitelist",
         "ip_blacklist"],
        is_nullable=False,
    )  # fmt: skip
    d.json("config", is_nullable=False)
    d.number("priority", 0, is_nullable=False)
    d.enabled()
    d.described()
    d.part_of("guard", "guard_definition", "rules", is_nullable=False)
    d.many("users", "user_definition")

    d.table(
        "cors_origin_definition",
        uniques=(("origin",),),
        description="Web origins whose pages may call the API",
    )
    d.text("origin", is_nullable=False)
    d.enabled()
    d.described()
