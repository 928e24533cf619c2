"""HTTP byte by byte, for what no proper client would send."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, NamedTuple

PATIENCE = 60.0


class RawAnswer(NamedTuple):
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> Any:
        return self.body["error"]


class Connection:
    """One connection to a server on this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, bodiless: bool = False) -> RawAnswer:
        """Read one answer; a body is as long as its Content-Length says."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").strip().split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
            }
            length = 0 if bodiless else int(headers.get("content-length", 0))
            return RawAnswer(int(first.split()[1]), headers, await self.reader.readexactly(length))

    async def is_closed(self) -> bool:
        """Say whether the server closes the connection and sends nothing more."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read() == b""

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


async def exchange(port: int, data: bytes) -> RawAnswer:
    """Send bytes on a connection of their own and read what comes back."""
    connection = await Connection.open(port)
    try:
        await connection.send(data)
        return await connection.answer()
    finally:
        await connection.close()
