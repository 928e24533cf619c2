"""What is done once, before there are several test processes that would each do it."""

from __future__ import annotations

import importlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def at_once(*calls: Callable[[], object]) -> None:
    """Run calls on threads, and wait for all of them.

    Raises:
        ExceptionGroup: What they have raised.
    """
    with ThreadPoolExecutor(len(calls)) as threads:
        futures = [threads.submit(call) for call in calls]
    errors = [error for one in futures if isinstance(error := one.exception(), Exception)]
    if errors:
        raise ExceptionGroup("preparing the tests", errors)


@contextmanager
def imported(folder: Path) -> Iterator[None]:
    """Import all test modules beside the block, in a process that then ends.

    What stays is bytecode, with pytest's own assertions in it. Test processes that begin together
    would each write all of it.
    """
    process = multiprocessing.get_context("fork").Process(target=_import, args=[folder])
    process.start()
    try:
        yield
    finally:
        process.join()


def _import(folder: Path) -> None:
    for path in sorted(folder.rglob("test_*.py")):
        name = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
        # What cannot be imported is told by the process that collects it.
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)
