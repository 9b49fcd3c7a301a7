"""Delivering a backlog, beside a bare aiohttp client loop at the same concurrency, to a stub that answers 202 at once.

    python -m bench.deliver [sqlite|postgres ...]

The backlog is in the database, as mapping leaves it; each delivery is claimed, sent, and its outcome written down.
Both run in turn, each in a process of its own with the same stub beside it. Read the ratio.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import perf_counter

import uvloop

from bench.client import BODY, CONCURRENCY, bare_session
from bench.ingest import database
from connector.app.collector import spare_what_stays
from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.events import Identifier, IdentifierKind, IntercomEvent, ReceivedState, SourceEvent
from connector.inbox import store as inbox
from connector.inbox.arrivals import Arrival, insert
from connector.intercom.client import IntercomClient, make_session
from connector.outbox.bell import Bell
from connector.outbox.deliver import Courier
from connector.outbox.enqueue import enqueue
from connector.outbox.translation import Translation
from connector.outbox.worker import Worker
from connector.settings import LogFormat, LogLevel
from connector.telemetry.facts import AttemptMade, Fact, tell_all
from connector.telemetry.logs import start
from connector.telemetry.metrics import Metrics
from connector.workspaces import store
from connector.workspaces.directory import Directory
from connector.workspaces.vault import Key, Vault, new_key

ROUNDS = 5
DELIVERIES = 20_000
PEOPLE = 1_000
AT_ONCE = 500
NOW_S = 1_785_369_600


async def fill(opened: Database, workspace_id: int, count: int, first: int = 0) -> None:
    """`count` deliveries that are due, each of an event of its own."""
    for start_at in range(first, first + count, AT_ONCE):
        numbers = range(start_at, min(first + count, start_at + AT_ONCE))
        arrivals = [_arrival(workspace_id, number) for number in numbers]
        await opened.transact(insert, [arrivals])
        stored = (await opened.read(inbox.to_map, limit=len(arrivals))).events
        translations = [
            Translation(each, ReceivedState.MAPPED, None, (_event(int(each.external_key.removeprefix("evt_"))),))
            for each, _ in stored
        ]
        await opened.transact(enqueue, translations, now=opened.clock.now())


def _arrival(workspace_id: int, number: int) -> Arrival:
    event = SourceEvent("stripe", f"evt_{number}", "invoice.paid", b"{}", NOW_S)
    return Arrival(workspace_id, 1, "stripe:acct_bench", event, NOW_S * 1000 + number)


def _event(number: int) -> IntercomEvent:
    person = (Identifier(IdentifierKind.USER_ID, f"user-{number % PEOPLE}"),)
    metadata = {
        "price": {"amount": 1999, "currency": "usd"},
        "stripe_invoice": f"in_{number}",
        "paid_date": NOW_S,
        "invoice": {"url": "https://invoice.stripe.com/i/acct_1/test_YWNjdF8x", "value": "F3B7C0A1-0001"},
        "attempts": 1,
        "plan": "Team, yearly",
    }
    return IntercomEvent("stripe.paid-invoice", "paid-invoice", NOW_S - number // PEOPLE, person, metadata)


async def ours(database_url: str, url: str, count: int) -> float:
    """Deliveries a second of a backlog of `count`, from the first claim to the last outcome."""
    opened, vault = await open_database(database_url, owner=True), Vault([Key.parse(new_key())])
    await migrate(opened)
    workspace = await opened.transact(store.add, vault, store.Installation("bench", "token"), now=1)
    await fill(opened, workspace.id, count)
    directory = Directory(opened, vault)
    await directory.reload()
    delivered, all_done = 0, asyncio.Event()
    into = tell_all(start(LogFormat.JSON, LogLevel.WARNING, io.StringIO()).tell, Metrics().count)

    def tell(fact: Fact) -> None:
        nonlocal delivered
        into(fact)
        if not isinstance(fact, AttemptMade):
            print(fact, file=sys.stderr)
            return
        delivered += fact.step == "done"
        if delivered == count:
            all_done.set()

    spare_what_stays()
    async with make_session(CONCURRENCY) as session:
        client = IntercomClient(session, version="2.14", base_url_for=lambda _region: url)
        worker = Worker(opened, directory, Courier(client, opened.clock.now), tell, Bell())
        began = perf_counter()
        running = asyncio.create_task(worker.run())
        await all_done.wait()
        took = perf_counter() - began
        running.cancel()
        await worker.drain(5)
    await opened.close()
    return count / took


async def bare(url: str, count: int) -> float:
    """The same number of POSTs by a session that does nothing else."""
    numbers: Iterator[int] = iter(range(count))
    headers = {"Authorization": "Bearer token", "Content-Type": "application/json"}

    async def again_and_again() -> None:
        for _ in numbers:
            async with session.post(f"{url}/events", data=BODY, headers=headers) as response:
                await response.read()

    spare_what_stays()
    async with bare_session() as session:
        began = perf_counter()
        await asyncio.gather(*(again_and_again() for _ in range(CONCURRENCY)))
        return count / (perf_counter() - began)


@asynccontextmanager
async def stub() -> AsyncIterator[str]:
    """The address of a stub that allows any number of calls."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.client", "stub", stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


async def _one(kind: str, url: str, count: str, database_url: str = "") -> None:
    print(await (bare(url, int(count)) if kind == "bare" else ours(database_url, url, int(count))))


def _measured(*arguments: str) -> float:
    command = [sys.executable, "-m", "bench.deliver", "one", *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def compare(kinds: list[str]) -> None:
    async with stub() as url:
        rounds: dict[str, list[float]] = {"bare": [], **{kind: [] for kind in kinds}}
        for _ in range(ROUNDS):
            rounds["bare"].append(await asyncio.to_thread(_measured, "bare", url, str(DELIVERIES)))
            for kind in kinds:
                with database(kind) as address:
                    rounds[kind].append(await asyncio.to_thread(_measured, kind, url, str(DELIVERIES), address))
    for kind, figures in rounds.items():
        ratio = statistics.median(one / top for one, top in zip(figures, rounds["bare"], strict=True))
        print(
            f"  {kind:9} {statistics.median(figures):8,.0f} deliveries/s ({min(figures):,.0f} … {max(figures):,.0f})"
            f"   ratio {ratio:.2f}"
        )


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["one"]:
        uvloop.run(_one(*arguments[1:]))
        return
    print(f"a backlog of {DELIVERIES:,}, {CONCURRENCY} calls at once, medians of {ROUNDS} rounds in turn:")
    uvloop.run(compare(arguments or ["sqlite", "postgres"]))


if __name__ == "__main__":
    main(sys.argv[1:])
