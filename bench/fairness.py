"""How long a quiet workspace waits while another has a backlog, beside how long it waits alone.

    python -m bench.fairness [sqlite|postgres ...]

One worker serves both. The quiet workspace has a delivery now and then; what is measured is from queueing it to the
beginning of its call. The neighbour has a backlog, and nothing is measured after its end: of calls that are answered at
once, by which it takes all the processor it can get, and of calls that take as long as Intercom's do, by which it takes
all the calls it may make at once. Medians of some rounds in turn.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

import uvloop

from bench.client import CONCURRENCY
from bench.deliver import fill, stub
from bench.ingest import database
from connector.app.collector import spare_what_stays
from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.database.statistics import collect_first
from connector.intercom.client import IntercomClient, make_session
from connector.outbox.bell import Bell
from connector.outbox.claim import Claimed
from connector.outbox.completion import Completion
from connector.outbox.deliver import Courier
from connector.outbox.worker import Worker
from connector.workspaces import store
from connector.workspaces.directory import Directory
from connector.workspaces.store import Workspace
from connector.workspaces.vault import Key, Vault, new_key

QUIET = 200
APART_S = 0.02
SLOW_S = 0.2
BACKLOGS = {0.0: 50_000, SLOW_S: 10_000}
"""By how long a call takes: what is not delivered before `QUIET` waits are measured."""
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Watched(Courier):
    """Notes when a call for the quiet workspace begins; the neighbour's calls take `slow_s` longer."""

    quiet: int = 0
    slow_s: float = 0.0
    begun: list[float] = field(default_factory=list)
    others: Counter[int] = field(default_factory=Counter)

    async def deliver(self, claimed: Claimed, workspace: Workspace) -> Completion | None:
        if workspace.id == self.quiet:
            self.begun.append(perf_counter())
        else:
            self.others[workspace.id] += 1
            if self.slow_s:
                await asyncio.sleep(self.slow_s)
        return await Courier.deliver(self, claimed, workspace)


@asynccontextmanager
async def _served(
    url: str, intercom: str, backlog: int, slow_s: float
) -> AsyncIterator[tuple[Database, _Watched, Bell]]:
    opened, vault = await open_database(url, owner=True), Vault([Key.parse(new_key())])
    await migrate(opened)
    noisy = await opened.transact(store.add, vault, store.Installation("noisy", "token"), now=1)
    quiet = await opened.transact(store.add, vault, store.Installation("quiet", "token"), now=1)
    await fill(opened, noisy.id, backlog)
    await asyncio.sleep(1.5)  # until PostgreSQL has counted the rows: a service collects within some seconds
    await opened.transact(collect_first)
    directory = Directory(opened, vault)
    await directory.reload()
    spare_what_stays()
    async with make_session(2 * CONCURRENCY) as session:
        client = IntercomClient(session, version="2.14", base_url_for=lambda _region: intercom)
        courier = _Watched(client, opened.clock.now, quiet=quiet.id, slow_s=slow_s)
        bell = Bell()
        worker = Worker(opened, directory, courier, lambda _fact: None, bell)
        running = asyncio.create_task(worker.run())
        yield opened, courier, bell
        running.cancel()
        await worker.drain(5)
    await opened.close()


async def waits(kind: str, intercom: str, backlog: int = 0, slow_s: float = 0.0) -> list[float]:
    """Milliseconds from queueing each of the quiet workspace's deliveries to the beginning of its call."""
    waited = []
    with database(kind) as url:
        async with _served(url, intercom, backlog, slow_s) as (opened, courier, bell):
            await asyncio.sleep(0.3)
            for number in range(QUIET):
                await asyncio.sleep(APART_S)
                await fill(opened, courier.quiet, 1, first=backlog + number)
                queued = perf_counter()
                bell.ring()
                async with asyncio.timeout(30):
                    while len(courier.begun) <= number:
                        await asyncio.sleep(0.0005)
                waited.append((courier.begun[number] - queued) * 1000)
            if backlog and courier.others.total() >= backlog:
                raise RuntimeError(f"the neighbour's backlog of {backlog:,} came to an end before the measurements")
    return waited


async def compare(kind: str) -> None:
    async with stub() as intercom:
        rounds = [await _round(kind, intercom) for _ in range(ROUNDS)]
    print(f"  {kind:9} alone:                                  {_words([alone for alone, _ in rounds])}")
    for slow_s in BACKLOGS:
        what = f"of {slow_s * 1000:.0f} ms each" if slow_s else "answered at once"
        ratios = [p99(beside[slow_s]) / p99(alone) for alone, beside in rounds]
        print(
            f"  {kind:9} beside a backlog of calls {what:16} {_words([beside[slow_s] for _, beside in rounds])}"
            f"   ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} … {max(ratios):.1f})",
            flush=True,
        )


async def _round(kind: str, intercom: str) -> tuple[list[float], dict[float, list[float]]]:
    """Waits alone, and beside each backlog."""
    alone = await waits(kind, intercom)
    return alone, {slow_s: await waits(kind, intercom, backlog, slow_s) for slow_s, backlog in BACKLOGS.items()}


def _words(rounds: list[list[float]]) -> str:
    p50, high = (statistics.median(map(of, rounds)) for of in (statistics.median, p99))
    return f"p50 {p50:5.1f}   p99 {high:5.1f} ms"


def p99(milliseconds: list[float]) -> float:
    return sorted(milliseconds)[int(len(milliseconds) * 0.99)]


def main(kinds: list[str]) -> None:
    print(f"a quiet workspace's wait from queue to call, {QUIET} deliveries, with and without a noisy neighbour:")
    for kind in kinds:
        uvloop.run(compare(kind))


if __name__ == "__main__":
    main(sys.argv[1:] or ["sqlite", "postgres"])
