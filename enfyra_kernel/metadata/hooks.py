"""Hooks and handlers: which scripts run on a route, and in what order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from .definitions import RouteDefinition
from .system import SCRIPT_TABLES

PRE: Literal["pre"] = "pre"
POST: Literal["post"] = "post"
DEFAULT_LANGUAGE = "python"
# Milliseconds that a script may take.
DEFAULT_TIMEOUT = 30_000


class HookDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A script that runs before or after what a route does.

    Attributes:
        route: The id of its route; None for one of all routes, or of none.
        methods: The methods that it runs for; empty for all.
        priority: Those with a smaller one come first.
        timeout: Milliseconds.
    """

    id: int
    name: str
    stage: Literal["pre", "post"]
    source: str
    language: str = DEFAULT_LANGUAGE
    timeout: int = DEFAULT_TIMEOUT
    priority: int = 0
    is_enabled: bool = True
    is_global: bool = False
    route: int | None = None
    methods: frozenset[str] = frozenset()


class HandlerDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A script that answers a method of a route in the place of default CRUD."""

    id: int
    route: int
    method: str
    source: str
    language: str = DEFAULT_LANGUAGE
    timeout: int = DEFAULT_TIMEOUT


class Scripts(msgspec.Struct, frozen=True):
    """All hooks and handlers."""

    hooks: tuple[HookDefinition, ...] = ()
    handlers: tuple[HandlerDefinition, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class MethodScripts:
    """What runs for one method of a route, in order."""

    pre: tuple[HookDefinition, ...] = ()
    handler: HandlerDefinition | None = None
    post: tuple[HookDefinition, ...] = ()


NO_SCRIPTS = MethodScripts()


def scripts_of(route: RouteDefinition, scripts: Scripts) -> Mapping[str, MethodScripts]:
    """Give what runs on a route, by method; methods without any script are absent.

    Example:
        >>> route = RouteDefinition(id=1, path="/post", available=frozenset({"GET", "POST"}))
        >>> hook = HookDefinition(id=1, name="log", stage="pre", source="", route=1,
        ...                       methods=frozenset({"POST"}))
        >>> list(scripts_of(route, Scripts(hooks=(hook,))))
        ['POST']
    """
    hooks = in_order(one for one in scripts.hooks if _belongs(one, route))
    handlers = {one.method: one for one in scripts.handlers if one.route == route.id}
    found: dict[str, MethodScripts] = {}
    for method in sorted(route.available):
        running = [one for one in hooks if not one.methods or method in one.methods]
        made = MethodScripts(
            tuple(one for one in running if one.stage == PRE),
            handlers.get(method),
            tuple(one for one in running if one.stage == POST),
        )
        if made.pre or made.post or made.handler is not None:
            found[method] = made
    return found


def in_order(hooks: Iterable[HookDefinition]) -> tuple[HookDefinition, ...]:
    """Give hooks as they run: by priority, those of all routes first where it is the same."""
    return tuple(sorted(hooks, key=_place))


def _belongs(hook: HookDefinition, route: RouteDefinition) -> bool:
    if not hook.is_enabled:
        return False
    return not is_exempt(route) if hook.is_global else hook.route == route.id


def is_exempt(route: RouteDefinition) -> bool:
    """Say whether hooks of all routes leave a route alone.

    Whoever has written a hook that fails each request must be able to log in and mend it.
    """
    path = route.path.strip("/")
    return route.is_system and (path in SCRIPT_TABLES or path.partition("/")[0] in _EXEMPT)


_EXEMPT = frozenset({"auth", "admin", "metadata"})


def _place(hook: HookDefinition) -> tuple[int, bool, int]:
    return hook.priority, not hook.is_global, hook.id
