"""One webhook at a time through the whole service: how long until its 200, and until Intercom is called.

    python -m bench.idle [sqlite|postgres ...]

The service is `connector serve`, a process of its own; the sandbox Intercom runs in this one, and both read the same
clock. Then the same service under load: what it delivers in a second, and its resident memory.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.ingest import database, requests
from bench.load import Result, run
from bench.server import SECRET
from connector.sandbox import Sandbox, SandboxSettings, WorkspaceSettings
from connector.workspaces.vault import new_key

ALONE = 300
PAUSE_S = 0.05
UNDER_LOAD = 20_000
PEOPLE = 1_000


@dataclass
class Service:
    """A running `connector serve`."""

    process: asyncio.subprocess.Process
    host: str
    port: int
    path: str

    def memory_mb(self) -> float:
        with Path(f"/proc/{self.process.pid}/status").open() as status:
            return int(status.read().split("VmRSS:")[1].split()[0]) / 1024


def connector(environment: dict[str, str], *arguments: str) -> dict[str, str]:
    """One command of the command line; its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "connector", *arguments, "--json"], env=environment, capture_output=True, check=True
    )
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


@asynccontextmanager
async def service(database_url: str, sandbox: Sandbox) -> AsyncIterator[Service]:
    environment = os.environ | {
        "CONNECTOR_DATABASE_URL": database_url,
        "CONNECTOR_INTERCOM_API_URL": sandbox.url,
        "CONNECTOR_ENCRYPTION_KEYS": new_key(),
        "CONNECTOR_LOG_FORMAT": "json",
        "CONNECTOR_MAX_AGE": "0",
        "CONNECTOR_LOG_LEVEL": "warning",
    }
    await asyncio.to_thread(connector, environment, "migrate")
    add = ("workspaces", "add", "--app-id", "sandbox", "--access-token", sandbox.token)
    await asyncio.to_thread(connector, environment, *add)
    add = ("endpoints", "add", "--workspace", "sandbox", "--source", "stripe", "--signing-secret", SECRET)
    endpoint = await asyncio.to_thread(connector, environment, *add)
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connector", "serve", "--port", str(port), env=environment
    )
    try:
        await _ready(port)
        yield Service(process, "127.0.0.1", port, endpoint["path"])
    finally:
        process.terminate()
        await process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def _ready(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            ready = b" 200 " in await reader.readline()
            writer.close()
            if ready:
                return


async def alone(running: Service, sandbox: Sandbox) -> tuple[list[float], list[float]]:
    """Milliseconds until the 200, and until Intercom was called, of webhooks that come one by one."""
    acknowledged, called = [], []
    for prepared in requests(running.path, ALONE, 0):
        await asyncio.sleep(PAUSE_S)  # so that the one before is over and done with: this is an idle service
        before = len(sandbox.events())
        request = _with_own_invoice(prepared, -1 - before, running.path)
        sent = time.time()
        result = await run(running.host, running.port, [request], 1)
        acknowledged += result.latencies
        await sandbox.until(lambda before=before: len(sandbox.events()) > before, within=20)
        called.append((sandbox.events()[-1].received_at - sent) * 1000)
    return acknowledged, called


def _with_own_invoice(prepared: bytes, number: int, path: str) -> bytes:
    """The same request about another invoice of another customer, so that each is a fact of its own."""
    from bench.load import post
    from tests.signing import stripe_headers

    text = prepared.partition(b"\r\n\r\n")[2].decode()
    invoice = json.loads(text)["data"]["object"]
    person = number % PEOPLE
    for theirs, ours in (
        (invoice["id"], f"in_bench{number}"),
        (invoice["customer"], f"cus_bench{person}"),
        (invoice["customer_email"], f"customer{person}@example.com"),
        (invoice["parent"]["subscription_details"]["subscription"], f"sub_bench{person}"),
    ):
        text = text.replace(theirs, ours)
    body = text.encode()
    return post(path, body, stripe_headers(body, SECRET))


async def loaded(running: Service, sandbox: Sandbox) -> tuple[Result, float, float]:
    """The answers to many webhooks at once, events a second until the last was delivered, and memory meanwhile."""
    prepared = [
        _with_own_invoice(request, number, running.path)
        for number, request in enumerate(requests(running.path, UNDER_LOAD, 1_000_000))
    ]
    before = len(sandbox.events())
    started = time.perf_counter()
    result = await run(running.host, running.port, prepared, 64)
    memory = running.memory_mb()
    await sandbox.until(lambda: len(sandbox.events()) >= before + UNDER_LOAD, within=300)
    return result, UNDER_LOAD / (time.perf_counter() - started), max(memory, running.memory_mb())


async def measure(kind: str) -> None:
    workspace = WorkspaceSettings(rate_limit=10_000_000)  # stated in headers, so that pace is not what is measured
    with database(kind) as url:
        async with Sandbox(SandboxSettings(workspaces=(workspace,))) as sandbox:
            for number in range(PEOPLE):
                sandbox.add_contact(email=f"customer{number}@example.com")
            async with service(url, sandbox) as running:
                acknowledged, called = await alone(running, sandbox)
                print(f"{kind}, one webhook at a time ({ALONE} of them):")
                print(f"  until the 200:               {quantiles(acknowledged)}")
                print(f"  until Intercom is called:    {quantiles(called)}")
                result, per_second, memory = await loaded(running, sandbox)
                print(
                    f"{kind}, {UNDER_LOAD:,} webhooks over 64 connections, service, load and Intercom on one machine:"
                )
                print(f"  until the 200:               {quantiles(result.latencies)}")
                print(f"  delivered:                   {per_second:,.0f} events/s")
                print(f"  resident memory:             {memory:.0f} MB")


def quantiles(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"p50 {statistics.median(ordered):.1f} ms   p99 {p99:.1f} ms"


def main(kinds: list[str]) -> None:
    for kind in kinds:
        uvloop.run(measure(kind))


if __name__ == "__main__":
    main(sys.argv[1:] or ["sqlite", "postgres"])
