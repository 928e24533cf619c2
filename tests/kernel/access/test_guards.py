"""Guards: how they are put together, what passes and what does not, and what that costs."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from enfyra_kernel.access.guards import (
    Guards,
    Passage,
    Refusal,
    first_refusal,
    requester_of,
)
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.cluster.limits import LocalLimits
from enfyra_kernel.metadata.permissions import GuardDefinition, GuardRuleDefinition, Permissions

pytestmark = pytest.mark.asyncio

ROUTE = 7
PATH = "/post"


class Builder:
    """Puts definitions of guards together."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self.guards: list[GuardDefinition] = []
        self.rules: list[GuardRuleDefinition] = []
        self.limits = LocalLimits(SystemClock())

    def guard(self, combinator: str = "and", parent: int | None = None, **facts: Any) -> int:
        id_ = next(self._ids)
        if parent is None:
            facts = {"position": "post_auth", "route": ROUTE} | facts
        self.guards.append(
            GuardDefinition(id=id_, name=f"g{id_}", combinator=combinator, parent=parent, **facts)
        )
        return id_

    def rule(self, guard: int, type_: str, config: Any, **facts: Any) -> int:
        id_ = next(self._ids)
        self.rules.append(
            GuardRuleDefinition(id=id_, guard=guard, type=type_, config=config, **facts)
        )
        return id_

    def allow(self, guard: int, *ips: str, **facts: Any) -> int:
        return self.rule(guard, "ip_whitelist", {"ips": list(ips)}, **facts)

    def block(self, guard: int, *ips: str, **facts: Any) -> int:
        return self.rule(guard, "ip_blacklist", {"ips": list(ips)}, **facts)

    def rate(self, guard: int, by: str, most: int, seconds: int = 60, **facts: Any) -> int:
        config = {"maxRequests": most, "perSeconds": seconds}
        return self.rule(guard, f"rate_limit_by_{by}", config, **facts)

    def all(self) -> Guards:
        return Guards(Permissions(guards=tuple(self.guards), guard_rules=tuple(self.rules)))

    async def ask(
        self, ip: str = "192.0.2.1", user: str | None = "ann", method: str = "GET"
    ) -> Refusal | None:
        here = self.all().of(ROUTE, method)
        passage = Passage(requester_of(ip, PATH, user), self.limits)
        return await first_refusal((*here.before, *here.after), passage)


async def test_and_needs_all_of_it_and_or_one() -> None:
    for combinator, expected in (("and", "g1"), ("or", None)):
        made = Builder()
        guard = made.guard(combinator)
        made.allow(guard, "192.0.2.0/24")
        made.block(guard, "192.0.2.1")
        refusal = await made.ask()
        assert (refusal and refusal.guard) == expected
        assert await made.ask("192.0.2.2") is None
        outside = await made.ask("198.51.100.1")
        assert (outside is None) == (combinator == "or")


async def test_the_office_is_not_counted_and_others_are() -> None:
    made = Builder()
    guard = made.guard("or")
    made.allow(guard, "10.0.0.0/8")
    made.rate(guard, "ip", 2)
    assert [await made.ask("10.0.0.1") for _ in range(5)] == [None] * 5
    answers = [await made.ask("192.0.2.1") for _ in range(3)]
    assert answers[:2] == [None, None]
    refusal = answers[2]
    assert refusal is not None
    assert refusal.reason == "rate_limit"
    assert refusal.allowance is not None
    assert refusal.allowance.retry_after > 0


async def test_guards_are_parts_of_guards() -> None:
    made = Builder()
    root = made.guard("or")
    office = made.guard(parent=root)
    made.allow(office, "10.0.0.0/8")
    made.block(office, "10.6.6.6")
    partner = made.guard(parent=root)
    made.allow(partner, "2001:db8::/32")
    asked = {ip: await made.ask(ip) for ip in ("10.0.0.1", "10.6.6.6", "2001:db8::5", "192.0.2.1")}
    assert {ip: one is None for ip, one in asked.items()} == {
        "10.0.0.1": True, "10.6.6.6": False, "2001:db8::5": True, "192.0.2.1": False,
    }  # fmt: skip


async def test_a_rule_for_some_users_leaves_the_others_alone() -> None:
    made = Builder()
    root = made.guard("or")
    made.allow(root, "10.0.0.1", users=frozenset({"ann"}))
    assert await made.ask(user="ann") is not None
    assert await made.ask(user="bob") is None
    # A part that says nothing about somebody does not let him in, either.
    part = made.guard(parent=root)
    made.allow(part, "192.0.2.1", users=frozenset({"eve"}))
    assert await made.ask(user="ann") is not None


