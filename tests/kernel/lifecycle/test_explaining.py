"""Why somebody may do something: each step, and that it says what requests then meet."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.api import Api

pytestmark = pytest.mark.asyncio

PASSWORD = "secret-1"


async def explained(api: Api, **asked: Any) -> Any:
    answer = await api.post("/admin/access/explain", asked)
    assert answer.status == 200, answer.body
    return answer.row


async def inbox(api: Api) -> dict[str, Api]:
    """Define tickets that agents may see and their requesters too."""
    await api.define("ticket", "subject varchar", "requester varchar", "note varchar")
    for number, requester in enumerate(("ann", "bob")):
        await api.create(
            "/ticket", {"subject": f"t{number}", "requester": f"{requester}@example.com"}
        )
    clients = {"nobody": api.anonymous, "admin@enfyra.local": api}
    for role in ("agent", "customer"):
        await api.create("/role_definition", {"name": role})
    for name, role in (("ann", "customer"), ("eve", "agent"), ("zoe", None)):
        email = f"{name}@example.com"
        await api.create("/user_definition", {"email": email, "password": PASSWORD, "role": role})
        clients[email] = await api.anonymous.login(email, PASSWORD)
    for role, methods in (("agent", ["GET", "PATCH"]), ("customer", ["GET", "DELETE"])):
        grant = {"route": "/ticket", "role": role, "methods": methods}
        await api.create("/route_permission_definition", grant)
    for role, condition in (("customer", {"requester": {"_eq": "@USER.email"}}), ("agent", None)):
        policy = {"name": f"of {role}", "table": "ticket", "role": role, "filter": condition}
        await api.create("/row_policy_definition", policy)
    hidden = {"column": "ticket.note", "role": "customer", "action": "read", "effect": "deny"}
    await api.create("/field_permission_definition", hidden)
    return clients


async def test_what_is_explained_is_what_requests_meet(sqlite_api: Api) -> None:
    api = sqlite_api
    clients = await inbox(api)
    paths = (
        "/ticket",
        "/ticket/1",
        "/ticket/2",
        "/ticket/9",
        "/nothing",
        "/me",
        "/user_definition",
    )
    for (user, client), method, path in itertools.product(
        clients.items(), ("GET", "POST", "PATCH", "DELETE"), paths
    ):
        if method == "DELETE" and path == "/ticket/1":
            continue
        told = await explained(
            api, method=method, path=path, user=None if user == "nobody" else user
        )
        body = {"POST": {"nothing": 1}, "PATCH": {"subject": "x"}}.get(method)
        met = await client.send(method, path, body)
        place = (user, method, path, told["steps"], met.body)
        if told["allowed"]:
            # Of what is let through, the body or the filter is wrong.
            assert met.status in {200, 400}, place
        else:
            assert (met.status, met.code) == (told["status"], told["code"]), place


async def test_the_steps_name_what_decides(sqlite_api: Api) -> None:
    api = sqlite_api
    await inbox(api)
    told = await explained(api, user="ann@example.com", path="/ticket", row=1)
    assert (told["allowed"], told["status"], told["user"]["email"]) == (
        True, None, "ann@example.com",
    )  # fmt: skip
    steps = [(one["step"], one["verdict"], one["rule"]) for one in told["steps"]]
    assert steps == [
        ("route", "passes", None),
        ("identity", "passes", None),
        ("policy", "passes", "route permission 2"),
        ("rows", "passes", "row policy 'of customer'"),
        ("fields", "passes", None),
    ]
    assert told["steps"][2]["reason"] == "route permission 2 lets in the role 'customer'"
    assert told["steps"][4]["reason"] == "read: all fields but note"
    other = (await explained(api, user="ann@example.com", path="/ticket", row="2"))["steps"][-1]
    assert other == {
        "step": "rows", "verdict": "refuses", "rule": "row policy 'of customer'",
        "reason": "row policy 'of customer' does not name record 2 for read",
        "code": "RESOURCE_NOT_FOUND",
    }  # fmt: skip
    depends = (await explained(api, user="ann@example.com", path="/ticket"))["steps"][3]
    assert (depends["verdict"], depends["rule"]) == ("depends", "row policy 'of customer'")
    refused = await explained(api, user="ann@example.com", method="patch", path="/api/ticket/1")
    assert refused["steps"][-1]["reason"] == (
        "no enabled permission for PATCH /ticket names the role 'customer' or the account "
        "(others are let in by 1)"
    )
    nobody = await explained(api, path="/ticket")
    assert (nobody["user"], nobody["steps"][-1]["code"]) == (None, "AUTHENTICATION_ERROR")
    root = await explained(api, user="admin@enfyra.local", path="/ticket")
    assert root["steps"][2]["reason"] == "a root administrator may do everything"
    missing = await explained(api, path="/tickt")
    assert "Did you mean '/ticket'?" in missing["steps"][0]["reason"]


async def test_guards_and_scripts_are_steps_and_nothing_is_counted(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    await api.publish("/post", "GET")
    for name, rule in (
        ("net", {"type": "ip_blacklist", "config": {"ips": ["192.0.2.0/24"]}}),
        ("rate", {"type": "rate_limit_by_ip", "config": {"maxRequests": 1, "perSeconds": 60}}),
    ):
        await api.create(
            "/guard_definition", {"name": name, "position": "pre_auth", "route": "/post"}
        )
        await api.create("/guard_rule_definition", {"guard": name, **rule})
    await api.create("/pre_hook_definition", {"name": "h", "route": "/post", "sourceCode": "pass"})
    for _ in range(3):
        told = await explained(api, path="/post", ip="198.51.100.1")
        assert told["allowed"]
    assert [(one["step"], one["verdict"]) for one in told["steps"]] == [
        ("route", "passes"), ("guard", "passes"), ("guard", "passes"), ("identity", "passes"),
        ("policy", "passes"), ("scripts", "depends"), ("rows", "passes"), ("fields", "passes"),
    ]  # fmt: skip
    client = api.anonymous.at("198.51.100.1")
    assert (await client.get("/post")).status == 200
    told = await explained(api, path="/post", ip="198.51.100.1")
    assert (told["status"], told["steps"][-1]["rule"]) == (
        429, "guard 'rate', rule 2 (rate_limit_by_ip)",
    )  # fmt: skip
    blocked = await explained(api, path="/post", ip="192.0.2.9")
    assert (blocked["code"], len(blocked["steps"])) == ("IP_BLOCKED", 2)
    unknown = await explained(api, path="/post")
    assert [one["verdict"] for one in unknown["steps"][1:3]] == ["depends", "depends"]


BAD: list[tuple[Any, str]] = [
    ({}, "path is required"),
    ({"path": "post"}, "path must begin with /, such as /post"),
    ({"path": "/post", "user": "no@example.com"}, "user: there is no 'no@example.com'"),
    ({"path": "/post", "user": 7}, "user must be a text"),
    ({"path": "/post", "usr": "x"}, "usr is not allowed. Did you mean 'user'?"),
    ({"path": "/post", "row": [1]}, "row must be a text"),
    ([], "The body must be a JSON object"),
]


async def test_bad_questions(sqlite_api: Api) -> None:
    for body, told in BAD:
        answer = await sqlite_api.post("/admin/access/explain", body)
        assert (answer.status, answer.code, answer.message) == (400, "INVALID_BODY", told)


async def test_only_administrators_may_ask_unless_a_permission_lets_in(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.create("/user_definition", {"email": "ann@example.com", "password": PASSWORD})
    ann = await api.anonymous.login("ann@example.com", PASSWORD)
    asked = {"path": "/me", "user": "ann@example.com"}
    assert (await api.anonymous.post("/admin/access/explain", asked)).status == 401
    assert (await ann.post("/admin/access/explain", asked)).status == 403
    grant = {
        "route": "/admin/access/explain", "allowedUsers": ["ann@example.com"], "methods": ["POST"],
    }  # fmt: skip
    await api.create("/route_permission_definition", grant)
    assert (await ann.post("/admin/access/explain", asked)).status == 200


async def test_odd_values_are_answered(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    odd = ("", "\0", "\ud83d", "é" * 500, "%00", "1e9", "-1", "../..", "'; --", "9" * 40)
    for value in odd:
        for asked in (
            {"path": f"/{value}"}, {"path": f"/post/{value}"}, {"path": "/post", "row": value},
            {"path": "/post", "method": value}, {"path": "/post", "ip": value},
            {"path": "/post", "user": value}, {"path": "/post", "user": f"{value}@example.com"},
        ):  # fmt: skip
            admin = {"user": "admin@enfyra.local", **asked}
            assert (await api.post("/admin/access/explain", admin)).status in {200, 400}, asked
