"""Scripts in JavaScript: QuickJS, one fresh engine for each run."""

from __future__ import annotations

from .engine import Limits, available
from .runner import ScriptContext, ScriptError, run_javascript

__all__ = ["Limits", "ScriptContext", "ScriptError", "available", "run_javascript"]
