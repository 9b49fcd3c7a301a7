"""How long the console's pages take over many deliveries: `python -m bench.console [COUNT]`, on SQLite.

A workspace is filled with COUNT (default 1,000,000) events and deliveries; each page's reading is measured, the median
of five after one that warms up. Rendering adds a few milliseconds that do not depend on COUNT.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from connector.console import overview
from connector.console.access import Place
from connector.console.mappings import last_day
from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.database.rows import insert_new
from connector.database.tables import attempts, deliveries, received_events
from connector.inbox import browse as inbox
from connector.outbox import browse
from connector.outbox.delivery import State
from connector.outbox.selection import Selection
from connector.workspaces.modes import Mode
from tests.console.test_plans import attempt_row, delivery_row, event_row

CHUNK = 10_000
ROUNDS = 5


async def fill(database: Database, count: int) -> int:
    """`count` of each in workspace 1, the newest now; the time of the newest in milliseconds."""
    now = database.clock.now()
    step = 30 * 86_400_000 // count

    def rows(connection: sa.Connection, start: int) -> None:
        for make, table in ((delivery_row, deliveries), (event_row, received_events), (attempt_row, attempts)):
            made = []
            for number in range(start, min(count, start + CHUNK)):
                row = make(number) | {"workspace_id": 1}
                for column in ("mapped_at", "updated_at", "delivered_at", "received_at", "started_at"):
                    if column in row:
                        row[column] = now - (count - number) * max(step, 1)
                made.append(row)
            insert_new(connection, table, made)

    for start in range(0, count, CHUNK):
        await database.transact(rows, start)
    await database.transact(lambda connection: connection.execute(sa.text("ANALYZE")))
    return now


async def measure(database: Database, work: Callable[..., Any], *args: Any, **kwargs: Any) -> float:  # noqa: ANN401
    """Milliseconds."""
    took = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        await database.read(work, *args, **kwargs)
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took[1:])


async def run(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as folder:
        database = await open_database(f"sqlite:///{folder}/bench.db", owner=True)
        await migrate(database)
        started = time.perf_counter()
        now = await fill(database, count)
        print(f"{count:,} events, deliveries and tries, filled in {time.perf_counter() - started:.0f} s")
        every = Selection(1)
        pages: dict[str, tuple[Any, ...]] = {
            "overview": (overview.standing, None, Place(1, "acme", "Acme", Mode.LIVE)),
            "deliveries": (browse.browse, every),
            "deliveries, dead": (browse.browse, Selection(1, states=(State.DEAD,))),
            "deliveries, a reason": (browse.browse, Selection(1, reasons=("refused",))),
            "deliveries, a rare name": (browse.browse, Selection(1, name="rare-event")),
            "deliveries, a type": (browse.browse, Selection(1, received_type="customer.created")),
            "deliveries, status 422": (browse.browse, Selection(1, status=422)),
            "events": (inbox.browse, inbox.Wanted(1)),
            "events, a rare type": (inbox.browse, inbox.Wanted(1, type="customer.created")),
            "dead letters": (browse.groups, 1, (State.DEAD, State.HELD, State.PARKED, State.WAITING)),
            "mappings, last day": (last_day, 1),
        }
        for name, (work, *args) in pages.items():
            more: dict[str, Any] = {"before": None, "limit": 50} if work in (browse.browse, inbox.browse) else {}
            if work in (overview.standing, last_day):
                more = {"now": now}
            print(f"{name:28}{await measure(database, work, *args, **more):8.1f} ms")
        await database.close()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
