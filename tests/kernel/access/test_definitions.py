"""Permissions, row policies and guards travel in the Snapshot."""

from __future__ import annotations

import pytest

from tests.engines import two_engines  # noqa: F401

from ...api import Api

pytestmark = pytest.mark.asyncio


async def test_a_permission_is_live_when_its_request_is_answered(api: Api) -> None:
    role = (await api.post("/role_definition", {"name": "agent"})).row["id"]
    user = await api.post("/user_definition", {"email": "a@example.com", "password": "secret-1"})
    table = await api.post(
        "/table_definition",
        {"name": "ticket", "columns": [{"name": "subject", "type": "varchar"}]},
    )
    route = (await api.get("/route_definition", filter={"path": "/ticket"})).row["id"]
    body = {
        "route": {"id": route}, "role": {"id": role}, "methods": ["GET"],
        "allowedUsers": [{"id": user.row["id"]}],
    }  # fmt: skip
    made = await api.post("/route_permission_definition", body)
    (permission,) = api.kernel.registry.current.permissions.routes
    assert permission.route == route
    assert permission.role == role
    assert permission.users == {user.row["id"]}
    assert permission.methods == {"GET"}
    policy = {
        "name": "own", "table": {"id": table.row["id"]}, "filter": {"subject": "x"},
        "role": {"id": role},
    }  # fmt: skip
    await api.post("/row_policy_definition", policy)
    (row_policy,) = api.kernel.registry.current.permissions.rows
    assert (row_policy.action, row_policy.filter) == ("all", {"subject": "x"})
    id_ = made.row["id"]
    await api.patch(f"/route_permission_definition/{id_}", {"isEnabled": False})
    assert api.kernel.registry.current.permissions.routes == ()
