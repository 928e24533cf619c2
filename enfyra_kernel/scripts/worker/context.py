"""`ctx`: what a script in Python gets to see of a request, and what it can do."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, NoReturn

from ..javascript import local
from ..throws import (
    NAMED,
    STATUSES,
    Throw,
    by_status,
    duplicate_message,
    not_found_message,
)
from .call import Call
from .records import Record, dumped, loaded

# The number of the transaction that a repository call is part of.
_transaction: ContextVar[int | None] = ContextVar("transaction", default=None)
_SECTIONS = frozenset(
    {"body", "query", "params", "user", "req", "api", "share", "data", "status", "error", "env",
     "flow", "uploaded_file"}
)  # fmt: skip


class Thrown(Exception):
    """What a script has thrown on purpose."""

    def __init__(self, code: str, message: str, status: int | None, details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = details


class Throws:
    """`ctx.throw`: ends a request with an error for its client."""

    scripts_may_write = False

    def __call__(self, first: Any, *rest: Any) -> NoReturn:
        """Throw a message as 400; or a status with a message, and details."""
        if type(first) is int:
            self.http(first, *rest)
        _throw(STATUSES[400], str(first), *rest)

    def http(self, status: int, message: Any = None, details: Any = None) -> NoReturn:
        """Throw with any status of an error."""
        _throw(by_status(status), message, details)

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("http_") and name[5:].isdigit():
            status = int(name[5:])
            return partial(self.http, status)
        named = NAMED.get(_camel(name))
        if named is None:
            raise AttributeError(f"@THROW has no '{name}'")
        if named is NAMED["notFound"]:
            return _not_found
        if named is NAMED["duplicate"]:
            return _duplicate
        return partial(_throw, named)


def _throw(throw: Throw, message: Any = None, details: Any = None) -> NoReturn:
    text = throw.message if message is None else str(message)
    raise Thrown(throw.code, text, throw.status, details)


def _not_found(resource: str, identifier: object = None) -> NoReturn:
    _throw(NAMED["notFound"], not_found_message(resource, identifier))


def _duplicate(resource: str, field: str | None = None, value: object = None) -> NoReturn:
    _throw(NAMED["duplicate"], duplicate_message(resource, field, value))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


class Repository:
    """A table's repository: each method takes an object of options, or names."""

    def __init__(self, call: Call, table: str | None, access: str) -> None:
        self._call = call
        self._table = table
        self._access = access

    async def _asked(self, verb: str, options: Any, named: dict[str, Any]) -> Any:
        if options is not None and named:
            raise TypeError("Give an object of options, or names, not both")
        given = named or options
        return await self._call.ask(
            f"repos.{verb}", self._table, self._access, given, _transaction.get()
        )

    async def find(self, options: Any = None, **named: Any) -> Any:
        """Find records."""
        return await self._asked("find", options, named)

    async def exists(self, options: Any = None, **named: Any) -> Any:
        """Say whether a record meets a filter."""
        return await self._asked("exists", options, named)

    async def count(self, options: Any = None, **named: Any) -> Any:
        """Count the records that meet a filter."""
        return await self._asked("count", options, named)

    async def create(self, options: Any = None, **named: Any) -> Any:
        """Create a record, or several."""
        return await self._asked("create", options, named)

    async def update(self, options: Any = None, **named: Any) -> Any:
        """Change a record, or those that meet a filter."""
        return await self._asked("update", options, named)

    async def delete(self, options: Any = None, **named: Any) -> Any:
        """Delete a record, or those that meet a filter."""
        return await self._asked("delete", options, named)

    async def upsert(self, options: Any = None, **named: Any) -> Any:
        """Create a record, or change the one that has the same key."""
        return await self._asked("upsert", options, named)


class Repositories:
    """`ctx.repos`: a repository for each table, by its name."""

    def __init__(self, call: Call, access: str = "trusted") -> None:
        self._call = call
        self._access = access

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._access == "trusted" and name == "main":
            return Repository(self._call, None, "main")
        if self._access == "trusted" and name == "secure":
            return Repositories(self._call, "secure")
        return Repository(self._call, name, self._access)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, str(name))


class Remote:
    """A group of functions of the host, such as `ctx.cache`."""

    def __init__(self, call: Call, prefix: str) -> None:
        self._call = call
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        call, full = self._call, f"{self._prefix}.{name.removeprefix('$')}"

        async def asked(*arguments: Any) -> Any:
            return await call.ask(full, *arguments)

        return asked


class Helpers(Remote):
    """`ctx.helpers`: some are the host's, some are at hand."""

    def __init__(self, call: Call) -> None:
        super().__init__(call, "helpers")
        self.bcrypt = Remote(call, "helpers.bcrypt")
        self.rateLimit = Remote(call, "helpers.rateLimit")
        self.rate_limit = self.rateLimit
        self.crypto = Crypto(call)

    async def sleep(self, milliseconds: float) -> None:
        """Wait, and let others go on."""
        await local.call("sleep", [milliseconds])

    def autoSlug(self, text: str, options: Any = None, **named: Any) -> str:  # noqa: N802 - its name
        """Give a text as it stands in addresses."""
        given: dict[str, Any] = options or {}
        return slug(text, **{**given, **named})

    auto_slug = autoSlug


