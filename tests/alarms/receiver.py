"""A webhook's receiver and a mail server, on loopback, that keep what they get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Receiver:
    """Answers `status`; `got` are (headers, body)."""

    url: str = ""
    status: int = 204
    location: str | None = None
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers={"Location": self.location} if self.location else None)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/alerts"
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class MailServer:
    """Speaks as much of SMTP as a mail takes; `refuses` is answered to whoever says whom it is for."""

    port: int = 0
    refuses: bool = False
    letters: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.said.append(line)
            verb = line[:4].upper()
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            refused = verb == "RCPT" and self.refuses
            if verb != "DATA":
                writer.write(
                    b"550 nobody here\r\n" if refused else b"221 bye\r\n" if verb == "QUIT" else b"250 well\r\n"
                )
            else:
                writer.write(b"250 taken\r\n")
            if verb == "QUIT":
                break
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    server = MailServer()
    listening = await asyncio.start_server(server.speak, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
