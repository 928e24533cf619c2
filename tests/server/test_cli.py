"""The command `enfyra`: help, settings, and what it says when it cannot start."""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import closing
from pathlib import Path

import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.query.ast import EVERYTHING
from enfyra_kernel.settings import variables

from enfyra_server.cli import Loop, app
from tests.databases import settings
from tests.processes import Process, run

SECRETS = {
    "ENFYRA_ENCRYPTION_KEYS": "hush-hush-hush-hush-hush-hush-hush-hush",
    "SECRET_KEY": "hush-hush-hush-hush",
    "ADMIN_PASSWORD": "pass-of-the-admin",
    "DB_URI": "postgresql://ann:pass-of-ann@127.0.0.1:1/shop",
    "REDIS_URI": "redis://:pass-of-redis@127.0.0.1:1/0",
    "ENFYRA_TOKEN": "token-of-somebody",
}
WORDS = ("hush", "pass-of", "token-of")


def test_help_names_every_command() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: enfyra [OPTIONS] COMMAND [ARGS]...")
    for command in ("serve", "worker", "adopt", "settings", "rotate-keys", "password", "version"):
        assert re.search(rf"^  {command} +[A-Z].*\.$", done.stdout, re.MULTILINE), done.stdout


def test_without_a_command_there_is_the_help() -> None:
    done = run()
    assert done.returncode == 2
    assert "Usage: enfyra" in done.stdout + done.stderr


