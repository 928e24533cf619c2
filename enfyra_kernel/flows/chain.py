"""Which flows have led to what is done at the moment."""

from __future__ import annotations

from contextvars import ContextVar

# Ids of flows, the first one first.
CHAIN: ContextVar[tuple[int, ...]] = ContextVar("flow_chain", default=())
