"""What the scripts of one request may ask for, and who answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from ...encoding import encode_json
from ...errors import EnfyraError
from ..context import Context
from .effects import Effects
from .repositories import Repositories, decoded_arguments
from .streaming import Streaming
from .transactions import Transactions

NULL = b"null"


class Helping(Protocol):
    """Answers what has nothing to do with records: caches and helpers."""

    async def call(self, name: str, arguments: list[Any]) -> Any:
        """Answer a request; the answer must be plain data."""
        ...


class ScriptHost:
    """Answers the calls of one request's scripts.

    | name | who |
    |---|---|
    | `repos.find`, and the other verbs | `Repositories` |
    | `transaction.begin`, `.commit`, `.rollback` | `Transactions` |
    | `response.begin`, `.write`, `.end` | `Streaming` |
    | `trigger`, `socket.*` | `Effects` |
    | `cache.*`, `helpers.*` | `Helping` |
    """

    def __init__(
        self,
        context: Context,
        repositories: Repositories,
        transactions: Transactions,
        helping: Helping,
        effects: Effects,
    ) -> None:
        self._context = context
        self._repositories = repositories
        self._transactions = transactions
        self._helping = helping
        self._effects = effects
        self.streaming: Streaming | None = None
        self._functions: Mapping[str, Callable[[list[Any]], Awaitable[Any]]] = {
            "transaction.begin": lambda _: transactions.begin(),
            "transaction.commit": lambda given: self._end(given, commit=True),
            "transaction.rollback": lambda given: self._end(given, commit=False),
            "response.begin": self._begin,
            "response.write": self._write,
            "response.end": self._finish,
            "trigger": self._trigger,
        }

    async def call(self, name: str, arguments: bytes) -> bytes:
        """Answer a call of a script; see `scripts.Host`."""
        given = decoded_arguments(arguments)
        room, _, verb = name.partition(".")
        if room == "repos":
            return await self._repositories.call(verb, given)
        function = self._functions.get(name)
        if function is not None:
            answer = await function(given)
        elif room == "socket":
            answer = await self._effects.emit(self._context, verb, given)
        elif room in {"cache", "helpers"}:
            answer = await self._helping.call(name, given)
        else:
            raise EnfyraError("INVALID_ARGUMENT", f"There is no '{name[:64]}' for scripts")
        return NULL if answer is None else encode_json(answer)

    def see(self, context: Context) -> None:
        """Take the request as pre-hooks have left it."""
        self._context = self._repositories.context = context

    async def close(self) -> None:
        """Let go of what the scripts have left open."""
        await self._transactions.close()

    async def _end(self, given: list[Any], *, commit: bool) -> None:
        number = given[0] if given else None
        if type(number) is not int:
            raise EnfyraError("INVALID_ARGUMENT", "Name the transaction")
        await self._transactions.end(number, commit=commit)

    async def _trigger(self, given: list[Any]) -> Any:
        flow, payload = [*given, None, None][:2]
        return await self._effects.trigger(self._context, flow, payload)

    # -- streams --------------------------------------------------------------------------------

    def _stream(self) -> Streaming:
        if self.streaming is None:
            raise EnfyraError("INVALID_ARGUMENT", "Only a handler can stream its answer")
        return self.streaming

    async def _begin(self, given: list[Any]) -> None:
        self._stream().begin(given[0] if given else None)

    async def _write(self, given: list[Any]) -> None:
        await self._stream().write(given[0] if given else None)

    async def _finish(self, _: list[Any]) -> None:
        await self._stream().end()
