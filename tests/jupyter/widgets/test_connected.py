from __future__ import annotations

from typing import Any

from enfyra_jupyter.client import Client


def test_a_widget_does_nothing_on_another_server(shell: Any, client: Any) -> None:
    shell.run("%%enfyra table post\ncolumns: {title: varchar}")
    designer = shell.run("%enfyra design post")
    message = {"id": "1", "action": "apply", "given": {"draft": designer.base}}
    shell.session.use(Client("http://localhost:1"))
    said = designer.answered(message)["error"]["message"]
    assert said.startswith("The notebook is connected to http://localhost:1 now")
    shell.session.use(Client(client.url, client.auth, links=client.links))
    assert designer.answered(message)["value"]["name"] == "post"
