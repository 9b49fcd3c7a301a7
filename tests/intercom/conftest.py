"""A far side made of raw sockets, which can do what no HTTP server would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from ssl import SSLContext

import pytest
import uvloop
from aiohttp import ClientSession, ClientTimeout

from connector.intercom.client import IntercomClient, make_session

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops: how a broken connection shows itself differs between them, and the service runs on uvloop."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class FarSide:
    """Serves each connection with `handler`; `connections` counts them."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections = 0
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, ssl: SSLContext | None = None) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=ssl)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"{'https' if ssl else 'http'}://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        self.server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self.handler(reader, writer)
        finally:
            writer.close()


@pytest.fixture
async def far_side() -> AsyncIterator[Callable[..., Awaitable[FarSide]]]:
    """Starts a server that handles its connections as told."""
    started: list[FarSide] = []

    async def start(handler: Handler, ssl: SSLContext | None = None) -> FarSide:
        side = FarSide(handler)
        await side.start(ssl)
        started.append(side)
        return side

    yield start
    for side in started:
        await side.stop()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """The product's own session, with a shorter patience."""
    async with make_session(4, timeout=ClientTimeout(total=0.5, connect=0.2, sock_read=0.4)) as session:
        yield session


@pytest.fixture
def client_of(session: ClientSession) -> Callable[[str], IntercomClient]:
    """A client whose Intercom is at a URL."""
    return lambda url: IntercomClient(session, version="2.14", base_url_for=lambda _region: url)


async def request_of(reader: asyncio.StreamReader) -> bytes:
    """One whole request, head and body, as it came."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)
