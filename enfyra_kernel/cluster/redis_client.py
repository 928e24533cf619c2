"""Redis for those who ask it for something and need the answer at once, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ..errors import EnfyraError

# Seconds that an answer of Redis may take, connecting included.
PATIENCE = 1.0
_MOST_CONNECTIONS = 32


def namespace(node_name: str | None) -> str:
    """Give what the keys of a cluster begin with.

    A name holds no colon, so that the keys of one cluster are never those of another.

    Example:
        >>> namespace("shop"), namespace(None)
        ('shop:', 'enfyra::')
    """
    return f"{node_name or 'enfyra:'}:"


class RedisClient:
    """Runs scripts in Redis, each of which is one step that nothing comes between.

    Args:
        uri: Redis' address.
    """

    def __init__(self, uri: str) -> None:
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        # Whoever waits has a request to answer: nothing is tried again, and a step that has been
        # done without our hearing of it is never done twice.
        pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
            uri,
            max_connections=_MOST_CONNECTIONS,
            timeout=PATIENCE,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis.from_pool(pool)
        self._scripts: dict[str, Any] = {}

    async def run(self, script: str, keys: Sequence[str], *arguments: str | bytes | int) -> Any:
        """Run a script of Lua.

        Raises:
            EnfyraError: CACHE_UNAVAILABLE when Redis cannot be reached, or takes too long.
        """
        registered = self._scripts.get(script)
        if registered is None:
            registered = self._scripts[script] = self._redis.register_script(script)
        try:
            async with asyncio.timeout(PATIENCE):
                return await registered(keys=keys, args=arguments)
        except Exception as error:
            # The address may hold a password: the error says what kind it was, and no more.
            raise EnfyraError(
                "CACHE_UNAVAILABLE", f"Redis gives no answer ({type(error).__name__})"
            ) from error

    async def stop(self) -> None:
        """Disconnect."""
        await self._redis.aclose(close_connection_pool=True)