async def test_rates_are_counted_by_place_user_and_route() -> None:
    for by, same, other in (
        ("ip", {"user": "bob"}, {"ip": "192.0.2.9"}),
        ("user", {"ip": "192.0.2.9"}, {"user": "bob"}),
        ("route", {"ip": "192.0.2.9", "user": "bob"}, None),
    ):
        made = Builder()
        made.rate(made.guard(), by, 1)
        assert await made.ask() is None
        assert await made.ask(**same) is not None
        if other is not None:
            assert await made.ask(**other) is None
    # Nobody is counted by his address.
    made = Builder()
    made.rate(made.guard(), "user", 1)
    assert [await made.ask(user=None) is None for _ in range(2)] == [True, False]
    assert await made.ask("192.0.2.9", user=None) is None
    # A network of IPv6 is one client.
    made = Builder()
    made.rate(made.guard(), "ip", 1)
    assert await made.ask("2001:db8::1") is None
    assert await made.ask("2001:db8::2") is not None


async def test_lists_come_before_rates_so_that_what_is_refused_is_not_counted() -> None:
    made = Builder()
    guard = made.guard()
    made.rate(guard, "route", 1, priority=-5)
    made.block(guard, "192.0.2.9")
    for _ in range(3):
        refusal = await made.ask("192.0.2.9")
        assert refusal is not None
        assert refusal.reason == "ip_blocked"
    assert await made.ask() is None


async def test_global_guards_come_first_then_by_priority_and_methods_choose() -> None:
    made = Builder()
    made.block(made.guard(priority=1), "192.0.2.1")
    made.block(made.guard(priority=-1), "192.0.2.1")
    everywhere = made.guard(priority=9, is_global=True, route=None)
    made.block(everywhere, "192.0.2.1")
    only_post = made.guard(priority=-9, methods=frozenset({"POST"}), is_global=True, route=None)
    made.block(only_post, "192.0.2.1")
    names = [one.name for one in made.all().of(ROUTE, "GET").after]
    assert names == ["g5", "g3", "g1"]
    assert made.all().of(ROUTE, "POST").after[0].name == "g7"
    assert made.all().of(8, "GET").after[0].name == "g5"


async def test_before_it_is_known_who_calls_rules_about_callers_say_nothing() -> None:
    made = Builder()
    guard = made.guard(position="pre_auth")
    made.rate(guard, "user", 1)
    made.block(guard, "192.0.2.1", users=frozenset({"ann"}))
    assert [await made.ask(user=None) for _ in range(3)] == [None] * 3


async def test_a_list_of_garbage_lets_in_nobody_and_keeps_out_nobody() -> None:
    for type_, passes in (("ip_whitelist", False), ("ip_blacklist", True)):
        for config in ({"ips": ["x"]}, {"ips": "10.0.0.0/8"}, {}, None, [1]):
            made = Builder()
            made.rule(made.guard(), type_, config)
            assert (await made.ask() is None) == passes
    made = Builder()
    made.rule(made.guard(), "rate_limit_by_ip", {"maxRequests": "many"})
    assert await made.ask() is None


async def test_an_unknown_address_is_on_no_list() -> None:
    made = Builder()
    made.allow(made.guard(), "0.0.0.0/0", "::/0")
    assert await made.ask("") is not None
    assert await made.ask("192.0.2.1") is None


async def test_guards_in_a_circle_do_no_harm() -> None:
    made = Builder()
    one = made.guard()
    two = made.guard(parent=one)
    made.guards[0] = GuardDefinition(id=one, name="g1", parent=two)
    assert await made.ask() is None


@pytest.mark.may_block
async def test_ten_thousand_guards_cost_a_request_nothing_but_its_own() -> None:
    """What is looked at does not grow with the guards of other routes, nor with the lists."""
    made = Builder()
    for number in range(10_000):
        guard = made.guard(route=number + 100)
        made.block(guard, f"10.{number >> 8 & 255}.{number & 255}.0/24")
    mine = made.guard()
    ips = [
        f"172.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}" for number in range(20_000)
    ]
    made.block(mine, *ips[::2])
    guards = made.all()
    here = guards.of(ROUTE, "GET").after
    assert [one.name for one in here] == [f"g{mine}"]
    passage = Passage(requester_of(ips[-1], PATH), made.limits)
    assert await first_refusal(here, passage) is None
    began = time.process_time()
    for _ in range(1000):
        await first_refusal(guards.of(ROUTE, "GET").after, passage)
    # Twenty thousand comparisons each would take seconds.
    assert time.process_time() - began < 0.5
