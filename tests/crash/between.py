"""A TCP proxy that can be silent, hang up, or leave for dead what is open: the network between two sides.

It listens on loopback and forwards to a TCP address or to a Unix socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Between:
    """What lies between; `port` is where it listens."""

    target: tuple[str, int] | str
    tls: ssl.SSLContext | None = None
    port: int = 0
    accepted: int = 0
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _dead: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def listen(self) -> None:
        """Take connections, on the same port as before."""
        self._flows.set()
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def fall_silent(self) -> None:
        """Carry nothing; who connects is accepted and hears nothing. What is sent is kept."""
        self._flows.clear()

    def go_on(self) -> None:
        """Carry all that was kept, and what comes."""
        self._flows.set()

    def leave_for_dead(self) -> None:
        """Carry nothing more on what is open now, and do not say so: as a router that forgot its connections."""
        self._dead |= set(self._open)

    async def refuse(self) -> None:
        """Listen no more, and reset what is open."""
        if self._server is not None:
            self._server.close()
        await self.hang_up()

    async def hang_up(self) -> None:
        """Reset every connection."""
        for writer in list(self._open.values()):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.accepted += 1
        there: asyncio.StreamWriter | None = None
        try:
            with contextlib.suppress(OSError):
                far, there = await self._connect()
                _, pending = await asyncio.wait(
                    [
                        asyncio.ensure_future(self._pump(task, reader, there)),
                        asyncio.ensure_future(self._pump(task, far, writer)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for each in pending:
                    each.cancel()
        finally:
            del self._open[task]
            self._dead.discard(task)
            for each in (writer, there):
                if each is not None:
                    each.close()

    async def _connect(self) -> Streams:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _pump(self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._flows.wait()
                if task not in self._dead:
                    writer.write(data)
                    await writer.drain()


@asynccontextmanager
async def between(target: tuple[str, int] | str, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Between]:
    """A proxy to `target` that speaks TLS to those who come, if told so."""
    made = Between(target, tls)
    await made.listen()
    try:
        yield made
    finally:
        made.go_on()
        await made.refuse()
