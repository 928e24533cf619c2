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
        helping: Callable[[Context], Helping],
        effects: Effects,
    ) -> None:
        self._context = context
        self._repositories = repositories
        self._transactions = transactions
        self._helping = helping
        self._effects = effects
        # Whether a flow was triggered within a transaction.
        self._triggered = False
        self.streaming: Streaming | None = None

    async def call(self, name: str, arguments: bytes) -> bytes:
        """Answer a call of a script; see `scripts.Host`."""
        given = decoded_arguments(arguments)
        room, _, verb = name.partition(".")
        if room == "repos":
            return await self._repositories.call(verb, given)
        function = _FUNCTIONS.get(name)
        if function is not None:
            answer = await function(self, given)
        elif room == "socket":
            answer = await self._effects.emit(self._context, verb, given)
        elif room in {"cache", "helpers"}:
            answer = await self._helping(self._context).call(name, given)
        else:
            raise EnfyraError("INVALID_ARGUMENT", f"There is no '{name[:64]}' for scripts")
        return NULL if answer is None else encode_json(answer)

    def see(self, context: Context) -> None:
        """Take the request as pre-hooks have left it."""
        self._context = self._repositories.context = context

    async def close(self) -> None:
        """Let go of what the scripts have left open."""
        await self._transactions.close()

    async def begin_transaction(self, _: list[Any]) -> int:
        """Open a transaction; give its number."""
        return await self._transactions.begin()

    async def commit(self, given: list[Any]) -> None:
        """Make what a transaction has done final."""
        await self._end(given, commit=True)

    async def roll_back(self, given: list[Any]) -> None:
        """Take back what a transaction has done."""
        await self._end(given, commit=False)

    async def _end(self, given: list[Any], *, commit: bool) -> None:
        number = given[0] if given else None
        if type(number) is not int:
            raise EnfyraError("INVALID_ARGUMENT", "Name the transaction")
        await self._transactions.end(number, commit=commit)
        if commit and self._triggered:
            await self._effects.committed()

    async def trigger(self, given: list[Any]) -> Any:
        """Start a flow: at once, or when the transaction is committed that is open."""
        flow, payload = [*given, None, None][:2]
        newest = self._transactions.newest
        self._triggered = self._triggered or newest is not None
        async with self._transactions.using(newest) as session:
            return await self._effects.trigger(self._context, flow, payload, session)

    # -- streams --------------------------------------------------------------------------------

    def _stream(self) -> Streaming:
        if self.streaming is None:
            raise EnfyraError("INVALID_ARGUMENT", "Only a handler can stream its answer")
        return self.streaming

    async def begin_answer(self, given: list[Any]) -> None:
        """Send the head of an answer."""
        self._stream().begin(given[0] if given else None)

    async def write_answer(self, given: list[Any]) -> None:
        """Send a piece of an answer."""
        await self._stream().write(given[0] if given else None)

    async def end_answer(self, _: list[Any]) -> None:
        """End an answer."""
        await self._stream().end()


_FUNCTIONS: Mapping[str, Callable[[ScriptHost, list[Any]], Awaitable[Any]]] = {
    "transaction.begin": ScriptHost.begin_transaction,
    "transaction.commit": ScriptHost.commit,
    "transaction.rollback": ScriptHost.roll_back,
    "response.begin": ScriptHost.begin_answer,
    "response.write": ScriptHost.write_answer,
    "response.end": ScriptHost.end_answer,
    "trigger": ScriptHost.trigger,
}
