"""The scripts of a route as they are saved: its hooks, those of all routes, and its handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ..magics.scripting import ALL, HANDLERS, HOOKS, METHODS, make_route, versions_of

if TYPE_CHECKING:
    from ..magics.session import Session

HANDLER = "handler"
STAGES = (*HOOKS, HANDLER)
# What a hook of all methods is tried with at first.
_TRIED = "POST"
Script = dict[str, Any]


class RouteScripts:
    """The scripts of one route; each change is a request, and live at once.

    Args:
        route: The route's path, which need not be there yet.
    """

    def __init__(self, session: Session, route: str) -> None:
        self._session = session
        self._route = route

    def all(self) -> list[Script]:
        """Give all of them, stage by stage, in the order that they run in."""
        return [script for stage in STAGES for script in self._of(stage)]

    def _of(self, stage: str) -> list[Script]:
        several = stage != HANDLER
        own = {"route": {"path": {"_eq": self._route}}}
        rows = self._session.client.get(
            _path(stage),
            filter={"_or": [own, {"isGlobal": {"_eq": True}}]} if several else own,
            fields=f"*,{'methods' if several else 'method'}.name",
            sort="id",
            limit=0,
        )["data"]
        return sorted((_script(stage, row) for row in rows), key=_place)

    def save(self, draft: Mapping[str, Any]) -> Any:
        """Save a script; give its id.

        A version is kept of what has another source than before.

        Raises:
            UsageError: The script has been deleted meanwhile.
        """
        stage = draft["stage"]
        row: dict[str, Any] = {"scriptLanguage": draft["language"]}
        if stage == HANDLER:
            make_route(self._session, self._route, draft["method"])
            row |= {"route": self._route, "method": draft["method"]}
        else:
            row |= {
                "route": None if draft["global"] else self._route,
                "isGlobal": draft["global"],
                "methods": list(draft["methods"]),
                "name": name_of(draft, self._route),
                "priority": draft["priority"],
            }
        known = self.find(draft)
        if known is None or known["source"] != draft["source"]:
            row["sourceCode"] = draft["source"]
        client = self._session.client
        if known is None:
            return client.post(_path(stage), row)["data"][0]["id"]
        return client.patch(f"{_path(stage)}/{known['id']}", row)["data"][0]["id"]

    def find(self, draft: Mapping[str, Any]) -> Script | None:
        """Give the saved script that a draft is of; None for a new one.

        Raises:
            UsageError: It has been deleted meanwhile.
        """
        if draft["id"] is None:
            return None
        for one in self._of(draft["stage"]):
            if one["id"] == draft["id"]:
                return one
        raise UsageError(f"'{draft['name']}' has been deleted meanwhile; save it as a new one")

    def switch(self, stage: str, script: Any, *, on: bool) -> None:
        """Have a hook run from now on, or not."""
        self._session.client.patch(f"{_path(stage)}/{script}", {"isEnabled": on})

    def move(self, stage: str, script: Any, step: int) -> None:
        """Have a hook run one place earlier (-1) or later (1)."""
        for changed, priority in reordered(self._of(stage), script, step).items():
            self._session.client.patch(f"{_path(stage)}/{changed}", {"priority": priority})

    def delete(self, stage: str, script: Any) -> None:
        """Delete a script."""
        self._session.client.send("DELETE", f"{_path(stage)}/{script}")

    def history(self, draft: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give the versions of a script, the newest first."""
        if draft["id"] is None:
            return []
        return [
            {
                "version": one["version"],
                "at": one["createdAt"],
                "by": (one.get("savedBy") or {}).get("email"),
                "source": one["sourceCode"],
                "language": one["scriptLanguage"],
            }
            for one in versions_of(self._session, _path(draft["stage"]), {"id": draft["id"]})
        ]

    def bring_back(self, draft: Mapping[str, Any], version: int) -> dict[str, Any]:
        """Save an older version again; give it.

        Raises:
            UsageError: It is not kept.
        """
        wanted = [one for one in self.history(draft) if one["version"] == version]
        if not wanted:
            raise UsageError(f"There is no version {version} any more")
        body = {"sourceCode": wanted[0]["source"], "scriptLanguage": wanted[0]["language"]}
        self._session.client.patch(f"{_path(draft['stage'])}/{draft['id']}", body)
        return wanted[0]


def name_of(draft: Mapping[str, Any], route: str) -> str:
    """Give what a script is called, if only by what it is."""
    given = draft["name"].strip()
    if given:
        return given
    if draft["stage"] == HANDLER:
        return f"{draft['method']} handler"
    place = "all routes" if draft["global"] else route
    return f"{draft['stage']} {','.join(draft['methods']) or ALL} {place}"


def reordered(hooks: Sequence[Script], moved: Any, step: int) -> dict[Any, int]:
    """Give the priorities to set, so that a hook changes places with the one beside it.

    Where priorities are the same, hooks of all routes run first, and then those that are older.

    Example:
        >>> hooks = [{"id": n, "priority": 0, "global": False} for n in (1, 2, 3)]
        >>> reordered(hooks, 3, -1), reordered(hooks, 1, -1)
        ({2: 1}, {})
    """
    order = list(hooks)
    at = next((n for n, one in enumerate(order) if one["id"] == moved), None)
    if at is None or not 0 <= at + step < len(order):
        return {}
    order[at], order[at + step] = order[at + step], order[at]
    changed: dict[Any, int] = {}
    for before, one in pairwise(order):
        last = before | {"priority": changed.get(before["id"], before["priority"])}
        if _place(one) > _place(last):
            continue
        # The same priority will do where one would come later anyway.
        same = one | {"priority": last["priority"]}
        changed[one["id"]] = last["priority"] + (0 if _place(same) > _place(last) else 1)
    return changed


def _path(stage: str) -> str:
    return HOOKS.get(stage, HANDLERS)


def _script(stage: str, row: Mapping[str, Any]) -> Script:
    named = row["methods"] if stage != HANDLER else [row["method"]]
    methods = sorted((one["name"] for one in named), key=_rank)
    return {
        "stage": stage,
        "id": row["id"],
        "name": row.get("name") or f"{methods[0]} handler",
        "method": methods[0] if methods else _TRIED,
        "methods": methods,
        "priority": row.get("priority") or 0,
        "enabled": row.get("isEnabled", True),
        "global": bool(row.get("isGlobal")),
        "language": row["scriptLanguage"],
        "source": row["sourceCode"],
    }


def _rank(method: str) -> int:
    return METHODS.index(method) if method in METHODS else len(METHODS)


def _place(script: Script) -> tuple[int, bool, Any]:
    return script["priority"], not script["global"], script["id"]
