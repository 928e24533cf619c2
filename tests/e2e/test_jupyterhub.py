"""A real JupyterHub with two users, whose servers attach to one central server."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.processes import Process
from tests.services.base import free_port

from .hub import PATIENCE, Hub, Person

pytestmark = pytest.mark.may_block

TICKS = 2
TICK = {"table": "note", "data": {"title": "tick"}}


def test_two_users_work_on_one_central_server(tmp_path: Path) -> None:
    """One story, for a Hub takes seconds to start: ann is an administrator of it, ben is not."""
    api_port = free_port()
    settings = {
        "ENFYRA_HUB_API_URL": f"http://127.0.0.1:{api_port}/hub/api",
        "ENFYRA_HUB_ADMINS": "true",
    }
    uri = f"sqlite:///{tmp_path / 'central.db'}"
    with (
        Process(uri, tmp_path / "central", settings=settings) as central,
        Hub(tmp_path / "hub", api_port, central.url) as hub,
        closing(Person(hub, "ann")) as ann,
        closing(Person(hub, "ben")) as ben,
    ):
        for person in (ann, ben):
            person.log_in()
        for person in (ann, ben):
            person.open_server()
        tell(hub, central, ann, ben)


def tell(hub: Hub, central: Process, ann: Person, ben: Person) -> None:
    each_is_himself(ann, ben, central)
    what_one_defines_the_other_sees(ann, ben)
    a_notebook_is_its_user(ben)
    nobody_is_somebody_else(ann, ben, central)
    no_server_runs_a_kernel_of_its_own(hub, central, ann)
    who_has_logged_out_is_let_in_no_more(ann, ben, central)


def each_is_himself(ann: Person, ben: Person, central: Process) -> None:
    for person in (ann, ben):
        me = person.send("GET", "/me").json()["data"][0]
        assert me["email"] == f"{person.name}@jupyterhub.invalid"
        assert me["loginProvider"] == "jupyterhub"
        # The token of his server, and one that he has made at the Hub, are his at the central one.
        for token in (person.token_of_server(), person.make_token()):
            with central.client(token) as client:
                assert client.get("/me").json()["data"][0]["id"] == me["id"]
    # Both are in one database, where an administrator sees them.
    found = ann.send("GET", "/user_definition?fields=email&sort=email&limit=0").json()["data"]
    emails = [one["email"] for one in found]
    assert emails == ["admin@enfyra.local", "ann@jupyterhub.invalid", "ben@jupyterhub.invalid"]
    assert ben.send("GET", "/user_definition").status_code == 403


def what_one_defines_the_other_sees(ann: Person, ben: Person) -> None:
    note = {"name": "note", "columns": [{"name": "title", "type": "varchar"}]}
    assert ben.send("POST", "/table_definition", note).status_code == 403
    created(ann.send("POST", "/table_definition", note))
    # It is there, and not for him yet.
    assert ben.send("GET", "/note").status_code == 403
    created(ann.send("POST", "/role_definition", {"name": "reader"}))
    permission = {"route": "/note", "role": "reader", "methods": ["GET"]}
    created(ann.send("POST", "/route_permission_definition", permission))
    give_role(ann, "reader")
    created(ann.send("POST", "/note", {"title": "from ann"}))
    answer = ben.send("GET", "/note?fields=title")
    assert [one["title"] for one in answer.json()["data"]] == ["from ann"], answer.text
    assert ben.send("POST", "/note", {"title": "from ben"}).status_code == 403


def give_role(ann: Person, role: str | None) -> None:
    """Give ben a role, as ann may."""
    where = 'filter={"email":"ben@jupyterhub.invalid"}'
    [account] = ann.send("GET", f"/user_definition?{where}").json()["data"]
    given = ann.send("PATCH", f"/user_definition/{account['id']}", {"role": role})
    assert given.status_code == 200, given.text


def created(answer: httpx.Response) -> None:
    assert answer.status_code == 201, answer.text


def a_notebook_is_its_user(ben: Person) -> None:
    """Run the magic in a kernel that the single-user server has started."""
    cells = [
        "%load_ext enfyra_jupyter\n%enfyra status",
        "%enfyra query note",
        "rows = [{'title': 'from ben'}]\n%enfyra push rows --table note",
    ]
    status, found, refused = asyncio.run(run_cells(ben, cells))
    assert "ben@jupyterhub.invalid" in status
    assert "from ann" in found
    assert "You are not allowed to" in refused


async def run_cells(person: Person, cells: list[str]) -> list[str]:
    """Run cells as JupyterLab does, over a WebSocket; give what each shows."""
    server = f"{person.hub.url}/user/{person.name}"
    headers = {"Authorization": f"token {person.make_token()}"}
    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE) as client:
        kernel = (await client.post(f"{server}/api/kernels", json={})).json()["id"]
    url = f"{server.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
    socket = await websocket_connect(HTTPRequest(url, headers=headers))
    async with asyncio.timeout(PATIENCE):
        shown = [await run_cell(socket, number, cell) for number, cell in enumerate(cells)]
    socket.close()
    return shown


async def run_cell(socket: Any, number: int, cell: str) -> str:
    header = {
        "msg_id": f"cell-{number}", "msg_type": "execute_request", "session": "s",
        "username": "", "version": "5.3",
    }  # fmt: skip
    content = {"code": cell, "silent": False, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    await socket.write_message(json.dumps({**message, "channel": "shell"}))
    shown = ""
    while True:
        answer = json.loads(await socket.read_message())
        if answer["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        content = answer["content"]
        shown += content.get("text", "") + content.get("data", {}).get("text/plain", "")
        if content.get("execution_state") == "idle":
            return shown


def nobody_is_somebody_else(ann: Person, ben: Person, central: Process) -> None:
    # The Hub does not let ben in to ann's server.
    assert ben.visit("ann").status_code == 403
    assert ben.send("GET", "/note", whose="ann").status_code == 401
    # It lets ann in to ben's, where she acts neither as him nor, by his server, as herself.
    answer = ann.visit("ben")
    assert (answer.status_code, answer.url.path) == (403, "/user/ben/enfyra/docs")
    assert "This server is somebody else's" in answer.text
    assert ann.browser.get("/user/ben/api/contents").status_code == 200
    assert ann.send("GET", "/note", whose="ben").status_code == 401
    # His server has seen a token of hers meanwhile, which is worth nothing elsewhere.
    with central.client(ann.make_token("access:servers!server=ben/")) as client:
        answer = client.get("/note")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "INVALID_TOKEN")


def no_server_runs_a_kernel_of_its_own(hub: Hub, central: Process, ann: Person) -> None:
    for name in ("ann", "ben"):
        assert f"Enfyra's API at /user/{name}/enfyra/ is that of {central.url}" in hub.log
    # No database of theirs, and no hand on the central one.
    assert [one for one in hub.files() if "enfyra" in one or "central" in one] == []
    # A flow runs once a tick, and nobody but the central server has begun it.
    flow = {
        "triggerType": "schedule",
        "triggerConfig": {"interval": 1},
        "steps": [{"key": "note", "type": "create", "config": TICK}],
    }
    assert ann.send("PUT", "/admin/flow/tick", flow).status_code in {200, 201}
    where = 'filter={"flow":{"name":"tick"},"status":"completed"}&limit=0&fields=scheduledFor'
    hub.wait_for(
        lambda: len(ann.send("GET", f"/flow_execution_definition?{where}").json()["data"]) >= TICKS
    )
    assert ann.send("PUT", "/admin/flow/tick", {**flow, "isEnabled": False}).status_code == 200
    runs = 'filter={"flow":{"name":"tick"}}&limit=0&fields=scheduledFor,status'

    def settled() -> Any:
        """Give the ticks when all runs are over and have left one note each."""
        found = ann.send("GET", f"/flow_execution_definition?{runs}").json()["data"]
        notes = ann.send("GET", '/note?filter={"title":"tick"}&limit=0').json()["data"]
        if {one["status"] for one in found} != {"completed"} or len(notes) != len(found):
            return None
        return [one["scheduledFor"] for one in found]

    ticks = hub.wait_for(settled)
    assert len(set(ticks)) == len(ticks)


def who_has_logged_out_is_let_in_no_more(ann: Person, ben: Person, central: Process) -> None:
    token, made = ben.token_of_server(), ben.make_token()
    with closing(ben.copied()) as stolen:
        assert stolen.send("GET", "/me").status_code == 200
        ben.log_out()
        # His cookies are worth nothing, not even to whoever has kept a copy of them.
        for person in (ben, stolen):
            answer = person.send("GET", "/me")
            assert answer.status_code != 200
            assert "ben@" not in answer.text

    # With the server its token ends, as soon as the central one asks anew: within a minute, or
    # when something about the account changes.
    def ended() -> bool:
        give_role(ann, "reader")
        give_role(ann, None)
        with central.client(token) as client:
            answer = client.get("/me")
        return (answer.status_code, answer.json().get("error", {}).get("code")) == (
            401,
            "INVALID_TOKEN",
        )

    ben.hub.wait_for(ended)
    # What he has made at the Hub to last does last, until it is revoked there.
    with central.client(made) as client:
        assert client.get("/me").status_code == 200
    assert ann.send("GET", "/me").status_code == 200
