"""Answering over HTTP, and the signals that a process is told things by."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from connector.app.running import Service
from connector.errors import ConnectorError, SettingsError
from connector.inbox.receive import put_ahead
from connector.telemetry.facts import StageFailed


@dataclass
class Listening:
    """The address that a service answers at."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """As a sender on this machine writes it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@contextlib.asynccontextmanager
async def listening(
    running: Service, host: str, port: int, shared: socket.socket | None = None
) -> AsyncIterator[Listening]:
    """Answer HTTP while this is open, on a socket that is `shared` with other processes if there is one.

    No access log: it costs more than the answer; stages tell what happened.
    """
    runner = web.AppRunner(
        running.application(),
        access_log=None,
        auto_decompress=False,  # a signature is over the bytes that were sent; and no bomb is unpacked
        keepalive_timeout=75.0,
        handle_signals=False,
        shutdown_timeout=10.0,
    )
    await runner.setup()
    put_ahead(runner, running.receiver)
    try:
        site = web.SockSite(runner, shared) if shared else web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(f"cannot listen on {host}:{port} (CONNECTOR_HOST, CONNECTOR_PORT): {error}") from None
        address = runner.addresses[0]
        yield Listening(address[0], address[1])
    finally:
        await runner.cleanup()


async def until_told_to_stop(running: Service) -> None:
    """Wait for SIGTERM or SIGINT; SIGHUP reads the mapping files anew. A second signal ends the process at once."""
    reloads: set[asyncio.Task[None]] = set()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    async def reloaded() -> None:
        try:
            await running.reload_mappings()
        except ConnectorError as error:
            running.tell(StageFailed("mappings", error))

    def reload() -> None:
        reloads.add(task := asyncio.create_task(reloaded()))
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await stop.wait()
