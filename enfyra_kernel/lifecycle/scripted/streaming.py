"""Answers that a handler writes piece by piece: server-sent events, files, pages."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

from ...background import end
from ...errors import EnfyraError, did_you_mean
from ..messages import Response

# Pieces that wait for a client; then the script waits, too.
WAITING = 64
_OPTIONS = ("statusCode", "mimetype", "filename", "headers")
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "set-cookie"})


class Streaming:
    """The streamed answer of one request, if its handler begins one."""

    def __init__(self) -> None:
        self.begun: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
        self._ended = False

    def begin(self, options: Any) -> None:
        """Begin the answer: status and headers are said now.

        Raises:
            EnfyraError: INVALID_ARGUMENT.
        """
        if self.begun.done():
            raise EnfyraError("INVALID_ARGUMENT", "The stream has been begun already")
        named = _named(options)
        status = named.get("statusCode", 200)
        if type(status) is not int or not 200 <= status <= 599:
            raise EnfyraError("INVALID_ARGUMENT", "statusCode must be a number from 200 to 599")
        headers = _headers(named.get("headers") or {})
        filename = named.get("filename")
        if filename is not None:
            safe = "".join(one for one in str(filename) if one.isprintable() and one not in '"\\')
            headers["Content-Disposition"] = f'attachment; filename="{safe}"'
        kind = str(named.get("mimetype") or "application/octet-stream")
        self.begun.set_result(
            Response(status, content_type=_line("mimetype", kind), headers=headers)
        )

    async def write(self, piece: Any) -> None:
        """Send a piece: a text, or bytes as `{base64}`; waits for a client that is slow."""
        if not self.begun.done() or self._ended:
            raise EnfyraError("INVALID_ARGUMENT", "Begin the stream before you write")
        await self._pieces.put(_bytes(piece))

    async def end(self) -> None:
        """End the answer; what is written later is refused."""
        if self.begun.done() and not self._ended:
            self._ended = True
            await self._pieces.put(None)

    async def pieces(self, script: asyncio.Task[Any]) -> AsyncGenerator[bytes, None]:
        """Give the pieces, until the script that writes them has ended.

        When the client goes, so does the script.
        """
        ending = asyncio.ensure_future(self._end_with(script))
        try:
            while (piece := await self._pieces.get()) is not None:
                if piece:
                    yield piece
        finally:
            await end(ending)
            await end(script)

    async def _end_with(self, script: asyncio.Task[Any]) -> None:
        await asyncio.wait([script])
        await self.end()


def _named(options: Any) -> Mapping[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise EnfyraError("INVALID_ARGUMENT", "stream takes an object of options")
    named = cast("Mapping[str, Any]", options)
    for name in named:
        if name not in _OPTIONS:
            raise EnfyraError(
                "INVALID_ARGUMENT",
                f"stream has no option '{name[:64]}'.{did_you_mean(name, _OPTIONS)}",
            )
    return named


def _headers(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise EnfyraError("INVALID_ARGUMENT", "headers must be an object")
    headers: dict[str, str] = {}
    for name, value in cast("Mapping[str, Any]", given).items():
        if name.lower() in _OURS or not name.replace("-", "").isalnum():
            raise EnfyraError("INVALID_ARGUMENT", f"The header {name[:64]!r} cannot be set")
        headers[name] = _line(name, str(value))
    return headers


def _line(name: str, text: str) -> str:
    if not text.isprintable() or not text.isascii():
        raise EnfyraError("INVALID_ARGUMENT", f"{name} must be one line of ASCII")
    return text


def _bytes(piece: Any) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, Mapping):
        encoded = cast("Mapping[str, Any]", piece).get("base64")
        if isinstance(encoded, str):
            try:
                return base64.b64decode(encoded, validate=True)
            except ValueError:
                raise EnfyraError("INVALID_ARGUMENT", "base64 does not hold base64") from None
    raise EnfyraError("INVALID_ARGUMENT", "A piece of a stream must be a text or bytes")
