"""What steps of each kind do that need nothing but the sandbox and its host."""

from __future__ import annotations

from .asking import HttpStep, RecordSteps
from .plain import log, sleep
from .scene import StepKind
from .scripts import Scripting


def kinds_of(scripting: Scripting) -> dict[str, StepKind]:
    """Give them by name; trials and runs add what they do differently."""
    records = RecordSteps(scripting)
    return {
        "script": scripting.script,
        "condition": scripting.condition,
        "query": records,
        "create": records,
        "update": records,
        "delete": records,
        "http": HttpStep(scripting),
        "sleep": sleep,
        "log": log,
    }