class Crypto(Remote):
    """`ctx.helpers.crypto`."""

    def __init__(self, call: Call) -> None:
        super().__init__(call, "helpers.crypto")

    def __getattr__(self, name: str) -> Any:
        full = f"crypto.{name}"
        if full not in local.FUNCTIONS:
            return super().__getattr__(name)

        async def done(*arguments: Any) -> Any:
            return await local.call(full, list(arguments))

        return done


class Stream:
    """An answer that has been begun."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def write(self, piece: Any) -> None:
        """Send a piece, a text or bytes; wait while the client is slow."""
        await self._call.ask("response.write", _piece(piece))

    async def end(self) -> None:
        """End the answer."""
        await self._call.ask("response.end")


class Responses:
    """`ctx.res`."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def stream(self, options: Any = None, pieces: Any = None, **named: Any) -> Stream:
        """Begin to stream; with an iterator of pieces, send them all."""
        await self._call.ask("response.begin", {**(options or {}), **named})
        stream = Stream(self._call)
        if pieces is not None:
            if hasattr(pieces, "__aiter__"):
                async for piece in pieces:
                    await stream.write(piece)
            else:
                for piece in pieces:
                    await stream.write(piece)
            await stream.end()
        return stream


def _piece(piece: Any) -> Any:
    if isinstance(piece, bytes | bytearray):
        import base64

        return {"base64": base64.b64encode(piece).decode()}
    return piece


class Transactions:
    """`ctx.transaction`: `async with ctx.transaction():`, or `run` with a function."""

    def __init__(self, call: Call) -> None:
        self._call = call

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[None, None]:
        """Have repositories in the block be part of one transaction."""
        number = await self._call.ask("transaction.begin")
        token = _transaction.set(number)
        try:
            yield
        except BaseException:
            await self._call.ask("transaction.rollback", number)
            raise
        else:
            await self._call.ask("transaction.commit", number)
        finally:
            _transaction.reset(token)

    async def run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        """Call a function within a transaction, and give what it returns."""
        async with self():
            return await function()


class Installed:
    """`ctx.pkgs`: the modules of packages that are installed for scripts."""

    def __init__(self, packages: Mapping[str, Any]) -> None:
        self._packages = packages

    def __getattr__(self, name: str) -> Any:
        found = self._packages.get(name)
        if found is None:
            known = ", ".join(sorted(self._packages)) or "none"
            raise AttributeError(f"There is no package '{name}' for scripts. There are: {known}")
        return found

    def __getitem__(self, name: str) -> Any:
        return getattr(self, str(name))


class Context:
    """The context of one call. Sections are read when they are first looked at."""

    scripts_may_write = True

    def __init__(self, call: Call, packages: Mapping[str, Any] | None = None) -> None:
        self.__dict__.update(
            _call=call,
            _read={},
            repos=Repositories(call),
            cache=Remote(call, "cache"),
            helpers=Helpers(call),
            socket=Remote(call, "socket"),
            storage=Remote(call, "storage"),
            pkgs=Installed(packages or {}),
            res=Responses(call),
            transaction=Transactions(call),
            throw=Throws(),
        )

    def __getattr__(self, name: str) -> Any:
        if name not in _SECTIONS:
            raise AttributeError(f"The context has no '{name}'")
        read = self.__dict__["_read"]
        if name not in read:
            read[name] = self._section(name)
        return read[name]

    def _section(self, name: str) -> Any:
        call: Call = self.__dict__["_call"]
        text = call.sections.get(name)
        value = None if text is None else loaded(text)
        if name == "req" and isinstance(value, Record):
            value["rawBody"] = call.sections.get("rawBody", b"")
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _SECTIONS:
            raise AttributeError(f"The context has no '{name}' that could be set")
        self.__dict__["_read"][name] = value

    def trigger(self, flow: Any, payload: Any = None) -> Any:
        """Start a flow."""
        return self.__dict__["_call"].ask("trigger", flow, payload)

    def logs(self, *values: Any) -> None:
        """Add to the log."""
        self.__dict__["_call"].log(" ".join(map(log_text, values)))


def changes_of(context: Context) -> None:
    """Put what a script has changed back into the sections of its call.

    Raises:
        TypeError, ValueError: A section holds what JSON cannot.
    """
    call: Call = context.__dict__["_call"]
    for name, value in context.__dict__["_read"].items():
        before = call.sections.get(name)
        if name == "req":
            continue
        if before is None and value is None:
            continue
        if before is None or loaded(before) != value:
            call.sections[name] = dumped(value)


def log_text(value: Any) -> str:
    """Give a value as it stands in a log."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        return repr(value)


def slug(
    text: str,
    separator: str = "-",
    lowercase: bool = True,
    trim: bool = True,
    maxLength: int = 100,  # noqa: N803 - its name
) -> str:
    """Give a text as it stands in addresses.

    Example:
        >>> slug("Đá Crème brûlée!")
        'da-creme-brulee'
    """
    import re
    import unicodedata

    plain = text.replace("đ", "d").replace("Đ", "D")
    plain = "".join(
        one for one in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(one)
    )
    made = re.sub(r"[^A-Za-z0-9]+", separator, plain)
    if trim:
        made = made.strip(separator)
    made = made[:maxLength]
    return made.lower() if lowercase else made
