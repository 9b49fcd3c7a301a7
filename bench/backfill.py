"""History in: how many events a second a backfill takes in, how many are delivered, and whether its memory stays flat.

    python -m bench.backfill [10000 100000]

The command and the service are processes of their own on SQLite; the sandbox Intercom runs in this one. A backfill is
never more than ten thousand events ahead of delivery: of a larger one the rate is that of delivery.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench.idle import _free_port, _ready, connector
from connector.sandbox import Sandbox, SandboxSettings, WorkspaceSettings
from connector.workspaces.vault import new_key

SIZES = (10_000, 100_000)
PEOPLE = 1_000


def messages(count: int) -> Iterator[str]:
    """Orders of a thousand people, as Segment's archive holds them."""
    for number in range(count):
        day = f"2026-{1 + number % 9:02}-{1 + number % 28:02}"
        message = {
            "type": "track",
            "event": "Order Completed",
            "messageId": f"history-{number}",
            "userId": f"user{number % PEOPLE}",
            "timestamp": f"{day}T{number % 24:02}:{number // 24 % 60:02}:00.000Z",
            "context": {"library": {"name": "analytics.js", "version": "4.1.0"}, "ip": "192.0.2.1"},
            "properties": {"order_id": f"order-{number}", "revenue": 19.99, "currency": "USD", "products": []},
        }
        yield json.dumps(message)


async def peak_mb(process: asyncio.subprocess.Process, until: asyncio.Future[object]) -> float:
    """The most resident memory that a process had, looked at ten times a second."""
    peak = 0
    while not until.done():
        try:
            text = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, int(text.split("VmHWM:")[1].split()[0]))
        except (OSError, IndexError):
            break
        await asyncio.sleep(0.1)
    return peak / 1024


async def measure(count: int, folder: Path, sandbox: Sandbox) -> float:
    """Prints one size; the command's peak memory in megabytes."""
    archive = folder / "archive.jsonl"
    archive.write_text("\n".join(messages(count)))
    environment = os.environ | {
        "CONNECTOR_DATABASE_URL": f"sqlite:///{folder / 'connector.db'}",
        "CONNECTOR_INTERCOM_API_URL": sandbox.url,
        "CONNECTOR_ENCRYPTION_KEYS": new_key(),
        "CONNECTOR_LOG_LEVEL": "warning",
    }
    add = ("workspaces", "add", "--app-id", "sandbox", "--access-token", sandbox.token)
    await asyncio.to_thread(connector, environment, *add)
    add = ("endpoints", "add", "--workspace", "sandbox", "--source", "segment", "--signing-secret", "shared")
    await asyncio.to_thread(connector, environment, *add)
    port = _free_port()
    base = (sys.executable, "-m", "connector")
    service = await asyncio.create_subprocess_exec(*base, "serve", "--port", str(port), env=environment)
    try:
        await _ready(port)
        command = (
            *base,
            "backfill",
            "file",
            str(archive),
            "--workspace",
            "sandbox",
            "--may-trigger-messages",
            "--json",
        )
        before, started = len(sandbox.events()), time.perf_counter()
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
        ended = asyncio.ensure_future(process.wait())
        memory = await peak_mb(process, ended)
        assert await ended == 0
        taken_in = count / (time.perf_counter() - started)
        await sandbox.until(lambda: len(sandbox.events()) >= before + count, within=3_600)
        delivered = count / (time.perf_counter() - started)
    finally:
        service.terminate()
        await service.wait()
    print(f"{count:>9,} events: {taken_in:8,.0f}/s taken in, {delivered:8,.0f}/s delivered, {memory:6.0f} MB at most")
    return memory


async def run(sizes: list[int]) -> None:
    workspace = WorkspaceSettings(rate_limit=10_000_000, create_contacts=True)
    peaks = []
    for count in sizes:
        async with Sandbox(SandboxSettings(workspaces=(workspace,))) as sandbox:
            with tempfile.TemporaryDirectory() as folder:
                peaks.append(await measure(count, Path(folder), sandbox))
    if len(peaks) > 1:
        print(f"memory for {sizes[-1]:,} events is {peaks[-1] / peaks[0]:.2f} × that for {sizes[0]:,}")


def main(sizes: list[int]) -> None:
    uvloop.run(run(sizes))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
