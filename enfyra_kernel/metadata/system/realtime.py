"""Gateways of Socket.IO, and their events."""

from __future__ import annotations

from .declarations import Declarations


def declare(d: Declarations) -> None:
    """Declare the tables."""
    d.table("websocket_definition", uniques=(("path",),))
    d.text("path", is_nullable=False)
    d.enabled()
    d.system()
    d.described()
    d.flag("requireAuth", True)
    d.script(timeout=False)
    d.number("connectionHandlerTimeout")

    d.table("websocket_event_definition", uniques=(("gateway", "eventName"),))
    d.text("eventName", is_nullable=False)
    d.enabled()
    d.system()
    d.described()
    d.script()
    d.part_of("gateway", "websocket_definition", "events", is_nullable=False)
