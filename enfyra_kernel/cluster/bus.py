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
from .channels import GAPS
from .instance import Instance
from .seal import Seal

_log = get_logger("bus")

Listener = Callable[[Any], Awaitable[None]]
GapListener = Callable[[], Awaitable[None]]

# Seconds for Redis to take a message.
PATIENCE = 2.0
# Seconds between two attempts to reach Redis.
_REST = 0.5


class Bus(Protocol):
    """Carries messages between the instances of a cluster.

    Those of one sender arrive in their order. A message that is lost (Redis was away) is not
    repeated: whoever listens must also be able to look for himself. `on_gap` tells when that may
    be needed.
    """

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def publish(self, channel: str, message: Any) -> None:
        """Send a message to all other instances; it must be what JSON can hold."""
        ...

    def subscribe(self, channel: str, listener: Listener, kind: Any = Any) -> None:
        """Have a function called with each message of other instances on a channel.

        Args:
            kind: What the message is made into; one that cannot be made into it is a gap.
        """
        ...

    def on_gap(self, listener: GapListener) -> None:
        """Have a function called when messages may have been lost, or could not be read."""
        ...

    async def ping(self) -> None:
        """Make sure that messages can be sent."""
        ...


class Listeners:
    """Who listens on an instance, and how he is told."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, list[tuple[Listener, Any]]] = defaultdict(list)
        self._gap_listeners: list[GapListener] = []

    @property
    def channels(self) -> tuple[str, ...]:
        """What is listened to."""
        return tuple(self._listeners)

    def add(self, channel: str, listener: Listener, kind: Any) -> None:
        """Add one to a channel."""
        self._listeners[channel].append((listener, kind))

    def add_for_gaps(self, listener: GapListener) -> None:
        """Add one who is told of gaps."""
        self._gap_listeners.append(listener)

    async def receive(self, channel: str, body: bytes | msgspec.Raw) -> None:
        """Tell those who listen to a channel; one who fails keeps nobody else from hearing."""
        for listener, kind in self._listeners.get(channel, ()):
            try:
                message = msgspec.json.decode(body, type=kind)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                _log.warning("malformed message", extra={"channel": channel, "reason": str(error)})
                await self.tell_gap()
                continue
            try:
                await listener(message)
            except Exception:
                _log.exception("a message could not be handled")

    async def tell_gap(self) -> None:
        """Tell all who want to know that messages may have been lost."""
        for listener in self._gap_listeners:
            try:
                await listener()
            except Exception:
                _log.exception("the state after a gap could not be loaded")


class LocalHub:
    """What several buses of one process have in common."""

    def __init__(self) -> None:
        self.buses: list[LocalBus] = []


class LocalBus:
    """The bus within a process; of an instance that is alone, nobody hears anything.

    Args:
        hub: Shared with the buses of other instances in the process.
    """

    def __init__(self, instance: Instance, hub: LocalHub | None = None) -> None:
        self._instance = instance
        self._hub = hub or LocalHub()
        self._listeners = Listeners()
        self._messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self._hub.buses.append(self)
        self._task = asyncio.ensure_future(self._listen())

    async def stop(self) -> None:
        """Hear no more."""
        if self in self._hub.buses:
            self._hub.buses.remove(self)
        await end(self._task)

    async def publish(self, channel: str, message: Any) -> None:
        """Send a message to all other instances of the hub."""
        body = msgspec.json.encode(message)
        for bus in self._hub.buses:
            if bus._instance.id != self._instance.id:
                bus._messages.put_nowait((channel, body))

    def subscribe(self, channel: str, listener: Listener, kind: Any = Any) -> None:
        """Have a function called with each message of other instances on a channel."""
        self._listeners.add(channel, listener, kind)

    def on_gap(self, listener: GapListener) -> None:
        """Have a function called when a message could not be read; none gets lost."""
        self._listeners.add_for_gaps(listener)

    async def ping(self) -> None:
        """Do nothing."""

    async def _listen(self) -> None:
        while True:
            await self._listeners.receive(*await self._messages.get())


class _Envelope(msgspec.Struct):
    instance: str
    body: msgspec.Raw
    seal: str


class RedisBus:
    """The bus over Redis Pub/Sub. Messages are sealed; one without a seal that fits is a gap.

    Args:
        uri: Redis' address.
        instance: Who sends. Its `node_name` decorates the channels, so that several deployments
            can share one Redis.
    """

    def __init__(self, uri: str, instance: Instance, seal: Seal) -> None:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        # A subscription is quiet for hours: no time-out on reading, but health checks. Nothing is
        # tried again in silence: what was sent before that would be lost without a gap.
        self._redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            uri,
            socket_timeout=None,
            socket_connect_timeout=5,
            health_check_interval=15,
            retry=Retry(NoBackoff(), 0),
        )
        self._suffix = f":{instance.node_name}" if instance.node_name else ""
        self._instance = instance
        self._seal = seal
        self._listeners = Listeners()
        self._listeners.add(GAPS + self._suffix, self._told_of_gap, Any)
        self._task: asyncio.Task[None] | None = None
        self._owing: asyncio.Task[None] | None = None
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
        await end(self._owing)
        await self._redis.aclose()

    def subscribe(self, channel: str, listener: Listener, kind: Any = Any) -> None:
        """Have a function called with each message of other instances on a channel."""
        self._listeners.add(channel + self._suffix, listener, kind)

    def on_gap(self, listener: GapListener) -> None:
        """Have a function called when messages may have been lost, or could not be read."""
        self._listeners.add_for_gaps(listener)

    async def publish(self, channel: str, message: Any) -> None:
        """Send a message; if Redis is away it is lost, logged, and made good for by a gap."""
        if not await self._sent(channel, message) and (self._owing is None or self._owing.done()):
            self._owing = asyncio.ensure_future(self._owe())

    async def _sent(self, channel: str, message: Any) -> bool:
        decorated = channel + self._suffix
        body = msgspec.json.encode(message)
        seal = self._seal.of(decorated.encode(), self._instance.id.encode(), body)
        data = msgspec.json.encode(_Envelope(self._instance.id, msgspec.Raw(body), seal))
        try:
            # Whoever publishes has a request to answer, however long Redis may take.
            async with asyncio.timeout(PATIENCE):
                await self._redis.publish(decorated, data)  # pyright: ignore[reportUnknownMemberType]
        except Exception as error:
            if channel != GAPS:
                _log.warning("message lost", extra={"channel": channel, "reason": repr(error)})
            return False
        return True

    async def _owe(self) -> None:
        """Tell the others that they missed something as soon as they can be told.

        A Redis that hung, or that only we could not reach, is no gap that they would notice.
        """
        await asyncio.sleep(_REST)
        while not await self._sent(GAPS, None):  # noqa: ASYNC110 - Redis does not say when
            await asyncio.sleep(_REST)

    async def _told_of_gap(self, _: Any) -> None:
        await self._listeners.tell_gap()

    async def ping(self) -> None:
        """Make sure that messages can be sent."""
        async with asyncio.timeout(PATIENCE):
            await self._redis.ping()  # pyright: ignore[reportUnknownMemberType]

    async def _listen(self) -> None:
        lost = False
        while True:
            try:
                async with self._redis.pubsub() as pubsub:  # pyright: ignore[reportUnknownMemberType]
                    await pubsub.subscribe(*self._listeners.channels)  # pyright: ignore[reportUnknownMemberType]
                    self._ready.set()
                    if lost:
                        await self._listeners.tell_gap()
                    lost = False
                    async for message in pubsub.listen():  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
                        await self._receive(message)  # pyright: ignore[reportUnknownArgumentType]
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if not lost:
                    _log.warning("Redis cannot be reached", extra={"reason": str(error)})
                lost = True
                await asyncio.sleep(_REST)

    async def _receive(self, message: dict[str, Any]) -> None:
        if message.get("type") != "message":
            return
        channel: bytes = message["channel"]
        try:
            envelope = msgspec.json.decode(message["data"], type=_Envelope)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            _log.warning("malformed message", extra={"channel": channel.decode()})
            await self._listeners.tell_gap()
            return
        if envelope.instance == self._instance.id:
            return
        if not self._seal.fits(
            envelope.seal, channel, envelope.instance.encode(), bytes(envelope.body)
        ):
            _log.warning(
                "a message is not sealed with our key", extra={"channel": channel.decode()}
            )
            await self._listeners.tell_gap()
            return
        await self._listeners.receive(channel.decode(), envelope.body)
