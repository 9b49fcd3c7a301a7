"""The whole way, sustained: webhook → 200 → mapped → POST → delivered, all of it durable, beside a bare client loop.

    python -m bench.pipeline [sqlite postgres postgres-2 ...]

The service is `connector serve`, one process or as many as are named; load and stub are processes beside it. What is
counted is from the first webhook to the last outcome in the database; the times from receipt to POST are the
database's own.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop
from sqlalchemy import Connection, func, select

from bench.deliver import bare, stub
from bench.idle import _free_port, _ready, _with_own_invoice, connector
from bench.ingest import database, requests
from bench.load import run
from bench.server import SECRET
from connector.database.engine import open_database
from connector.database.tables import attempts, deliveries, received_events
from connector.workspaces.vault import new_key

ROUNDS = 3
EVENTS = 10_000
CONNECTIONS = 64
PATIENCE_S = 300


@asynccontextmanager
async def service(database_url: str, intercom: str, processes: int) -> AsyncIterator[tuple[int, str]]:
    """A service with one endpoint; its port and the path to post to."""
    environment = os.environ | {
        "CONNECTOR_DATABASE_URL": database_url,
        "CONNECTOR_INTERCOM_API_URL": intercom,
        "CONNECTOR_ENCRYPTION_KEYS": new_key(),
        "CONNECTOR_LOG_FORMAT": "json",
        "CONNECTOR_MAX_AGE": "0",  # the payload's own times are long past
        "CONNECTOR_LOG_LEVEL": "warning",
    }
    await asyncio.to_thread(connector, environment, "migrate")
    await asyncio.to_thread(connector, environment, "workspaces", "add", "--app-id", "b", "--access-token", "token")
    add = ("endpoints", "add", "--workspace", "b", "--source", "stripe", "--signing-secret", SECRET)
    endpoint = await asyncio.to_thread(connector, environment, *add)
    port = _free_port()
    options = ("--port", str(port), *(("--processes", str(processes)) if processes > 1 else ()))
    command = (sys.executable, "-m", "connector", "serve", *options)
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        await _ready(port)
        yield port, endpoint["path"]
    finally:
        process.terminate()
        await process.wait()


async def sustained(database_url: str, intercom: str, processes: int) -> tuple[float, list[float]]:
    """Events a second, and milliseconds from receipt to POST of each."""
    async with service(database_url, intercom, processes) as (port, path):
        prepared = [_with_own_invoice(each, number, path) for number, each in enumerate(requests(path, EVENTS, 0))]
        opened = await open_database(database_url)
        began = time.perf_counter()
        result = await run("127.0.0.1", port, prepared, CONNECTIONS)
        assert set(result.statuses) == {b"200"}, result.statuses
        async with asyncio.timeout(PATIENCE_S):
            while await opened.read(_delivered) < EVENTS:
                await asyncio.sleep(0.05)
        took = time.perf_counter() - began
        waited = await opened.read(_receipt_to_post)
        await opened.close()
    return EVENTS / took, waited


def _delivered(connection: Connection) -> int:
    query = select(func.count()).select_from(deliveries).where(deliveries.c.state == "delivered")
    return connection.scalar(query) or 0


def _receipt_to_post(connection: Connection) -> list[float]:
    same = (deliveries.c.workspace_id == attempts.c.workspace_id) & (deliveries.c.id == attempts.c.delivery_id)
    came = (received_events.c.workspace_id == deliveries.c.workspace_id) & (
        received_events.c.key == deliveries.c.received_key
    )
    query = select(attempts.c.started_at - received_events.c.received_at)
    query = query.select_from(attempts).join(deliveries, same).join(received_events, came)
    return [float(each) for each in connection.scalars(query)]


async def compare(kinds: list[str]) -> None:
    async with stub() as intercom:
        for kind in kinds:
            name, _, processes = kind.partition("-")
            rates, ratios, waited = [], [], []
            for _ in range(ROUNDS):
                top = await bare(intercom, EVENTS)
                with database(name) as address:
                    rate, times = await sustained(address, intercom, int(processes or 1))
                rates.append(rate)
                ratios.append(rate / top)
                waited += times
            p50, p99 = (sorted(waited)[int(len(waited) * part)] for part in (0.5, 0.99))
            print(
                f"  {kind:11} {statistics.median(rates):7,.0f} events/s ({min(rates):,.0f} … {max(rates):,.0f})"
                f"   ratio {statistics.median(ratios):.2f}   receipt → POST p50 {p50:.0f} ms, p99 {p99:.0f} ms",
                flush=True,
            )


def main(kinds: list[str]) -> None:
    print(f"the whole way, {EVENTS:,} webhooks over {CONNECTIONS} connections, medians of {ROUNDS} rounds:")
    uvloop.run(compare(kinds or ["sqlite", "postgres", "postgres-2"]))


if __name__ == "__main__":
    main(sys.argv[1:])
