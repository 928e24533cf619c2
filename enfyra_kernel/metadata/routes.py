"""The route table: from a path to the route that answers it, compiled once a Snapshot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

from .definitions import RouteDefinition
from .hooks import MethodScripts, Scripts, scripts_of
from .permissions import Grant, Grants
from .system import ALIASES
from .tables import Table

PREFIXES = ("/api", "/enfyra")
ITEM_METHODS = frozenset({"PATCH", "PUT", "DELETE"})
MANY_METHODS = frozenset({"PATCH", "DELETE"})
_NONE: frozenset[str] = frozenset()
_STATIC, _PARAMETER, _WILDCARD = 100, 10, 1


@dataclass(frozen=True, slots=True)
class Route:
    """An enabled route, with the table that default CRUD works on.

    Attributes:
        scripts: The hooks and handlers that run on it, by method.
        grants: Whom permissions let in, by method.
    """

    definition: RouteDefinition = field(repr=False)
    path: str
    table: Table | None = field(repr=False)
    available: frozenset[str]
    public: frozenset[str]
    skip_role_guard: frozenset[str]
    scripts: Mapping[str, MethodScripts] = field(default_factory=dict[str, MethodScripts])
    grants: Grants = field(default_factory=dict[str, Grant], repr=False)


def methods_on_many(table: Table) -> frozenset[str]:
    """Give the methods that change or delete many of a table's records at once.

    The system's own rows have rules for each of them.
    """
    return _NONE if table.definition.is_system else MANY_METHODS


class RouteMatch(NamedTuple):
    """What a path led to.

    Attributes:
        parameters: Values of `:name` segments, of `*` as `splat`, and the implicit `id`.
        item: Whether the path named one record of the route's table.
    """

    route: Route
    parameters: Mapping[str, str]
    item: bool

    @property
    def methods(self) -> frozenset[str]:
        """The methods that are available at the very path; HEAD where GET is."""
        here = frozenset(filter(self.allows, self.route.available))
        return here | {"HEAD"} if "GET" in here else here

    def allows(self, method: str) -> bool:
        """Say whether an available method goes with the path: of one record, or of all."""
        if self.item:
            return method in ITEM_METHODS
        table = self.route.table
        return table is None or method not in ITEM_METHODS or method in methods_on_many(table)


class _Pattern(NamedTuple):
    route: Route
    segments: tuple[str, ...]
    score: int


_NO_PARAMETERS: Mapping[str, str] = {}


class RouteTable:
    """All enabled routes. Immutable.

    Example:
        >>> from enfyra_kernel.metadata.definitions import RouteDefinition
        >>> table = RouteTable([make_route(RouteDefinition(id=1, path="/shop/:city"), None)])
        >>> table.find("/api/shop/Bad%20Ems").parameters
        {'city': 'Bad Ems'}
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[str, Route] = {}
        self._of_table: defaultdict[str, list[Route]] = defaultdict(list)
        patterns: list[_Pattern] = []
        for route in self.routes:
            if route.table is not None:
                self._of_table[route.table.name].append(route)
            segments = tuple(part for part in route.path.split("/") if part)
            if any(part.startswith((":", "*")) for part in segments):
                patterns.append(_Pattern(route, segments, _score(segments)))
            else:
                self._exact.setdefault("/" + "/".join(segments), route)
        self._patterns = sorted(patterns, key=lambda one: -one.score)

    def find(self, path: str) -> RouteMatch | None:
        """Find the route of a path, with or without a prefix such as `/api`."""
        route = self._exact.get(path)
        if route is not None:
            return RouteMatch(route, _NO_PARAMETERS, False)
        return self._find_otherwise(normal_path(path))

    def _find_otherwise(self, path: str) -> RouteMatch | None:
        path = _without_alias(path)
        route = self._exact.get(path)
        if route is not None:
            return RouteMatch(route, _NO_PARAMETERS, False)
        segments = tuple(part for part in path.split("/") if part)
        for pattern in self._patterns:
            parameters = _match(pattern.segments, segments)
            if parameters is not None:
                return RouteMatch(pattern.route, parameters, False)
        parent, _, last = path.rpartition("/")
        route = self._exact.get(parent)
        if route is not None and route.table is not None and last:
            return RouteMatch(route, {"id": _decoded(last)}, True)
        return None

    def of_table(self, table: Table) -> Sequence[Route]:
        """Give the routes that are about a table."""
        return self._of_table.get(table.name, ())

    def paths(self) -> tuple[str, ...]:
        """Give every path, for messages."""
        return tuple(route.path for route in self.routes)


def make_route(
    definition: RouteDefinition,
    table: Table | None,
    scripts: Scripts | None = None,
    grants: Grants | None = None,
) -> Route:
    """Make the route of a definition."""
    return Route(
        definition,
        definition.path,
        table,
        definition.available,
        definition.public,
        definition.skip_role_guard,
        scripts_of(definition, scripts) if scripts is not None else {},
        grants or {},
    )


def normal_path(path: str) -> str:
    """Take a trailing slash and the prefixes of the app-origin bridge off a path.

    Example:
        >>> normal_path("/enfyra/post/")
        '/post'
    """
    for prefix in PREFIXES:
        if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in {"/", ""}:
            path = path[len(prefix) :]
            break
    return path.rstrip("/") or "/"


def _without_alias(path: str) -> str:
    """Give the path with the newer spelling of a system table's name put back."""
    if not path.startswith("/enfyra_"):
        return path
    name, slash, rest = path[1:].partition("/")
    return f"/{ALIASES.get(name, name)}{slash}{rest}"


def _score(segments: tuple[str, ...]) -> int:
    kinds = (
        _PARAMETER if part.startswith(":") else _WILDCARD if part.startswith("*") else _STATIC
        for part in segments
    )
    # A static segment early beats one late, as a reader would expect.
    return sum(kind * 1000 - position for position, kind in enumerate(kinds))


def _match(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for position, part in enumerate(pattern):
        if part.startswith("*"):
            parameters[part[1:] or "splat"] = "/".join(map(_decoded, segments[position:]))
            return parameters
        if position >= len(segments):
            return None
        if part.startswith(":"):
            parameters[part[1:]] = _decoded(segments[position])
        elif part != segments[position]:
            return None
    return parameters if len(pattern) == len(segments) else None


def _decoded(segment: str) -> str:
    if "%" not in segment:
        return segment
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return segment