def test_help_of_serve_names_every_option() -> None:
    done = run("serve", "-h")
    assert (done.returncode, done.stderr) == (0, "")
    for option in ("--port", "--host", "--db", "--workers", "--loop", "--help"):
        assert f"  {option}" in done.stdout or f", {option}" in done.stdout
    assert "--sockets" not in done.stdout
    assert "--ready" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_version_is_one_word() -> None:
    for arguments in (("version",), ("--version",)):
        done = run(*arguments)
        assert done.returncode == 0
        assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serv"], "serv"),
        (["serve", "--prot", "80"], "--port"),
        (["serve", "--port", "many"], "'--port'"),
        (["serve", "--workers", "0"], "--workers"),
        (["serve", "--loop", "trio"], "asyncio"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_lists_every_setting_and_no_value_that_is_secret(tmp_path: Path) -> None:
    done = run("settings", settings=SECRETS, folder=tmp_path)
    assert done.returncode == 0
    for name, purpose in variables().items():
        assert re.search(rf"^{name}\b.*\n    {re.escape(purpose)}$", done.stdout, re.MULTILINE)
    assert not any(word in done.stdout for word in WORDS)


def test_all_malformed_settings_are_named_in_one_message(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DB_HOST=x\nNODE_NAME=a b\n")
    wrong = {"PORT": "many", "ENFYRA_MAX_LIMT": "5", "SECRET_KEY": "hush", "DB_URI": "oracle://x"}
    done = run("serve", settings=wrong, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    first, *rest = done.stderr.splitlines()
    assert first == "enfyra: The settings are not valid:"
    assert [line.split(":")[0].strip() for line in rest] == [
        "DB_HOST", "ENFYRA_MAX_LIMT", "DB_URI", "NODE_NAME", "SECRET_KEY", "PORT",
    ]  # fmt: skip
    assert "Did you mean 'ENFYRA_MAX_LIMIT'?" in done.stderr
    assert "hush" not in done.stderr


def test_what_is_wrong_repeats_no_secret(tmp_path: Path) -> None:
    done = run("serve", settings=SECRETS, folder=tmp_path)
    assert done.returncode == 1
    assert "The database cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(word in done.stdout + done.stderr for word in WORDS)


def test_several_workers_need_redis_and_a_port(tmp_path: Path) -> None:
    database = {"DB_URI": f"sqlite:///{tmp_path}/a.db"}
    done = run("serve", "--workers", "2", settings=database)
    assert done.returncode == 2
    assert "2 workers need REDIS_URI" in done.stderr
    redis = {**database, "REDIS_URI": "redis://127.0.0.1:1"}
    done = run("serve", "--workers", "2", "--port", "0", settings=redis)
    assert done.returncode == 2
    assert "need a fixed port" in done.stderr


def test_a_port_that_is_taken_is_named(sqlite_uri: str, tmp_path: Path) -> None:
    with Process(sqlite_uri, tmp_path) as process:
        options = ("--port", str(process.port), "--db", sqlite_uri)
        done = run("serve", *options, settings={"SECRET_KEY": "x" * 16})
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{process.port}" in done.stderr
    assert "--port" in done.stderr


def test_options_win_over_the_environment(sqlite_uri: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    options = ("--db", sqlite_uri, "--port", "0", "--host", "localhost")
    with Process(f"sqlite:///{elsewhere}", tmp_path, *options, port=1) as process:
        listening = next(line for line in process.log if line["event"] == "listening")
        assert listening["host"] == "localhost"
        with closing(process.login()) as client:
            assert client.get("/me").status_code == 200
    assert not elsewhere.exists()


# -- the first administrator and the log ----------------------------------------------------------


def test_a_password_that_is_made_up_is_printed_once_and_never_logged(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/new.db"
    made_up = {"ADMIN_PASSWORD": "", "SECRET_KEY": "", "ENFYRA_LOG_LEVEL": "debug"}
    with Process(uri, tmp_path, settings=made_up) as process:
        process.wait_for(lambda: "password" in process.output)
        password = re.findall(r"password +(\S+)", process.output)[0]
        with closing(process.login(password=password)) as client:
            token = client.headers["Authorization"].split()[1]
            assert client.get("/me").status_code == 200
        assert process.end() == 0
    assert process.output.count(password) == 1
    assert password not in process.errors
    assert token not in process.errors
    assert len(process.log) > 5
    with Process(uri, tmp_path, settings=made_up) as again:
        again.login(password=password).close()
        assert again.end() == 0
    assert again.output == ""


def test_every_line_of_the_log_is_json_with_the_correlation_id(
    sqlite_uri: str, tmp_path: Path
) -> None:
    with Process(sqlite_uri, tmp_path, settings={"ENFYRA_LOG_LEVEL": "debug"}) as process:
        with closing(process.client()) as client:
            client.get("/metadata?token=shown-to-nobody", headers={"X-Correlation-ID": "trace-1"})
            client.post("/auth/login", content=b"{", headers={"X-Correlation-ID": "trace-2"})
        assert process.end() == 0
    requests = [line for line in process.log if line["event"] == "request"]
    assert [
        (line["correlationId"], line["method"], line["path"], line["status"]) for line in requests
    ] == [("trace-1", "GET", "/metadata", 401), ("trace-2", "POST", "/auth/login", 400)]
    for line in process.log:
        assert {"timestamp", "level", "logger", "event"} <= set(line)
    assert "shown-to-nobody" not in process.errors


# -- the event loop -------------------------------------------------------------------------------


def test_the_server_runs_on_uvloop(sqlite_uri: str, tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    with Process(sqlite_uri, tmp_path, "--loop", "uvloop") as process:
        with closing(process.login()) as client:
            assert client.get("/me").status_code == 200
            arrow = {"Accept": "application/vnd.apache.arrow.stream"}
            assert client.get("/user_definition", headers=arrow).content.startswith(b"\xff" * 4)
        assert process.end() == 0


def test_uvloop_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["serve", "--loop", Loop.UVLOOP.value])
    assert done.exit_code == 2
    assert "uvloop is not installed" in done.output
    assert "enfyra-kernel[speed]" in done.output


def test_values_are_encrypted_anew(sqlite_uri: str, tmp_path: Path) -> None:
    old, new = "an old key for values " * 2, "a new key for values " * 2
    database = {"DB_URI": sqlite_uri, "SECRET_KEY": "x" * 16}

    async def fill() -> None:
        async with Kernel(settings(sqlite_uri, encryption_keys=old)) as kernel:
            column = {"name": "ssn", "type": "text", "isEncrypted": True}
            await kernel.definitions.create_table({"name": "person", "columns": [column]})
            await kernel.records.of("person").create_many([{"ssn": "1"}, {"ssn": "2"}], EVERYTHING)

    done = run("rotate-keys", settings=database, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "There is nothing encrypted\n")
    asyncio.run(fill())
    keys = {"ENFYRA_ENCRYPTION_KEYS": f"{new},{old}"}
    done = run("rotate-keys", settings=database | keys, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "person: 2 of 2 records, 2 values encrypted anew\n"
    done = run(
        "rotate-keys", "--db", sqlite_uri, settings={"SECRET_KEY": "x" * 16}, folder=tmp_path
    )
    assert done.returncode == 1
    assert "2 values cannot be decrypted with these keys" in done.stderr
    assert new not in done.stdout + done.stderr


def test_a_password_is_set(sqlite_uri: str) -> None:
    done = run("password", "--generate", "--db", sqlite_uri)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.fullmatch(r"The password of (\S+) is (\S+)\n", done.stdout)
    assert found is not None

    async def log_in() -> str:
        async with Kernel(settings(sqlite_uri)) as kernel:
            return (await kernel.sessions.login(found[1], found[2])).access_token

    assert asyncio.run(log_in())
    nobody = run("password", "nobody@example.org", "--generate", "--db", sqlite_uri)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "There is no user 'nobody@example.org'" in nobody.stderr
