"""What notebooks meet: a server that dies and comes back, very wide tables, names of the world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from enfyra_jupyter.client import ApiError, Client
from enfyra_jupyter.connection import log_in
from enfyra_jupyter.frames import ResultFrame
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.processes import Process

COLUMNS = 500


def test_a_server_that_dies_in_a_download_and_comes_back(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'a.db'}"
    with Process(uri, tmp_path / "first") as process:
        client = Client(process.url, log_in(process.url, ADMIN_EMAIL, ADMIN_PASSWORD))
        client.post(
            "/table_definition", {"name": "post", "columns": [{"name": "text", "type": "text"}]}
        )
        for _ in range(3):
            client.post("/post", [{"text": "x" * 1_000}] * 10_000)
        frame = ResultFrame(client, "/post", {"sort": "id"})
        with pytest.raises(ApiError, match="broke the answer off") as caught:
            _read_and(process.process.kill, frame)
        assert caught.value.code == "SERVER_UNREACHABLE"
        process.process.wait()
        with pytest.raises(ApiError, match="Is the server running") as caught:
            frame.DataFrame()
        assert caught.value.code == "SERVER_UNREACHABLE"
        port = process.port
    with Process(uri, tmp_path / "second", port=port), client:
        # The same connection, the same login, the same result.
        assert len(frame.DataFrame()) == 30_000


def _read_and(do: Callable[[], None], frame: ResultFrame) -> None:
    with frame.reader() as batches:
        for _ in batches:
            do()


def test_more_than_five_hundred_columns(shell: Any, client: Client) -> None:
    for name, many in (("other", 130), ("wide", 380)):
        columns = [{"name": f"c{number}", "type": "int"} for number in range(many)]
        client.post("/table_definition", {"name": name, "columns": columns})
    shell.run("%%enfyra table wide\nrelations: {other: other}")
    shell["rows"] = pd.DataFrame([{f"c{number}": number for number in range(130)}])
    shell.run("%enfyra push rows --table other")
    shell["rows"] = pd.DataFrame([{f"c{n}": n for n in range(380)} | {"other": 1}] * 3)
    shell.run("%enfyra push rows --table wide")
    frame = shell.run("%enfyra query wide --fields *,other.*")
    data = frame.DataFrame()
    assert data.shape == (3, 380 + 130 + 6)
    assert data["other.c129"].tolist() == [129] * 3
    assert '<td class="n">379</td>' in frame._repr_html_()
    assert "other.c129" in repr(shell.run("%enfyra grid wide --fields *,other.*"))
    for command in ("describe", "profile", "design"):
        assert "c379" in repr(shell.run(f"%enfyra {command} wide")), command
    complete = shell.shell.magics_manager.registry["EnfyraMagics"].completer.complete
    found = complete(["%enfyra query wide --fields c37"])[1]
    assert found == ["c37", *(f"c37{number}" for number in range(10))]


@pytest.fixture
def role(client: Client) -> Any:
    made = client.post("/role_definition", {"name": "محرر 😀"})["data"][0]
    yield made["name"]
    client.send("DELETE", f"/role_definition/{made['id']}")


@pytest.fixture
def flow(client: Client) -> Any:
    yield "تقرير 😀"
    for one in client.get("/flow_definition", filter={"name": "تقرير 😀"})["data"]:
        client.send("DELETE", f"/flow_definition/{one['id']}")


def test_names_of_the_world(
    shell: Any, client: Client, role: str, flow: str, tmp_path: Path
) -> None:
    shell["data"] = pd.DataFrame({"العنوان": ["👩‍🔬 صباح الخير"]})
    said = shell.refused("%enfyra push data --table post")
    assert "--rename 'العنوان=column'" in said
    shell.run("%enfyra push data --table post --rename العنوان=title")
    found = shell.run("%enfyra query post --filter {title: {_contains: صباح}}")
    assert "👩‍🔬 صباح الخير" in found._repr_html_()
    assert "'نص'" in shell.refused("%enfyra query نص")
    assert "[a-z0-9_]+" in shell.refused("%%enfyra table نص\ncolumns: {a: int}")
    said = shell.refused("%enfyra query post --fields العنوان")
    assert "has no field 'العنوان'" in said
    # Carets stand below the word, however wide its letters are.
    *_, line, carets = said.splitlines()
    assert line[carets.index("^") :].startswith("العنوان")
    said = shell.refused("%enfyra query post --filter {title: {_eq: 東京😀}} --sort titel")
    *_, line, carets = said.splitlines()
    assert carets == f"{' ' * (line.index('titel') + 3)}^^^^^"
    shell.run(f"%%enfyra flow '{flow}'\n- {{key: say, type: log, config: {{message: 😀}}}}")
    assert flow in repr(shell.run(f"%enfyra run '{flow}'"))
    assert flow in repr(shell.run(f"%enfyra runs '{flow}'"))
    assert flow in repr(shell.run(f"%enfyra board '{flow}'"))
    shell.run(f"%enfyra grant '{role}' GET /post")
    assert role in repr(shell.run("%enfyra access /post"))
    shell.run(f"%enfyra export {tmp_path / 'definitions'}")
    assert "Nothing differs" in repr(shell.run(f"%enfyra diff {tmp_path / 'definitions'}"))


EVIL = "\x1b[31mred\u202e<script>x</script>"


def test_hostile_values_are_only_to_be_looked_at(
    shell: Any, client: Client, flow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client.post("/table_definition", {
        "name": "post", "description": EVIL, "columns": [{"name": "title", "type": "varchar"}],
    })  # fmt: skip
    client.post("/post", {"title": EVIL})
    shell["data"] = [{"id": 1, "title": f"{EVIL}, too"}]
    shell.run(f"%%enfyra flow '{flow}'\n- key: say\n  type: log\n"
              "  config: {message: \"{{ @FLOW_PAYLOAD }}\"}\n- key: fail\n  type: script\n"
              "  source: raise ValueError(@FLOW_PAYLOAD)")  # fmt: skip
    client.post(f"/admin/flow/trigger/{flow}", {"payload": EVIL})
    capsys.readouterr()
    shell.run(f"%enfyra logs '{flow}' --follow")
    shown = [capsys.readouterr().out, shell.refused(f"%enfyra query '{EVIL}'")]
    html = ""
    for command in (
        "tables", "describe post", "query post", "query post --aggregate {title: {max: true}}",
        "profile post", "grid post", "push data --table post --mode upsert --key id --dry-run",
        f"logs '{flow}'", f"runs '{flow}'", f"flow '{flow}'", f"timeline '{flow}'",
        f"board '{flow}'", "last-error",
    ):  # fmt: skip
        result = shell.run(f"%enfyra {command}")
        bundle = {} if not hasattr(result, "_repr_mimebundle_") else result._repr_mimebundle_()
        shown.append(repr(result))
        html += bundle.get("text/html") or result._repr_html_()
    assert not set("".join(shown) + html) & {"\x1b", "\u202e"}
    assert "<script" not in html
    # What speaks to nobody is still there to be read.
    assert sum("␛[31mred⟨202E⟩" in one for one in shown) > 8
    assert "␛[31mred⟨202E⟩&lt;script&gt;" in html
