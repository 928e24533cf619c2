"""Steps that need nobody: waiting, and saying something."""

from __future__ import annotations

import asyncio
from typing import Any

from ...encoding import encode_json
from ...errors import EnfyraError
from .scene import LEVELS, Scene

# Milliseconds.
SLEEP, MOST_SLEEP = 1_000, 3_600_000
_MOST_MESSAGE = 10_000


async def sleep(scene: Scene) -> Any:
    """Wait for `ms`."""
    ms = scene.config.get("ms", SLEEP)
    if isinstance(ms, bool) or not isinstance(ms, int | float) or not 0 <= ms <= MOST_SLEEP:
        raise EnfyraError("INVALID_ARGUMENT", f"ms must be a number up to {MOST_SLEEP}")
    await asyncio.sleep(ms / 1000)
    return {"slept": ms}


async def log(scene: Scene) -> Any:
    """Write `message` into the log; without one, what the last step gave."""
    message = scene.config.get("message")
    if message is None:
        message = scene.known.get("last")
    level = scene.config.get("level", "info")
    if level not in LEVELS:
        raise EnfyraError("INVALID_ARGUMENT", f"level must be one of {', '.join(LEVELS)}")
    text = message if isinstance(message, str) else encode_json(message).decode()
    scene.log(level, text[:_MOST_MESSAGE])
    return {"logged": True, "message": text[:_MOST_MESSAGE]}
