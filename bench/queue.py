"""Claim and completion on PostgreSQL, beside two queues that others use, on one server in one run: jobs a second.

    pip install pgqueuer procrastinate    # neither is needed by the connector
    python -m bench.queue

Ours at a batch of 200: what is due is claimed with lease, pace and fairness, and its outcome is written with attempt,
delivery and lane. Theirs: jobs that do nothing, at pgqueuer's best batch and procrastinate's best concurrency. One
that is not installed is left out, by name.
"""

from __future__ import annotations

import contextlib
import importlib.util
import statistics
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import perf_counter

import uvloop
from sqlalchemy import Connection, make_url

from bench.deliver import fill
from bench.ingest import database
from connector.database.engine import open_database
from connector.database.migrate import migrate
from connector.database.tables import lanes
from connector.intercom.outcome import Answer, Delivered
from connector.outbox.claim import Claimed, claim
from connector.outbox.complete import complete
from connector.outbox.completion import Completion
from connector.outbox.retry import Done
from connector.workspaces import store
from connector.workspaces.vault import Key, Vault, new_key

ROUNDS = 5
JOBS = 6_000
BATCH = 200
THEIR_BATCHES = (10, 100, 500)
HOLDER = b"h" * 16
PROCRASTINATE_JOBS = 600


async def ours(url: str) -> float:
    """Deliveries claimed and completed, 200 at a time, in one transaction a batch."""
    opened = await open_database(url)
    await migrate(opened)
    workspace = await opened.transact(store.add, Vault([Key.parse(new_key())]), store.Installation("b", "t"), now=1)
    await fill(opened, workspace.id, JOBS)
    await opened.transact(_without_pace)
    done: list[Completion] = []
    count, began = 0, perf_counter()
    while count < JOBS:
        claimed = await opened.transact(_complete_and_claim, done, opened.clock.now())
        done = [_accepted(each, opened.clock.now()) for each in claimed]
        count += len(claimed)
    await opened.transact(complete, done)
    took = perf_counter() - began
    await opened.close()
    return JOBS / took


def _without_pace(connection: Connection) -> None:
    connection.execute(lanes.update().values(window_limit=1_000_000))
    connection.exec_driver_sql("ANALYZE")  # as autovacuum does within a minute


def _complete_and_claim(connection: Connection, done: list[Completion], now: int) -> list[Claimed]:
    if done:
        complete(connection, done)
    return claim(connection, holder=HOLDER, now=now, room=BATCH)


def _accepted(claimed: Claimed, now: int) -> Completion:
    return Completion(claimed, Answer(202), Delivered(), Done(), now, now)


async def pgqueuer(url: str) -> float:
    """Jobs a second at the best of some batches."""
    return max([await _pgqueuer(url, batch) for batch in THEIR_BATCHES])


async def _pgqueuer(url: str, batch: int) -> float:
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.models import Job
    from pgqueuer.queries import Queries

    connection = await asyncpg.connect(_plain(url))
    queries = Queries(AsyncpgDriver(connection))
    with contextlib.suppress(asyncpg.DuplicateObjectError, asyncpg.DuplicateTableError):
        await queries.install()
    await queries.enqueue(["noop"] * JOBS, [b""] * JOBS, [0] * JOBS)
    queue = PgQueuer(AsyncpgDriver(connection))
    count = 0

    @queue.entrypoint("noop")
    async def noop(_job: Job) -> None:
        nonlocal count
        count += 1
        if count == JOBS:
            queue.shutdown.set()

    began = perf_counter()
    await queue.run(batch_size=batch, dequeue_timeout=timedelta(seconds=1))
    took = perf_counter() - began
    await connection.close()
    return JOBS / took


async def procrastinate(url: str) -> float:
    """Jobs a second at a concurrency of 10, beyond which it gains nothing."""
    import procrastinate as them

    app = them.App(connector=them.PsycopgConnector(conninfo=_plain(url)))

    @app.task(name="noop")
    async def noop() -> None:
        """Do nothing."""

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await noop.batch_defer_async(*({} for _ in range(PROCRASTINATE_JOBS)))
        began = perf_counter()
        await app.run_worker_async(wait=False, concurrency=10, install_signal_handlers=False, listen_notify=False)
        return PROCRASTINATE_JOBS / (perf_counter() - began)


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


async def measured(run: Callable[[str], Awaitable[float]]) -> float:
    """One run on a server of its own, so that nobody meets another's tables."""
    with database("postgres") as url:
        return await run(url)


def main() -> None:
    contenders: dict[str, Callable[[str], Awaitable[float]]] = {"ours": ours}
    for each in (pgqueuer, procrastinate):
        if importlib.util.find_spec(each.__name__) is None:
            print(f"  {each.__name__} is not installed: pip install {each.__name__}")
        else:
            contenders[each.__name__] = each
    rounds = [{name: uvloop.run(measured(run)) for name, run in contenders.items()} for _ in range(ROUNDS)]
    print(f"claim and completion on PostgreSQL, {JOBS:,} jobs, medians of {ROUNDS} rounds in turn:")
    for name in contenders:
        figures = [each[name] for each in rounds]
        ratio = statistics.median(each["ours"] / each[name] for each in rounds)
        print(f"  {name:14} {statistics.median(figures):8,.0f} jobs/s   ours is {ratio:.1f} times that")


if __name__ == "__main__":
    main()
