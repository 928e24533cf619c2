"""`ctx`: what a script in Python has before it."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, cast

from . import helpers
from .facades import MODULES, PACKAGES
from .log import CallLog
from .sections import Sections
from .throwing import Throwing

_REPOSITORY = ("find", "exists", "count", "create", "update", "delete", "upsert")
_transaction: ContextVar[str | None] = ContextVar("transaction", default=None)


class Port(Protocol):
    """How scripts ask the server."""

    def ask(self, name: str, *arguments: Any) -> Awaitable[Any]:
        """Ask at once; the answer may be waited for."""
        ...


def camel(name: str) -> str:
    """Give a name as the server knows it.

    Example:
        >>> camel("delete_key"), camel("deleteKey")
        ('deleteKey', 'deleteKey')
    """
    return re.sub("_([a-z0-9])", lambda found: found[1].upper(), name)


class Remote:
    """Functions that the server does: `ctx.cache.get(key)` and the like.

    Args:
        names: Those that there are; None for any, which the server then knows or refuses.
        local: Functions beside them that need no server.
    """

    __slots__ = ("_local", "_names", "_port", "_prefix")

    def __init__(
        self,
        port: Port,
        prefix: str,
        names: tuple[str, ...] | None = None,
        local: Mapping[str, Any] | None = None,
    ) -> None:
        self._port = port
        self._prefix = prefix
        self._names = names
        self._local = local or {}

    def __getattr__(self, name: str) -> Any:
        if name in self._local:
            return self._local[name]
        known = camel(name)
        if known in self._local:
            return self._local[known]
        if self._names is not None and known not in self._names:
            listed = ", ".join(sorted({*self._names, *self._local}))
            raise AttributeError(f"There is no {self._prefix}.{name}: there are {listed}")
        port, path = self._port, f"{self._prefix}.{known}"

        def ask(*arguments: Any) -> Awaitable[Any]:
            return port.ask(path, *arguments)

        return ask


class Repository:
    """The records of one table."""

    __slots__ = ("_access", "_port", "_table")

    def __init__(self, port: Port, table: str | None, access: str) -> None:
        self._port = port
        self._table = table
        self._access = access

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name not in _REPOSITORY:
            raise AttributeError(f"A repository has no {name}: it has {', '.join(_REPOSITORY)}")

        def ask(first: Any = None, second: Any = None, /, **options: Any) -> Awaitable[Any]:
            chosen = {**_options(first, second), **options}
            transaction = _transaction.get()
            return self._port.ask(f"repos.{name}", self._table, self._access, chosen, transaction)

        return ask


def _options(first: Any, second: Any) -> Mapping[str, Any]:
    if isinstance(first, Mapping) and second is None:
        return cast("Mapping[str, Any]", first)
    options: dict[str, Any] = {}
    if first is not None:
        options["id"] = first
    if second is not None:
        options["data"] = second
    return options


class Repositories:
    """`ctx.repos`: the tables by their names, `main`, and `secure`."""

    __slots__ = ("_access", "_port")

    def __init__(self, port: Port, access: str = "trusted") -> None:
        self._port = port
        self._access = access

    def __getattr__(self, table: str) -> Any:
        return self[table]

    def __getitem__(self, table: str) -> Any:
        if self._access == "trusted":
            if table == "main":
                return Repository(self._port, None, "main")
            if table == "secure":
                return Repositories(self._port, "secure")
        return Repository(self._port, table, self._access)


class _Scope:
    __slots__ = ("_id", "_port", "_token")

    def __init__(self, port: Port) -> None:
        self._port = port
        self._id: str | None = None
        self._token: Any = None

    async def __aenter__(self) -> None:
        if _transaction.get() is None:
            self._id = await self._port.ask("transaction.begin")
            self._token = _transaction.set(self._id)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._id is None:
            return  # it belongs to the transaction around it
        _transaction.reset(self._token)
        end = "transaction.commit" if kind is None else "transaction.rollback"
        await self._port.ask(end, self._id)


class Transaction:
    """`async with ctx.transaction():`, or `await ctx.transaction.run(function)`."""

    __slots__ = ("_port",)

    def __init__(self, port: Port) -> None:
        self._port = port

    def __call__(self) -> _Scope:
        """Give a transaction for `async with`."""
        return _Scope(self._port)

    async def run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        """Do what a function does in one transaction, and give what it returns."""
        async with _Scope(self._port):
            return await function()


class Response:
    """`ctx.res`: an answer that is sent piece by piece."""

    __slots__ = ("_port",)

    def __init__(self, port: Port) -> None:
        self._port = port

    def begin(self, options: Any = None, **more: Any) -> Awaitable[Any]:
        """Send the head of the answer."""
        return self._port.ask("response.begin", {**(options or {}), **more})

    def write(self, piece: Any) -> Awaitable[Any]:
        """Send a piece, a text or bytes; wait while the client is slow."""
        if isinstance(piece, bytes | bytearray):
            piece = {"base64": base64.b64encode(piece).decode()}
        return self._port.ask("response.write", piece)

    def end(self) -> Awaitable[Any]:
        """Say that this was all."""
        return self._port.ask("response.end")

    async def stream(self, pieces: Any, options: Any = None, **more: Any) -> None:
        """Send all pieces of an iterable, or of an asynchronous one."""
        await self.begin(options, **more)
        if hasattr(pieces, "__aiter__"):
            async for piece in pieces:
                await self.write(piece)
        else:
            for piece in [pieces] if isinstance(pieces, str | bytes) else pieces:
                await self.write(piece)
        await self.end()


class Packages:
    """`ctx.pkgs`: the modules that scripts may use."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name not in MODULES:
            listed = ", ".join(sorted(PACKAGES)) or "none"
            raise AttributeError(f"There is no package {name}: there are {listed}")
        return MODULES[name]


