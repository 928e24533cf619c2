"""A kernel without HTTP: it runs flows and jobs, for servers that leave these to others."""

from __future__ import annotations

import asyncio
import signal

from enfyra_kernel.jobs.handlers import register_handlers
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.logs import get_logger

_log = get_logger("worker")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def run_daemon(kernel: Kernel) -> None:
    """Run until SIGTERM or SIGINT; runs that do not end soon go back, for others to go on with.

    A second signal stops at once: the leases of what was at work run out.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    register_handlers(kernel.settings.job_handlers, kernel)
    await kernel.start()
    _log.info("working", extra={"runs": kernel.settings.flow_workers})
    await stop.wait()
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
    _log.info("stopping")
    await kernel.stop()
