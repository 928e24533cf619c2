"""Guards in the way of requests: order, answers, headers, and what is refused when saved."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import settings
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio


async def guard(api: Api, *rules: tuple[str, Any], **facts: Any) -> Any:
    facts = {"position": "pre_auth", "route": "/post", "name": "door"} | facts
    made = await api.create("/guard_definition", facts)
    for type_, config in rules:
        await api.create(
            "/guard_rule_definition", {"guard": made["id"], "type": type_, "config": config}
        )
    return made


async def test_a_guard_is_live_when_its_request_is_answered_and_ends_at_once(api: Api) -> None:
    await api.define("post", "title varchar")
    made = await guard(api, ("ip_whitelist", {"ips": ["10.0.0.0/8", "2001:db8::/32"]}))
    inside, outside = api.at("10.1.2.3"), api.at("192.0.2.1")
    assert (await inside.get("/post")).status == 200
    assert (await api.at("::ffff:10.1.2.3").get("/api/post")).status == 200
    refused = await outside.get("/enfyra/post")
    assert (refused.status, refused.code) == (403, "IP_NOT_ALLOWED")
    assert refused.body["error"]["details"] == {"reason": "ip_not_allowed"}
    assert "10." not in str(refused.body)
    # Other routes are others' affair.
    assert (await outside.get("/me")).status == 200
    path = f"/guard_definition/{made['id']}"
    await api.patch(path, {"isEnabled": False})
    assert (await outside.get("/post")).status == 200
    await api.patch(path, {"isEnabled": True, "methods": ["POST"]})
    assert (await outside.get("/post")).status == 200
    assert (await outside.post("/post", {"title": "x"})).status == 403
    await api.delete(path)
    assert (await outside.post("/post", {"title": "x"})).status == 201


async def test_what_is_left_of_a_limit_is_in_the_headers(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    await guard(
        api,
        ("rate_limit_by_ip", {"maxRequests": 2, "perSeconds": 60}),
        ("rate_limit_by_route", {"maxRequests": 50, "perSeconds": 3600}),
    )
    client = api.at("192.0.2.1")
    answer = await client.get("/post")
    assert answer.headers["RateLimit-Policy"] == '"rule-1";q=2;w=60, "rule-2";q=50;w=3600'
    assert answer.headers["RateLimit"].startswith('"rule-1";r=1;t=')
    # Errors count, and say so as well.
    assert (
        (await client.get("/post", sort="nothing"))
        .headers["RateLimit"]
        .startswith('"rule-1";r=0;t=')
    )
    refused = await client.get("/post")
    assert (refused.status, refused.code) == (429, "RATE_LIMIT_EXCEEDED")
    details = refused.body["error"]["details"]
    assert {name: details[name] for name in ("reason", "scope", "limit", "remaining")} == {
        "reason": "rate_limit", "scope": "ip", "limit": 2, "remaining": 0,
    }  # fmt: skip
    wait = int(refused.headers["Retry-After"])
    assert 1 <= wait == details["retryAfterSeconds"] <= 60
    assert refused.headers["RateLimit"].startswith('"rule-1";r=0;t=')
    assert (await api.at("192.0.2.2").get("/post")).status == 200
    # What has no limit says nothing.
    assert "RateLimit" not in (await client.get("/me")).headers


async def test_the_order_is_guard_identity_policy_guard(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    nobody = api.anonymous.at("192.0.2.1")
    blocked = ("ip_blacklist", {"ips": ["192.0.2.1"]})
    after = await guard(api, blocked, position="post_auth", name="after")
    assert (await nobody.get("/post")).status == 401
    assert (await Api(api.kernel, "nonsense", "192.0.2.1").get("/post")).status == 401
    assert (await api.at("192.0.2.1").get("/post")).code == "IP_BLOCKED"
    await guard(api, blocked, name="before")
    assert (await nobody.get("/post")).code == "IP_BLOCKED"
    await api.delete(f"/guard_definition/{after['id']}")
    # A path that is not there is not guarded, and a method neither.
    assert (await nobody.get("/nothing")).status == 404
    assert (await nobody.put("/post", {})).status == 405


async def test_logins_can_be_limited_for_everybody(sqlite_api: Api) -> None:
    api = sqlite_api
    await guard(
        api, ("rate_limit_by_ip", {"maxRequests": 2, "perSeconds": 60}), route="/auth/login"
    )
    wrong = {"email": "admin@enfyra.local", "password": "wrong"}
    statuses = [
        (await api.anonymous.at("192.0.2.1").post("/auth/login", wrong)).status for _ in range(3)
    ]
    assert statuses == [401, 401, 429]


async def test_a_limit_by_user_counts_the_account_wherever_it_is(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    limit = ("rate_limit_by_user", {"maxRequests": 1, "perSeconds": 60})
    await guard(api, limit, position="post_auth", isGlobal=True, route=None, methods=["GET"])
    assert (await api.at("192.0.2.1").get("/post")).status == 200
    assert (await api.at("192.0.2.2").get("/me")).status == 429
    await api.create("/user_definition", {"email": "a@example.com", "password": "secret-1"})
    ann = await api.anonymous.login("a@example.com", "secret-1")
    assert (await ann.get("/me")).status == 200


async def test_instances_count_together(sqlite_uri: str, redis_url: str) -> None:
    shared: Any = {"redis_uri": redis_url, "node_name": f"guards-{uuid.uuid4().hex}"}
    async with (
        Kernel(settings(sqlite_uri, **shared)) as here,
        Kernel(settings(sqlite_uri, **shared)) as there,
    ):
        api = await Api(here).login()
        peer = await Api(there).login()
        rule = ("rate_limit_by_ip", {"maxRequests": 2, "perSeconds": 60})
        await guard(api, rule, route="/me", position="post_auth")
        await there.registry.refresh()
        clients = [one.at("192.0.2.1") for one in (api, peer, peer, api)]
        assert [(await one.get("/me")).status for one in clients] == [200, 200, 429, 429]


async def test_a_guard_that_has_locked_everybody_out_is_taken_away(sqlite_uri: str) -> None:
    async with Kernel(settings(sqlite_uri)) as kernel:
        api = await Api(kernel).login()
        nowhere = ("ip_whitelist", {"ips": ["192.0.2.1"]})
        made = await guard(api, nowhere, isGlobal=True, route=None)
        path = f"/guard_definition/{made['id']}"
        assert (await api.delete(path)).code == "IP_NOT_ALLOWED"
    async with Kernel(settings(sqlite_uri, guards=False)) as kernel:
        api = await Api(kernel).login()
        assert (await api.delete(path)).status == 200
    async with Kernel(settings(sqlite_uri)) as kernel:
        await Api(kernel).login()


# -- what is refused ------------------------------------------------------------------------------

WRONG_RULES: list[tuple[str, Any, str]] = [
    ("ip_whitelist", {"ips": ["10.0.0.0/33"]}, "config.ips[0]: '10.0.0.0/33' is no address"),
    ("ip_whitelist", {"ips": ["10.0.0.1/8"]}, "has bits behind the prefix; write 10.0.0.0/8"),
    ("ip_whitelist", {"ips": [1]}, "config.ips[0] must be a text"),
    ("ip_blacklist", {"ips": []}, "config.ips must be a list of addresses"),
    ("ip_blacklist", {"ips": "10.0.0.0/8"}, "config.ips must be a list of addresses"),
    ("ip_blacklist", {"ip": ["10.0.0.1"]}, "config.ip is unknown. Did you mean 'ips'?"),
    ("ip_blacklist", [], "config must be an object with ips"),
    (
        "rate_limit_by_ip",
        {"maxRequests": 0, "perSeconds": 60},
        "config.maxRequests must be a whole",
    ),
    ("rate_limit_by_ip", {"maxRequests": True, "perSeconds": 1}, "config.maxRequests must be"),
    (
        "rate_limit_by_ip",
        {"maxRequests": 1, "perSeconds": 1e9},
        "config.perSeconds must be a whole",
    ),
    ("rate_limit_by_ip", {"perSeconds": 1}, "config.maxRequests is required"),
    ("rate_limit_by_ip", {"ips": ["10.0.0.1"]}, "config.ips is unknown."),
    ("rate_limit_by_user", {"maxRequests": 1, "perSeconds": 1}, "needs to know who calls"),
    ("nothing", {}, "type"),
]


async def test_rules_that_could_not_work_are_refused(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    made = await guard(api)
    for type_, config, told in WRONG_RULES:
        body = {"guard": "door", "type": type_, "config": config}
        answer = await api.post("/guard_rule_definition", body)
        assert (answer.status, answer.code) == (400, "INVALID_BODY"), (type_, config)
        assert told in answer.message
    many = {"ips": [f"x{number}" for number in range(1000)]}
    body = {"guard": "door", "type": "ip_blacklist", "config": many}
    told = (await api.post("/guard_rule_definition", body)).body["message"]
    assert (len(told), told[-1]) == (6, "and more of them")
    assert api.kernel.registry.current.permissions.guard_rules == ()
    rule = await api.create(
        "/guard_rule_definition",
        {"guard": made["id"], "type": "ip_blacklist", "config": {"ips": ["192.0.2.1"]}},
    )
    path = f"/guard_rule_definition/{rule['id']}"
    for body in (
        {"type": "rate_limit_by_ip"}, {"config": {"ips": ["x"]}},
        {"users": ["admin@enfyra.local"]},
    ):  # fmt: skip
        answer = await api.patch(path, body)
        assert (answer.status, answer.code) == (400, "INVALID_BODY"), body
    assert (await api.patch("/guard_rule_definition/999", {"config": {}})).status in {400, 404}
    assert (await api.patch(path, {"config": {"ips": ["192.0.2.2"]}})).status == 200


async def test_guards_that_could_not_work_are_refused(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    for body, told in (
        ({"name": "x", "route": "/post"}, "position is required"),
        ({"name": "x", "position": "pre_auth"}, "route is required, or isGlobal must be true"),
        ({"name": "x", "position": "before", "route": "/post"}, "position"),
        ({"name": "x", "position": "pre_auth", "route": "/pst"}, "Did you mean '/post'?"),
        ({"name": "x", "parent": "y"}, "parent: there is no guard 'y'"),
    ):
        answer = await api.post("/guard_definition", body)
        assert (answer.status, answer.code) == (400, "INVALID_BODY"), body
        assert told in answer.message
    await guard(api)
    part = await api.create("/guard_definition", {"name": "part", "parent": "door"})
    answer = await api.patch(f"/guard_definition/{part['id']}", {"position": "pre_auth"})
    assert answer.message == (
        "position: only an outermost guard has this; 'part' is part of 'door'"
    )


async def test_guards_in_a_circle_are_refused(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    root = await guard(api)
    ids = [root["id"]]
    for number in range(7):
        made = await api.create("/guard_definition", {"name": f"p{number}", "parent": ids[-1]})
        ids.append(made["id"])
    deeper = await api.post("/guard_definition", {"name": "deeper", "parent": ids[-1]})
    assert "guards can be 8 deep" in deeper.message
    first = f"/guard_definition/{ids[1]}"
    for body in ({"parent": ids[3]}, {"parent": ids[1]}, {"children": [{"id": ids[1]}]}):
        answer = await api.patch(first, body)
        assert (answer.status, answer.code) == (400, "INVALID_BODY"), body
        assert "cannot be part of itself" in answer.message
    # A rule deep inside decides about the position of the outermost.
    await api.patch(f"/guard_definition/{ids[0]}", {"position": "post_auth"})
    rate = {"maxRequests": 1, "perSeconds": 1}
    await api.create(
        "/guard_rule_definition",
        {"guard": ids[-1], "type": "rate_limit_by_user", "config": rate},
    )
    answer = await api.patch(f"/guard_definition/{ids[0]}", {"position": "pre_auth"})
    assert "needs to know who calls: the position must be post_auth" in answer.message
