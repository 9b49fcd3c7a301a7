"""POSTs a second through `IntercomClient.submit_event`, beside a bare aiohttp session, to a stub that answers 202.

    python -m bench.client

Both run in turn in one process on one core; the stub is a process of its own. Read the ratio: the machine's share in
the figures is the same on both sides.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import cast

import uvloop
from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from connector.events import Identifier, IdentifierKind
from connector.intercom.client import IntercomClient, event_body, make_session
from connector.intercom.outcome import Delivered, read

CONCURRENCY = 64
ROUNDS = 5
SECONDS = 1.0
ANSWER = (
    b"HTTP/1.1 202 Accepted\r\nDate: Fri, 21 Nov 2025 01:16:00 GMT\r\nX-RateLimit-Limit: 1000000\r\n"
    b"X-RateLimit-Remaining: 999000\r\nX-RateLimit-Reset: 1763687770\r\nX-Request-Id: 0049qvcv40lihjlbu1v0\r\n"
    b"Content-Length: 0\r\n\r\n"
)
BODY = event_body(
    "paid-invoice",
    1785369600,
    Identifier(IdentifierKind.USER_ID, "user-4711"),
    {
        "price": {"amount": 1999, "currency": "usd"},
        "stripe_invoice": "in_1PgafmB7WZ01zgkW6dKueIc5",
        "paid_date": 1785369600,
        "invoice": {"url": "https://invoice.stripe.com/i/acct_1/test_YWNjdF8x", "value": "F3B7C0A1-0001"},
        "attempts": 1,
        "plan": "Team, yearly",
    },
)


class Stub(asyncio.Protocol):
    """Answers each request at once. The requests are all alike, so that a length tells where one ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER * data.count(b"POST /events HTTP/1.1\r\n"))


async def serve_stub() -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the bench closes the pipe


async def posts_a_second(post: Callable[[], Awaitable[None]]) -> float:
    """How often `post` is done in a second by as many as `CONCURRENCY` at a time."""
    done, started = 0, perf_counter()

    async def again_and_again() -> None:
        nonlocal done
        while perf_counter() - started < SECONDS:
            await post()
            done += 1

    await asyncio.gather(*(again_and_again() for _ in range(CONCURRENCY)))
    return done / (perf_counter() - started)


def bare_session() -> ClientSession:
    return ClientSession(connector=TCPConnector(limit=CONCURRENCY), cookie_jar=DummyCookieJar())


async def compare(url: str) -> None:
    async with bare_session() as bare, make_session(CONCURRENCY) as session:
        client = IntercomClient(session, version="2.14", base_url_for=lambda _region: url)
        headers = {"Authorization": "Bearer token", "Content-Type": "application/json"}

        async def plainly() -> None:
            async with bare.post(f"{url}/events", data=BODY, headers=headers) as response:
                await response.read()

        async def ours() -> None:
            answer = await client.submit_event("us", "token", BODY)
            assert isinstance(read(answer, now_ms=0), Delivered), answer

        await asyncio.gather(*(plainly() for _ in range(CONCURRENCY)), *(ours() for _ in range(CONCURRENCY)))
        rounds = [(await posts_a_second(plainly), await posts_a_second(ours)) for _ in range(ROUNDS)]
    report(rounds)


def report(rounds: list[tuple[float, float]]) -> None:
    for name, figures in zip(("bare aiohttp", "submit_event"), zip(*rounds, strict=True), strict=True):
        print(f"{name:14} {statistics.median(figures):8,.0f} POSTs/s   ({min(figures):,.0f} … {max(figures):,.0f})")
    ratios = [ours / bare for bare, ours in rounds]
    print(f"{'ratio':14} {statistics.median(ratios):8.2f}           ({min(ratios):.2f} … {max(ratios):.2f})")


async def main() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, "stub", stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        await compare(f"http://127.0.0.1:{port}")
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    uvloop.run(serve_stub() if sys.argv[1:] == ["stub"] else main())
