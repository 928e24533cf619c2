"""Who may do what, from a notebook: asked, granted, revoked, clicked."""

from __future__ import annotations

from typing import Any

import pytest

from enfyra_jupyter.client import Client

EVIL = "<img src=x onerror=alert(1)>"
ANN = "ann.access@example.com"


@pytest.fixture
def inbox(shell, client):
    """A table, a role and an account; what is not the table's goes by hand."""
    columns = [{"name": "title", "type": "varchar"}]
    client.post("/table_definition", {"name": "ticket", "columns": columns})
    for name in ("agent", EVIL):
        client.post("/role_definition", {"name": name})
    user = client.post(
        "/user_definition", {"email": ANN, "password": "a long password", "role": "agent"}
    )
    yield shell
    client.send("DELETE", f"/user_definition/{user['data'][0]['id']}")
    for role in client.get("/role_definition")["data"]:
        if role["name"] in {"agent", EVIL}:
            client.send("DELETE", f"/role_definition/{role['id']}")


@pytest.fixture
def ann(inbox: Any, client: Client, server: Any) -> Any:
    """Say what an account gets for a method."""
    from enfyra_jupyter.client import ApiError
    from enfyra_jupyter.connection import log_in

    with Client(server.api, log_in(server.api, ANN, "a long password")) as hers:

        def status(method: str) -> int:
            try:
                hers.send(method, "/ticket")
            except ApiError as error:
                return error.status
            return 200

        yield status


def permissions(client: Client) -> list[Any]:
    fields = "role.name,methods.name,allowedUsers.email"
    rows = client.get("/route_permission_definition", fields=fields, sort="id")["data"]
    return [
        (
            (row["role"] or {}).get("name"),
            sorted(one["name"] for one in row["methods"]),
            [one["email"] for one in row["allowedUsers"]],
        )
        for row in rows
    ]


def test_granting_and_revoking(inbox, client, ann):
    assert ann("GET") == 403
    assert "agent may GET POST on /ticket" in repr(
        inbox.run("%enfyra grant agent get,POST /ticket")
    )
    assert ann("GET") == 200
    inbox.run("%enfyra grant agent PATCH /ticket")
    inbox.run(f"%enfyra grant {ANN} GET /ticket")
    assert permissions(client) == [
        ("agent", ["GET", "PATCH", "POST"], []),
        (None, ["GET"], [ANN]),
    ]
    assert "agent may POST on" in repr(inbox.run("%enfyra revoke agent GET,PATCH /ticket"))
    assert ann("GET") == 200
    assert "may nothing on" in repr(inbox.run(f"%enfyra revoke {ANN} ALL /ticket"))
    assert ann("GET") == 403
    assert permissions(client) == [("agent", ["POST"], [])]
    inbox.run("%enfyra grant everybody GET /ticket")
    assert ann("GET") == 200
    inbox.run("%enfyra revoke everybody GET /ticket")
    inbox.run("%enfyra grant logged-in GET /ticket")
    assert ann("GET") == 200
    inbox.run("%enfyra revoke logged-in ALL /ticket")
    assert ann("GET") == 403


def test_what_others_may_stays(inbox, client):
    client.post(
        "/route_permission_definition",
        {"route": "/ticket", "role": "agent", "allowedUsers": [ANN], "methods": ["GET", "POST"]},
    )
    inbox.run("%enfyra revoke agent POST /ticket")
    assert permissions(client) == [(None, ["GET", "POST"], [ANN]), ("agent", ["GET"], [])]


def test_asking(inbox):
    told = repr(inbox.run(f"%enfyra can {ANN} GET /ticket"))
    assert f"May {ANN} GET /ticket? No" in told
    assert "no enabled permission for GET /ticket" in told.replace("…", "")
    assert "403 AUTHORIZATION_ERROR" in told
    inbox.run("%enfyra grant agent GET /ticket")
    assert "? Yes" in repr(inbox.run(f"%enfyra can {ANN} get /ticket"))
    assert "404 RESOURCE_NOT_FOUND" in repr(inbox.run(f"%enfyra can {ANN} GET /ticket --row 99"))
    assert "? No" in repr(inbox.run("%enfyra can nobody GET /ticket --ip 192.0.2.1"))
    users = repr(inbox.run("%enfyra users *access@example.com"))
    assert ANN in users
    assert "admin@" not in users
    roles = inbox.run("%enfyra roles")
    assert "GET /ticket" in repr(roles)
    assert EVIL not in roles._repr_html_()


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%enfyra grant agnt GET /ticket", "There is no role 'agnt'. Did you mean 'agent'?"),
        ("%enfyra grant evrybody GET /ticket", "Did you mean 'everybody'?"),
        ("%enfyra grant ann.acces@example.com GET /ticket", f"Did you mean '{ANN}'?"),
        ("%enfyra grant agent GTE /ticket", "/ticket does not answer GTE. Did you mean 'GET'?"),
        ("%enfyra grant agent GET /tickt", "There is no route /tickt. Did you mean '/ticket'?"),
        ("%enfyra grant agent , /ticket", "Name a method"),
        ("%enfyra grant agent GET", "The following arguments are required: ROUTE"),
        ("%enfyra can no.one@example.com GET /ticket", "there is no 'no.one@example.com'"),
        ("%enfyra can nobdy GET /ticket", "there is no 'nobdy'"),
        ("%enfyra can nobody GET ticket", "path must begin with /"),
        ("%enfyra grant xyz GET /ticket", "There is no role 'xyz'. There are: "),
    ],
)
def test_mistakes_are_told(inbox, cell, said):
    assert said in inbox.refused(cell)


def test_the_matrix_is_a_table_with_everything_escaped(inbox):
    inbox.run("%enfyra grant agent GET,POST /ticket")
    matrix = inbox.run("%enfyra access /tick*")
    assert "GET POST" in repr(matrix)
    html = matrix._repr_mimebundle_()["text/html"]
    assert EVIL not in html
    assert "&lt;img" in html
    assert repr(inbox.run("%enfyra access /nothing*")).startswith("Access")
    assert "/user_definition" in repr(inbox.run("%enfyra access --system"))


def test_a_click_writes_the_rule(inbox, client, ann):
    matrix = inbox.run("%enfyra access /ticket")
    assert "application/vnd.jupyter.widget-view+json" in matrix._repr_mimebundle_()
    number = matrix.columns.index("agent")

    def click() -> dict[str, Any]:
        given = {"path": "/ticket", "who": "agent", "method": "GET"}
        return matrix.answered({"id": "1", "action": "toggle", "given": given})

    assert click()["value"] == {"may": True, "text": "agent may now GET /ticket"}
    assert ann("GET") == 200
    assert matrix.routes[0]["may"][number] == ["GET"]
    assert click()["value"] == {"may": False, "text": "agent may no longer GET /ticket"}
    assert ann("GET") == 403
    assert permissions(client) == []
    # What the server refuses is told, and the rule stays as it is.
    client.send("DELETE", f"/role_definition/{_id(client, 'agent')}")
    assert "There is no role" in click()["error"]["message"]
    assert matrix.routes[0]["may"][number] == []


def _id(client: Client, name: str) -> int:
    return client.get("/role_definition", filter={"name": {"_eq": name}})["data"][0]["id"]
