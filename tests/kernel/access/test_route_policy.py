"""Which methods of which routes somebody may use, held against an evaluator of its own."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import pytest

from ...api import Api

pytestmark = pytest.mark.asyncio

PASSWORD = "secret-1"
METHODS = ("GET", "POST", "PATCH", "DELETE")


class Who(NamedTuple):
    name: str
    client: Api
    role: str | None = None
    root: bool = False


class Facts(NamedTuple):
    """What is defined of one route, by names."""

    public: set[str]
    logged_in: set[str]
    # role, users, methods, enabled
    permissions: list[tuple[str | None, set[str], set[str], bool]]


def expected(who: Who, method: str, facts: Facts) -> int | None:
    """Say what refuses, from the words of the documentation alone."""
    if method in facts.public:
        return None
    if who.name == "nobody":
        return 401
    if method in facts.logged_in or who.root:
        return None
    for role, users, methods, enabled in facts.permissions:
        if enabled and method in methods and (who.name in users or (role and role == who.role)):
            return None
    return 403


async def people(api: Api) -> list[Who]:
    for role in ("agent", "editor"):
        await api.create("/role_definition", {"name": role})
    found = [Who("nobody", api.anonymous), Who("root", api, root=True)]
    for name, role in (("ann", "agent"), ("bob", "editor"), ("eve", None)):
        email = f"{name}@example.com"
        await api.create("/user_definition", {"email": email, "password": PASSWORD, "role": role})
        found.append(Who(name, await api.anonymous.login(email, PASSWORD), role))
    return found


ROUTES = {
    "/ticket": Facts(
        set(), {"PATCH"},
        [("agent", set(), {"GET", "POST"}, True), (None, {"bob"}, {"GET"}, True),
         ("editor", set(), {"DELETE", "POST"}, False)],
    ),
    "/shop/:city/tickets": Facts(
        {"GET"}, set(), [("editor", {"eve"}, {"POST"}, True), ("agent", set(), {"DELETE"}, True)]
    ),
}  # fmt: skip


async def permit(api: Api, path: str, facts: Facts) -> None:
    route = (await api.rows("/route_definition", filter={"path": path}))[0]["id"]
    body: dict[str, Any] = {
        "publicMethods": sorted(facts.public), "skipRoleGuardMethods": sorted(facts.logged_in),
    }  # fmt: skip
    assert (await api.patch(f"/route_definition/{route}", body)).status == 200
    for role, users, methods, enabled in facts.permissions:
        await api.create(
            "/route_permission_definition",
            {
                "route": path, "role": role, "methods": sorted(methods), "isEnabled": enabled,
                "allowedUsers": [f"{one}@example.com" for one in users],
            },
        )  # fmt: skip


async def test_the_matrix(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("ticket", "subject varchar")
    await api.create("/ticket", {"subject": "x"})
    await api.create(
        "/route_definition",
        {"path": "/shop/:city/tickets", "mainTable": "ticket", "availableMethods": list(METHODS)},
    )
    everybody = await people(api)
    for path, facts in ROUTES.items():
        await permit(api, path, facts)
    for who, (path, facts), method, prefix in itertools.product(
        everybody, ROUTES.items(), METHODS, ("", "/api", "/enfyra")
    ):
        # Of nothing that is asked for, anything is done: what would be refused is refused before.
        place = prefix + path.replace(":city", "Bonn")
        body = None if method in {"GET", "DELETE"} else "no object"
        answer = await who.client.send(method, place, body)
        refused = expected(who, method, facts)
        told = (who.name, method, place, answer.status)
        if refused is None:
            assert answer.status in {200, 400}, told
        else:
            assert answer.status == refused, told
            code = {401: "AUTHENTICATION_ERROR", 403: "AUTHORIZATION_ERROR"}[refused]
            assert answer.code == code, told
    # HEAD is a GET.
    ann, bob, eve = everybody[2:]
    assert [(await one.client.send("HEAD", "/ticket")).status for one in (ann, bob, eve)] == [
        200, 200, 403,
    ]  # fmt: skip


async def test_records_nested_in_a_body_need_the_permission_of_their_own_route(
    sqlite_api: Api,
) -> None:
    api = sqlite_api
    await api.define("tag", "label varchar")
    relation = {"propertyName": "tag", "type": "many-to-one", "targetTable": "tag"}
    await api.define("ticket", "subject varchar", relations=[relation])
    ann = (await people(api))[2].client
    grant = {"route": "/ticket", "role": "agent", "methods": ["POST"]}
    await api.create("/route_permission_definition", grant)
    nested = {"subject": "x", "tag": {"label": "new"}}
    answer = await ann.post("/ticket", nested)
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
    assert "tag" in answer.message
    assert await api.rows("/tag") == []
    await api.create("/route_permission_definition", grant | {"route": "/tag"})
    assert (await ann.post("/ticket", nested)).status == 201


async def test_metadata_shows_the_routes_and_methods_that_the_caller_may_use(
    sqlite_api: Api,
) -> None:
    api = sqlite_api
    await api.define("ticket", "subject varchar")
    await api.define("secret", "x int")
    who = await people(api)
    await permit(api, "/ticket", ROUTES["/ticket"])
    seen = {one.name: (await one.client.get("/metadata/ticket")).body.get("data") for one in who}
    methods = {
        name: [(route["path"], route["methods"]) for route in table["routes"]]
        for name, table in seen.items()
        if table is not None
    }
    everything = [("/ticket", ["DELETE", "GET", "PATCH", "POST", "PUT"])]
    assert methods == {
        "root": everything,
        "ann": [("/ticket", ["GET", "PATCH", "POST"])],
        "bob": [("/ticket", ["GET", "PATCH"])],
        "eve": [("/ticket", ["PATCH"])],
    }
    ann = who[2].client
    assert (await ann.get("/metadata/secret")).status == 404
    assert [one["name"] for one in (await ann.get("/metadata")).data["tables"]] == ["ticket"]


async def test_a_permission_ends_at_once(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("ticket", "subject varchar")
    ann = (await people(api))[2].client
    grant = await api.create(
        "/route_permission_definition", {"route": "/ticket", "role": "agent", "methods": ["GET"]}
    )
    path = f"/route_permission_definition/{grant['id']}"
    assert (await ann.get("/ticket")).status == 200
    await api.patch(path, {"isEnabled": False})
    assert (await ann.get("/ticket")).status == 403
    await api.patch(path, {"isEnabled": True})
    assert (await ann.get("/ticket")).status == 200
    user = (await api.rows("/user_definition", filter={"email": "ann@example.com"}))[0]["id"]
    await api.patch(f"/user_definition/{user}", {"role": "editor"})
    assert (await ann.get("/ticket")).status in {401, 403}
    await api.patch(f"/user_definition/{user}", {"role": "agent"})
    await api.delete(path)
    ann = await api.anonymous.login("ann@example.com", PASSWORD)
    assert (await ann.get("/ticket")).status == 403


async def test_a_role_that_is_deleted_takes_its_permissions_along(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("ticket", "subject varchar")
    role = (await api.create("/role_definition", {"name": "agent"}))["id"]
    await api.create(
        "/route_permission_definition", {"route": "/ticket", "role": "agent", "methods": ["GET"]}
    )
    assert (await api.delete(f"/role_definition/{role}")).status == 200
    assert api.kernel.registry.current.permissions.routes == ()


# -- names in bodies ------------------------------------------------------------------------------


UNKNOWN: list[tuple[str, dict[str, Any], str]] = [
    ("/route_permission_definition", {"route": "/tickt", "role": "agent", "methods": ["GET"]},
     "route: there is no route '/tickt'. Did you mean '/ticket'?"),
    ("/route_permission_definition", {"route": "/ticket", "role": "agnt", "methods": ["GET"]},
     "role: there is no role 'agnt'. Did you mean 'agent'?"),
    ("/route_permission_definition", {"route": "/ticket", "role": "agent", "methods": ["GTE"]},
     "methods: there is no method 'GTE'. Did you mean 'GET'?"),
    ("/route_permission_definition",
     {"route": "/ticket", "allowedUsers": ["an@example.com"], "methods": ["GET"]},
     "allowedUsers: there is no user 'an@example.com'. Did you mean 'ann@example.com'?"),
    ("/route_permission_definition", {"route": "/ticket", "methods": ["GET"]},
     "role or allowedUsers is required: it would let in nobody"),
    ("/route_permission_definition", {"role": "agent"},
     "route is required; methods is required"),
    ("/field_permission_definition", {"column": "ticket.subjct", "role": "agent"},
     "column: there is no column 'ticket.subjct'. Did you mean 'ticket.subject'?"),
    ("/field_permission_definition", {"column": "tickt.subject", "role": "agent"},
     "column: there is no table 'tickt'. Did you mean 'ticket'?"),
    ("/field_permission_definition", {"column": "subject", "role": "agent"},
     "column: write 'subject' with its table, such as 'post.subject'"),
    ("/field_permission_definition", {"relation": "ticket.subject", "role": "agent"},
     "relation: 'ticket.subject' is a column; name it as column"),
    ("/row_policy_definition", {"name": "x", "table": "tickets"},
     "table: there is no table 'tickets'. Did you mean 'ticket'?"),
    ("/user_definition", {"email": "z@example.com", "password": "x", "role": "agnt"},
     "role: there is no role 'agnt'. Did you mean 'agent'?"),
    ("/guard_rule_definition", {"guard": "none", "type": "ip_whitelist", "config": {}},
     "guard: there is no guard 'none'"),
]  # fmt: skip


async def named(api: Api) -> None:
    await api.define("ticket", "subject varchar")
    await api.create("/role_definition", {"name": "agent"})
    await api.create("/user_definition", {"email": "ann@example.com", "password": PASSWORD})


async def test_an_unknown_name_is_told_with_the_nearest(sqlite_api: Api) -> None:
    await named(sqlite_api)
    for path, body, told in UNKNOWN:
        answer = await sqlite_api.post(path, body)
        assert (answer.status, answer.code, answer.message) == (400, "INVALID_BODY", told)


async def test_names_stand_for_ids_in_nested_records_too(sqlite_api: Api) -> None:
    api = sqlite_api
    await named(api)
    permission = {
        "route": "/ticket", "methods": ["get", "POST"], "allowedUsers": ["Ann@example.com"],
    }  # fmt: skip
    role = await api.create("/role_definition", {"name": "lead"})
    await api.create("/route_permission_definition", permission | {"role": role["id"]})
    current = api.kernel.registry.current
    (made,) = current.permissions.routes
    assert (made.role, made.methods, len(made.users)) == (role["id"], {"GET", "POST"}, 1)
    field = {"column": "ticket.subject", "role": "agent", "action": "update"}
    row = await api.create("/field_permission_definition", field)
    assert row["column"]["id"] == current.tables["ticket"].columns["subject"].id
    guard = {"name": "door", "position": "post_auth", "route": "/ticket", "methods": ["GET"]}
    await api.create("/guard_definition", guard)
    rule = {"type": "ip_blacklist", "config": {"ips": ["192.0.2.1"]}, "users": ["ann@example.com"]}
    await api.create("/guard_rule_definition", rule | {"guard": "door"})
    (made_rule,) = api.kernel.registry.current.permissions.guard_rules
    assert made_rule.users == made.users