_CACHE = ("get", "set", "setNoExpire", "exists", "deleteKey", "acquire", "release")
_RATE_LIMIT = (
    "check", "byIp", "byUser", "byRoute", "byIpGlobal", "byUserGlobal", "status", "reset",
)  # fmt: skip


def _helpers(port: Port) -> Remote:
    crypto = {
        "randomUUID": helpers.random_uuid,
        "random_uuid": helpers.random_uuid,
        "randomBytes": helpers.random_bytes,
        "sha256": helpers.sha256,
        "hmacSha256": helpers.hmac_sha256,
    }
    local = {
        "bcrypt": Remote(port, "helpers.bcrypt", ("hash", "compare")),
        "rateLimit": Remote(port, "helpers.rateLimit", _RATE_LIMIT),
        "autoSlug": helpers.auto_slug,
        "sleep": helpers.sleep,
        "crypto": Remote(port, "helpers.crypto", ("generateSshKeyPair",), crypto),
    }
    return Remote(port, "helpers", ("jwt", "verifyJwt", "fetch"), local)


class Context:
    """The context of a request, as scripts in Python see it."""

    __slots__ = ("_log", "_port", "_sections")

    def __init__(self, sections: Sections, port: Port, log: CallLog) -> None:
        self._sections = sections
        self._port = port
        self._log = log

    def __getattr__(self, name: str) -> Any:
        if name == "req":
            return self._request()
        if name in _READ:
            return self._sections.get(name)
        made = _MADE.get(name)
        if made is None:
            listed = ", ".join(sorted({*_READ, *_MADE}))
            raise AttributeError(f"There is no ctx.{name}: there are {listed}")
        return made(self._port)

    def _request(self) -> Any:
        """Give the request, with the very bytes of its body."""
        request = self._sections.get("req")
        if request is not None and "rawBody" not in request:
            request["rawBody"] = self._sections.raw.get("rawBody", b"")
        return request

    def __setattr__(self, name: str, value: Any) -> None:
        if name in Context.__slots__:
            object.__setattr__(self, name, value)
        elif name in _WRITTEN:
            self._sections.put(name, value)
        else:
            listed = ", ".join(sorted(_WRITTEN))
            raise AttributeError(f"ctx.{name} cannot be replaced; these can: {listed}")

    @property
    def logs(self) -> Callable[..., None]:
        """Write to the log."""
        return self._log.write


def _trigger(port: Port) -> Callable[..., Awaitable[Any]]:
    def trigger(flow: Any, payload: Any = None) -> Awaitable[Any]:
        return port.ask("trigger", flow, payload)

    return trigger


_WRITTEN = frozenset({"body", "query", "share", "data", "status"})
_READ = _WRITTEN | {"params", "user", "req", "api", "error", "env", "flow", "uploaded_file"}
_THROW = Throwing()
_PACKAGES = Packages()
_MADE: Mapping[str, Callable[[Port], Any]] = {
    "repos": Repositories,
    "cache": lambda port: Remote(port, "cache", _CACHE),
    "helpers": _helpers,
    "storage": lambda port: Remote(port, "storage"),
    "socket": lambda port: Remote(port, "socket"),
    "trigger": _trigger,
    "res": Response,
    "pkgs": lambda _: _PACKAGES,
    "throw": lambda _: _THROW,
    "transaction": Transaction,
}
