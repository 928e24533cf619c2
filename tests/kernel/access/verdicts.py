"""Who may do what, worked out anew from the rows of permissions: nothing here is the product's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class Who:
    """Somebody: the account, its role, whether everything is allowed."""

    name: str
    id: str | None = None
    role: str | None = None
    root: bool = False


@dataclass
class World:
    """All permissions, as they were posted.

    Attributes:
        public: Methods open to everybody, by table; `any_login` those open to all accounts.
        hidden: Fields that are not published, by table.
    """

    public: dict[str, set[str]] = field(default_factory=dict)
    any_login: dict[str, set[str]] = field(default_factory=dict)
    hidden: dict[str, set[str]] = field(default_factory=dict)
    routes: list[Row] = field(default_factory=list)
    fields: list[Row] = field(default_factory=list)
    policies: list[Row] = field(default_factory=list)

    # -- routes ---------------------------------------------------------------------------------

    def route(self, who: Who, method: str, table: str) -> int:
        """Give the status that refuses a method, or 200."""
        if method in self.public.get(table, ()):
            return 200
        if who.id is None:
            return 401
        if who.root or method in self.any_login.get(table, ()):
            return 200
        for one in self.routes:
            by_role = one["role"] is not None and one["role"] == who.role
            about = one["table"] == table and method in one["methods"] and one["isEnabled"]
            if about and (by_role or who.id in one["users"]):
                return 200
        return 403

    # -- fields ---------------------------------------------------------------------------------

    def rules(self, who: Who, table: str, name: str, action: str) -> list[Row]:
        """Give the permissions of a field that are about somebody."""
        return [
            one
            for one in self.fields
            if (one["table"], one["field"], one["action"]) == (table, name, action)
            and one["isEnabled"]
            and _is_about(one, who)
        ]

    def depends(self, who: Who, table: str, name: str, action: str) -> bool:
        """Say whether a field of a record may depend on the record."""
        found = self.rules(who, table, name, action)
        return not who.root and any(one["condition"] is not None for one in found)

    def allows(self, who: Who, table: str, name: str, action: str, row: Row) -> bool:
        """Say whether somebody may use a field of a record."""
        if who.root or (name == "id" and action == "read"):
            return True
        found = self.rules(who, table, name, action)
        for about_user in (True, False):
            tier = [r for r in found if bool(r["users"]) is about_user and r["condition"]]
            met = [r for r in tier if meets(row, r["condition"], who)]
            if met:
                return all(r["effect"] == "allow" for r in met)
        for about_user in (True, False):
            tier = [r for r in found if bool(r["users"]) is about_user and not r["condition"]]
            if tier:
                return all(r["effect"] == "allow" for r in tier)
        return name not in self.hidden.get(table, ())

    # -- records --------------------------------------------------------------------------------

    def reaches(self, who: Who, table: str, action: str, row: Row) -> bool:
        """Say whether a record is in somebody's reach."""
        if who.root:
            return True
        policies = [
            one
            for one in self.policies
            if one["table"] == table and one["action"] in {action, "all"} and one["isEnabled"]
        ]
        if not policies:
            return True
        return any(
            one["filter"] is None or meets(row, one["filter"], who)
            for one in policies
            if _is_about(one, who)
        )


def _is_about(rule: Row, who: Who) -> bool:
    if rule["users"]:
        return who.id in rule["users"]
    return rule["role"] is None or rule["role"] == who.role


def meets(row: Row, condition: Row, who: Who) -> bool:
    """Say whether a record meets a condition of one comparison."""
    ((name, operation),) = condition.items()
    ((operator, value),) = operation.items()
    if value == "@USER.id":
        value = who.id
    found = row[name]
    if isinstance(found, dict):
        found = found["id"]
    if found is None or value is None:
        return False
    return {"_eq": found == value, "_neq": found != value}[operator]
