"""A load generator lean enough not to be what is measured: keep-alive connections that send prepared requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Result:
    """What one run gave: seconds it took, the answers by status, and each answer's latency in milliseconds."""

    seconds: float
    statuses: dict[bytes, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / self.seconds

    def quantile(self, q: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * q))]


class _Connection(asyncio.Protocol):
    """Sends one request after the other and waits for each answer; answers must fit the first packets."""

    def __init__(self, requests: Iterator[bytes], result: Result, done: asyncio.Future[None]) -> None:
        self.requests, self.result, self.done = requests, result, done
        self.buffer = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            return
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        start = self.buffer.find(b"Content-Length: ") + 16
        length = int(self.buffer[start : self.buffer.find(b"\r", start)])
        if len(self.buffer) < head + 4 + length:
            return
        status = self.buffer[9:12]
        self.buffer = self.buffer[head + 4 + length :]
        self.result.statuses[status] = self.result.statuses.get(status, 0) + 1
        self.result.latencies.append((time.perf_counter() - self.sent) * 1000)
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(host: str, port: int, requests: list[bytes], connections: int) -> Result:
    """Send all `requests` over `connections` connections, each request once."""
    loop = asyncio.get_running_loop()
    shared = iter(requests)
    result = Result(0.0)
    ends = [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    for end in ends:
        await loop.create_connection(lambda end=end: _Connection(shared, result, end), host, port)
    await asyncio.gather(*ends)
    result.seconds = time.perf_counter() - started
    return result


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One HTTP/1.1 request as bytes."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body
