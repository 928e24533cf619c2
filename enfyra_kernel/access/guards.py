"""Guards: conditions that a request must meet, compiled once for each route and method.

A guard is made of rules and of other guards, joined by `and` or `or`. Only outermost guards have a
position (before or after it is known who calls), a route or all of them, and methods.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ..cluster.limits import Allowance, Limits
from ..metadata.permissions import GuardDefinition, GuardRuleDefinition, Permissions
from ..networks import Address, Networks, client_of, parse_address
from .guard_rules import LISTS, networks_of, rate_of

PRE_AUTH = "pre_auth"
POST_AUTH = "post_auth"
DEEPEST = 8

Reason = Literal["rate_limit", "ip_not_allowed", "ip_blocked"]


class Requester(NamedTuple):
    """Who asks for what, as far as guards look at it.

    Attributes:
        address: Where the request comes from; None where that is not known.
        user: The caller's id; None for nobody, or as long as it is not known.
    """

    address: Address | None
    path: str
    user: str | None = None

    @property
    def client(self) -> str:
        """The text by which the place is counted that the request comes from."""
        return client_of(self.address) if self.address is not None else "unknown"


class Refusal(NamedTuple):
    """Why a request may not pass.

    Attributes:
        allowance: What is left of the limit, where it is one.
    """

    guard: str
    rule: int
    type: str
    reason: Reason
    allowance: Allowance | None = None


@dataclass(slots=True)
class Passage:
    """A request on its way through guards.

    Attributes:
        counting: Whether it counts; else limits are only looked at.
        counted: The limits that it has been counted by, and the rules' ids.
    """

    requester: Requester
    limits: Limits
    counting: bool = True
    counted: list[tuple[int, Allowance]] = field(default_factory=list[tuple[int, Allowance]])

    async def allowance(self, key: str, most: int, seconds: int) -> Allowance:
        """Count the request, or look whether it might pass."""
        count = self.limits.check if self.counting else self.limits.status
        return await count(key, most, seconds)


@dataclass(frozen=True, slots=True)
class _ListRule:
    guard: str
    definition: GuardRuleDefinition
    networks: Networks

    def meets(self, requester: Requester) -> Refusal | None:
        inside = requester.address in self.networks
        if self.definition.type == "ip_whitelist":
            refused: Reason | None = None if inside else "ip_not_allowed"
        else:
            refused = "ip_blocked" if inside else None
        if refused is None:
            return None
        return Refusal(self.guard, self.definition.id, self.definition.type, refused)


@dataclass(frozen=True, slots=True)
class _RateRule:
    guard: str
    definition: GuardRuleDefinition
    most: int
    seconds: int

    async def meets(self, passage: Passage) -> Refusal | None:
        allowance = await passage.allowance(self._key(passage.requester), self.most, self.seconds)
        passage.counted.append((self.definition.id, allowance))
        if allowance.allowed:
            return None
        id_, type_ = self.definition.id, self.definition.type
        return Refusal(self.guard, id_, type_, "rate_limit", allowance)

    def _key(self, requester: Requester) -> str:
        rule = f"guard_rule:{self.definition.id}"
        match self.definition.type:
            case "rate_limit_by_route":
                return f"{rule}:route:{requester.path}"
            case "rate_limit_by_user" if requester.user is not None:
                return f"{rule}:user:{requester.user}"
            case _:
                return f"{rule}:ip:{requester.client}"


class _Silent:
    """The verdict of a guard of which nothing is about the caller."""


_SILENT = _Silent()
Verdict = Refusal | _Silent | None


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard with all that it is made of; what costs least is looked at first."""

    name: str
    is_or: bool
    lists: tuple[_ListRule, ...]
    rates: tuple[_RateRule, ...]
    parts: tuple[Guard, ...]

    async def refusal(self, passage: Passage) -> Refusal | None:
        """Say why a request may not pass; None if it may."""
        verdict = await self._verdict(passage)
        return verdict if isinstance(verdict, Refusal) else None

    async def _verdict(self, passage: Passage) -> Verdict:
        last: Verdict = _SILENT
        user = passage.requester.user
        for rule in (*self.lists, *self.rates):
            users = rule.definition.users
            if users and user not in users:
                continue
            if isinstance(rule, _ListRule):
                last = rule.meets(passage.requester)
            else:
                last = await rule.meets(passage)
            if (last is None) == self.is_or:
                return last
        for part in self.parts:
            verdict = await part._verdict(passage)
            if isinstance(verdict, _Silent):
                continue
            last = verdict
            if (last is None) == self.is_or:
                return last
        return last


