"""Arrow streams need pyarrow: half a second and 40 MB, for those who use them only."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from importlib import import_module

_MODULES = ("enfyra_kernel.records.loading", "enfyra_kernel.storage.sql.arrow")


async def prepare_streams() -> None:
    """Import what works on Arrow streams, if it is installed, beside the event loop."""
    if not all(name in sys.modules for name in _MODULES):
        await asyncio.to_thread(_import)


def _import() -> None:
    with suppress(ImportError):
        for name in _MODULES:
            import_module(name)
