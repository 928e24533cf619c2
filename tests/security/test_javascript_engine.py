"""Hostile scripts in JavaScript against the engine alone, without the walls around its process."""

from __future__ import annotations

import subprocess
import sys

import pytest
from enfyra_kernel.scripts.javascript import Limits

from ..kernel.scripts.hosts import run
from .escapes.javascript import ESCAPES, PROBE, UNTOUCHED, Escape

FAILURES = {"SCRIPT_SYNTAX_ERROR", "SCRIPT_EXECUTION_ERROR", "SCRIPT_TIMEOUT_ERROR"}
LIMITS = Limits(memory=16 << 20, seconds=0.2)
IN_PROCESS = [escape for escape in ESCAPES if not escape.needs_kill]
KILLED = [escape for escape in ESCAPES if escape.needs_kill]


def name_of(escape: Escape) -> str:
    return escape.name


def test_there_are_enough() -> None:
    assert len(ESCAPES) >= 50
    assert len({escape.name for escape in ESCAPES}) == len(ESCAPES)


@pytest.mark.may_block
@pytest.mark.parametrize("escape", IN_PROCESS, ids=name_of)
def test_the_engine_holds(escape: Escape) -> None:
    done = run(escape.source, limits=LIMITS)
    assert {name for name, _ in done.host.calls} <= escape.asks
    assert done.host.most_at_once <= LIMITS.requests
    if escape.returns is None:
        failure = done.failure
        assert failure.code in FAILURES
        assert not failure.thrown
        assert failure.status is None
    else:
        assert done.result == escape.returns
    assert run(PROBE).result == UNTOUCHED


@pytest.mark.may_block
@pytest.mark.parametrize("escape", KILLED, ids=name_of)
def test_the_end_of_the_process_ends_what_stays_inside_the_engine(escape: Escape) -> None:
    code = (
        "import sys; from tests.kernel.scripts.hosts import run; print('begun', flush=True);"
        "run(sys.argv[1])"
    )
    command = [sys.executable, "-c", code, escape.source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.kill()
        assert process.wait(10) == -9