class RouteGuards(NamedTuple):
    """The guards of a route for one method, in their order."""

    before: tuple[Guard, ...]
    after: tuple[Guard, ...]


class Guards:
    """All guards. Those of a route are compiled when it is called for the first time.

    Example:
        >>> guards = Guards(Permissions(guards=(
        ...     GuardDefinition(id=1, name="office", position="pre_auth", route=7),
        ... )))
        >>> [one.name for one in guards.of(7, "GET").before], guards.of(8, "GET").before
        (['office'], ())
    """

    def __init__(self, permissions: Permissions) -> None:
        self._parts: defaultdict[int, list[GuardDefinition]] = defaultdict(list)
        self._rules: defaultdict[int, list[GuardRuleDefinition]] = defaultdict(list)
        self._globals: list[GuardDefinition] = []
        self._routes: defaultdict[int, list[GuardDefinition]] = defaultdict(list)
        self._compiled: dict[tuple[int, str], RouteGuards] = {}
        self._made: dict[int, Guard] = {}
        for rule in sorted(permissions.guard_rules, key=lambda one: (one.priority, one.id)):
            self._rules[rule.guard].append(rule)
        for guard in sorted(permissions.guards, key=lambda one: (one.priority, one.id)):
            if guard.parent is not None:
                self._parts[guard.parent].append(guard)
            elif guard.is_global:
                self._globals.append(guard)
            elif guard.route is not None:
                self._routes[guard.route].append(guard)

    def of(self, route: int, method: str) -> RouteGuards:
        """Give the guards of a route: those of all routes first, then its own."""
        found = self._compiled.get((route, method))
        if found is None:
            roots = [
                one
                for one in (*self._globals, *self._routes.get(route, ()))
                if not one.methods or method in one.methods
            ]
            found = self._compiled[route, method] = RouteGuards(
                tuple(self._root(one) for one in roots if one.position == PRE_AUTH),
                tuple(self._root(one) for one in roots if one.position == POST_AUTH),
            )
        return found

    def _root(self, definition: GuardDefinition) -> Guard:
        made = self._made.get(definition.id)
        if made is None:
            known = definition.position == POST_AUTH
            made = self._made[definition.id] = self._guard(definition, known=known, depth=1)
        return made

    def _guard(self, definition: GuardDefinition, *, known: bool, depth: int) -> Guard:
        """Compile a guard; `known` says whether it is known who calls."""
        rules = [
            rule
            for rule in self._rules.get(definition.id, ())
            if known or not (rule.users or rule.type == "rate_limit_by_user")
        ]
        parts: Sequence[GuardDefinition] = self._parts.get(definition.id, ())
        rates = ((rule, rate_of(rule.config)) for rule in rules if rule.type not in LISTS)
        return Guard(
            definition.name,
            definition.combinator == "or",
            tuple(
                _ListRule(definition.name, rule, networks_of(rule.config))
                for rule in rules
                if rule.type in LISTS
            ),
            tuple(_RateRule(definition.name, rule, *rate) for rule, rate in rates if rate),
            tuple(
                self._guard(part, known=known, depth=depth + 1)
                for part in (parts if depth < DEEPEST else ())
            ),
        )


async def first_refusal(guards: Sequence[Guard], passage: Passage) -> Refusal | None:
    """Say which of several guards refuses a request, the first one that does; None if none."""
    for guard in guards:
        refusal = await guard.refusal(passage)
        if refusal is not None:
            return refusal
    return None


def requester_of(ip: str, path: str, user: str | None = None) -> Requester:
    """Give who asks, by the text of an address."""
    return Requester(parse_address(ip), path, user)
