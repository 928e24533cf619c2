"""What the operating system refuses a worker, whatever the rules of the language let through."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from enfyra_kernel.scripts.worker import hardening
from enfyra_kernel.scripts.worker.seccomp import program

ROOT = Path(__file__).parents[3]
linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="numbers of x86-64 Linux"
)


def tried(tmp_path: Path, *more: str, **environment: str) -> dict[str, object]:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        done = subprocess.run(
            [sys.executable, "-m", "tests.security.escapes.raw", str(secret),
             str(listener.getsockname()[1]), *more],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert secret.read_text() == "secret"
    return json.loads(done.stdout)


@linux
@pytest.mark.may_block
def test_nothing_is_reached(tmp_path: Path) -> None:
    got = tried(tmp_path)
    assert got["reached"] == []
    assert got["tried"] == 37


@linux
@pytest.mark.may_block
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_nothing_is_reached_from_an_ordinary_user(tmp_path: Path) -> None:
    assert tried(tmp_path, "65533")["reached"] == []


@linux
@pytest.mark.may_block
@pytest.mark.parametrize("user", [(), ("65533",)])
def test_nothing_is_reached_from_a_fork(tmp_path: Path, user: tuple[str, ...]) -> None:
    if user and os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    got = tried(tmp_path, *user, FORKED="1")
    assert got["reached"] == []
    assert got["tried"] == 37


@linux
@pytest.mark.may_block
def test_the_required_layers_are_enough(tmp_path: Path) -> None:
    """Without namespaces and Landlock, as in many a container."""
    without = (
        "from enfyra_kernel.scripts.worker import linux\n"
        "def none(): raise OSError('not here')\n"
        "linux.new_namespaces = linux.empty_root = linux.landlock = linux.drop_identity = none\n"
        "from tests.security.escapes.raw import main; main()"
    )
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    done = subprocess.run(
        [sys.executable, "-c", without, str(secret), "1"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert got["reached"] == []
    assert got["layers"]["landlock"].startswith("missing")


def test_a_machine_without_a_list_is_refused() -> None:
    assert program("x86_64") is not None
    assert program("aarch64") is not None
    assert program("pdp11") is None
    assert "system calls" in hardening.REQUIRED


def test_what_forks_may_do_a_little_more() -> None:
    plain, forking = program("x86_64"), program("x86_64", forking=True)
    assert plain is not None
    assert forking is not None
    assert len(plain) < len(forking) < 2 * len(plain)
