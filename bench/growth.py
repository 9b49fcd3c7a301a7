"""What an event costs in a database that holds 1,000,000 of them, beside one that holds 10,000.

    python -m bench.growth [sqlite|postgres ...]

Stored events are narrow rows in every table that grows, their keys spread as digests are. Then fresh webhooks are
mapped, claimed and completed, in turn in both databases. On SQLite the figure is this process's CPU time, which holds
still on a busy machine; PostgreSQL works in processes of its own, so there it is the time on the wall.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from time import perf_counter, process_time

import uvloop
from sqlalchemy import Connection, Table, text

from bench.ingest import database
from bench.map import arrival
from bench.queue import _accepted, _complete_and_claim
from connector.catalogues.in_use import Mappings
from connector.database import tables
from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.inbox.arrivals import insert
from connector.mapping.context import Options
from connector.names import Names
from connector.outbox.bell import Bell
from connector.outbox.completion import Completion
from connector.outbox.mapper import Mapper
from connector.workspaces import store
from connector.workspaces.directory import Directory
from connector.workspaces.vault import Key, Vault, new_key

SIZES = (10_000, 1_000_000)
ROUNDS = 5
EVENTS = 1_000
"""In each round."""
AT_ONCE = 100_000
"""Rows of one transaction: one that takes too long is given up."""

_KEY = {
    "sqlite": "unhex(printf('%08x', n * {step}) || hex(randomblob(12)))",
    "postgresql": "decode(lpad(to_hex(n::bigint * {step}), 8, '0') || substr(md5(n::text), 1, 24), 'hex')",
}
_SERIES = "WITH RECURSIVE series(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM series WHERE n + 1 < {end})"
_VALUES: dict[Table, dict[str, str]] = {
    tables.received_events: {
        "key": "{key}",
        "endpoint_id": "1",
        "source": "'stripe'",
        "external_key": "'evt_'",
        "type": "'invoice.paid'",
        "livemode": "true",
        "trust": "'signed'",
        "occurred_at": "n",
        "received_at": "n",
        "state": "'mapped'",
    },
    tables.deliveries: {
        "id": "{key}",
        "received_key": "{key}",
        "mapping_id": "'paid'",
        "mapping_digest": "''",
        "generation": "0",
        "once_key": "{key}",
        "name": "'paid-invoice'",
        "created_at": "n",
        "contact": "'[]'",
        "metadata": "'{{}}'",
        "notes": "'[]'",
        "state": "'delivered'",
        "mapped_at": "n",
        "updated_at": "n",
    },
    tables.seconds: {"identifier": "{key}", "name": "{key}", "second": "n", "delivery_id": "{key}"},
    tables.attempts: {
        "delivery_id": "{key}",
        "number": "1",
        "started_at": "n",
        "duration_ms": "1",
        "outcome": "'delivered'",
        "identifier_kind": "'email'",
        "ambiguous": "false",
        "late": "false",
        "manual": "false",
    },
    tables.identities: {
        "source_key": "{key}",
        "target_key": "{key}",
        "source_kind": "'stripe_customer'",
        "source_value": "''",
        "target_kind": "'email'",
        "target_value": "''",
        "firm": "true",
        "seen_in": "{key}",
        "first_seen_at": "n",
        "said_at": "n",
    },
}


async def fill(opened: Database, workspace_id: int, count: int) -> None:
    """`count` rows in each of the tables that grow, in the order of their keys."""
    for table in _VALUES:
        for first in range(0, count, AT_ONCE):
            await opened.transact(_fill, table, workspace_id, count, first)
    await opened.transact(_analyze)


def _fill(connection: Connection, table: Table, workspace_id: int, count: int, first: int) -> None:
    if connection.dialect.name == "sqlite":  # older ones have no unhex()
        connection.connection.create_function("unhex", 1, bytes.fromhex)
    key = _KEY[connection.dialect.name].format(step=(1 << 32) // count)
    values = {name: value.format(key=key) for name, value in _VALUES[table].items()}
    names, expressions = ", ".join(["workspace_id", *values]), ", ".join([str(workspace_id), *values.values()])
    series = _SERIES.format(first=first, end=min(count, first + AT_ONCE))
    insert = f"INSERT INTO {table.name} ({names})"
    with_series = f"{series} {insert}" if connection.dialect.name == "sqlite" else f"{insert} {series}"
    connection.execute(text(f"{with_series} SELECT {expressions} FROM series"))


def _analyze(connection: Connection) -> None:
    connection.exec_driver_sql("ANALYZE")


@dataclass
class Filled:
    """A database with so many stored events, in which more are worked off."""

    database: Database
    workspace_id: int
    mapper: Mapper
    done: int = 0

    async def work_off(self, clock: Callable[[], float]) -> float:
        """Microseconds for each of `EVENTS` fresh webhooks: mapped, claimed, completed."""
        numbers = range(self.done, self.done + EVENTS)
        self.done += EVENTS
        now = self.database.clock.now()
        await self.database.transact(insert, [[arrival(self.workspace_id, each, now) for each in numbers]])
        began = clock()
        while await self.mapper.map_batch():
            pass
        await self.database.transact(_without_limits)
        completions: list[Completion] = []
        while True:
            claimed = await self.database.transact(_complete_and_claim, completions, self.database.clock.now())
            if not claimed:
                break
            completions = [_accepted(each, self.database.clock.now()) for each in claimed]
        return (clock() - began) / EVENTS * 1_000_000


def _without_limits(connection: Connection) -> None:
    connection.execute(tables.lanes.update().values(window_limit=1_000_000, tokens=None))


@asynccontextmanager
async def filled(kind: str, count: int) -> AsyncIterator[Filled]:
    with database(kind) as url:
        opened, vault = await open_database(url, owner=True), Vault([Key.parse(new_key())])
        await migrate(opened)
        workspace = await opened.transact(store.add, vault, store.Installation("bench", "token"), now=1)
        await fill(opened, workspace.id, count)
        directory, mappings = Directory(opened, vault), Mappings(opened, Options(), lambda _fact: None)
        await directory.reload()
        await mappings.start()
        yield Filled(opened, workspace.id, Mapper(opened, directory, Names(), mappings.rules, _nothing, Bell(), Bell()))
        await opened.close()


def _nothing(_fact: object) -> None:
    """Nobody listens."""


async def compare(kind: str) -> None:
    clock = process_time if kind == "sqlite" else perf_counter
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(filled(kind, size)) for size in SIZES]
        for each in databases:
            await each.work_off(clock)  # warms up
        rounds = [[await each.work_off(clock) for each in databases] for _ in range(ROUNDS)]
    for size, figures in zip(SIZES, zip(*rounds, strict=True), strict=True):
        print(f"  {kind:9} {size:>9,} stored: {statistics.median(figures):6,.0f} µs an event")
    ratio = statistics.median(large / small for small, large in rounds)
    print(f"  {kind:9} ratio {ratio:.2f}", flush=True)


def main(kinds: list[str]) -> None:
    print(f"an event mapped, claimed and completed, medians of {ROUNDS} rounds of {EVENTS:,} in turn:")
    for kind in kinds:
        uvloop.run(compare(kind))


if __name__ == "__main__":
    main(sys.argv[1:] or ["sqlite", "postgres"])
