"""The bus: messages to all instances, the sender excepted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from ..background import end
from ..logs import get_logger
from .instance import Instance

_log = get_logger("bus")

Listener = Callable[[Any], Awaitable[None]]

# Seconds for Redis to take a message.
PATIENCE = 2.0
DEFINITIONS = "enfyra:metadata-cache-sync"
SESSIONS = "enfyra:session-revoked"
WRITES = "enfyra:record-written"
PACKAGES = "enfyra:package-cache-sync"


class Bus(Protocol):
    """Carries messages between the instances of a cluster.

    A message that is lost (Redis was away) is not repeated: whoever listens must also be able to
    look for himself. `on_gap` tells when that may be needed.
    """

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def publish(self, channel: str, message: Any) -> None:
        """Send a message to all other instances; it must be plain data."""
        ...

    def subscribe(self, channel: str, listener: Listener) -> None:
        """Have a function called with each message of other instances on a channel."""
        ...

    def on_gap(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Have a function called when messages may have been lost."""
        ...

    async def ping(self) -> None:
        """Make sure that messages can be sent."""
        ...


class LocalBus:
    """The bus of a single instance: there is nobody else."""

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    async def publish(self, channel: str, message: Any) -> None:
        """Do nothing: there is no other instance."""

    def subscribe(self, channel: str, listener: Listener) -> None:
        """Do nothing: no message will come."""

    def on_gap(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Do nothing: nothing gets lost."""

    async def ping(self) -> None:
        """Do nothing."""


class _Envelope(msgspec.Struct):
    instance: str
    body: Any


class RedisBus:
    """The bus over Redis Pub/Sub.

    Args:
        uri: Redis' address.
        instance: Who sends. Its `node_name` decorates the channels, so that several deployments
            can share one Redis.
    """

    def __init__(self, uri: str, instance: Instance) -> None:
        import redis.asyncio

        # A subscription is quiet for hours: no time-out on reading, but health checks.
        self._redis = redis.asyncio.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            uri, socket_timeout=None, socket_connect_timeout=5, health_check_interval=15
        )
        self._suffix = f":{instance.node_name}" if instance.node_name else ""
        self._instance = instance
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._gap_listeners: list[Callable[[], Awaitable[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen; waits a little for the connection, but does not insist on it."""
        self._task = asyncio.ensure_future(self._listen())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._ready.wait()

    async def stop(self) -> None:
        """Disconnect."""
        await end(self._task)
        await self._redis.aclose()

    def subscribe(self, channel: str, listener: Listener) -> None:
        """Have a function called with each message of other instances on a channel."""
        self._listeners[channel + self._suffix].append(listener)

    def on_gap(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Have a function called when messages may have been lost."""
        self._gap_listeners.append(listener)

    async def publish(self, channel: str, message: Any) -> None:
        """Send a message; if Redis is away it is lost, and logged."""
        data = msgspec.json.encode(_Envelope(self._instance.id, message))
        try:
            # Whoever publishes has a request to answer, however long Redis may take.
            async with asyncio.timeout(PATIENCE):
                await self._redis.publish(channel + self._suffix, data)  # pyright: ignore[reportUnknownMemberType]
        except Exception as error:
            _log.warning("message lost", extra={"channel": channel, "reason": repr(error)})

    async def ping(self) -> None:
        """Make sure that messages can be sent."""
        async with asyncio.timeout(PATIENCE):
            await self._redis.ping()  # pyright: ignore[reportUnknownMemberType]

    async def _listen(self) -> None:
        lost = False
        while True:
            try:
                async with self._redis.pubsub() as pubsub:  # pyright: ignore[reportUnknownMemberType]
                    await pubsub.subscribe(*self._listeners)  # pyright: ignore[reportUnknownMemberType]
                    self._ready.set()
                    if lost:
                        await self._tell_gap()
                    lost = False
                    async for message in pubsub.listen():  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
                        await self._receive(message)  # pyright: ignore[reportUnknownArgumentType]
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if not lost:
                    _log.warning("Redis cannot be reached", extra={"reason": str(error)})
                lost = True
                await asyncio.sleep(0.5)

    async def _receive(self, message: dict[str, Any]) -> None:
        if message.get("type") != "message":
            return
        try:
            envelope = msgspec.json.decode(message["data"], type=_Envelope)
        except msgspec.MsgspecError:
            _log.warning("malformed message", extra={"channel": str(message.get("channel"))})
            await self._tell_gap()
            return
        if envelope.instance == self._instance.id:
            return
        channel = message["channel"]
        name = channel.decode() if isinstance(channel, bytes) else str(channel)
        for listener in self._listeners.get(name, ()):
            try:
                await listener(envelope.body)
            except Exception:
                _log.exception("a message could not be handled")

    async def _tell_gap(self) -> None:
        for listener in self._gap_listeners:
            try:
                await listener()
            except Exception:
                _log.exception("the state after a gap could not be loaded")
