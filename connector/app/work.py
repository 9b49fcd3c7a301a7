"""Mapping, delivery and keeping in step with Stripe, for as long as they are wanted: the loops behind the inbox."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from aiohttp import ClientSession

from connector.app.ground import Ground
from connector.app.loops import keep_running
from connector.contacts.creating import Creator
from connector.database.engine import Database
from connector.errors import DatabaseError
from connector.intercom.client import IntercomClient, base_url, make_session
from connector.names import Names
from connector.outbox.deliver import Courier
from connector.outbox.mapper import Mapper
from connector.outbox.pulse import EVERY_S, Pulse
from connector.outbox.worker import CONCURRENCY, Worker
from connector.stripe_api.client import StripeApi
from connector.sync.asker import Asker
from connector.sync.naming import Naming
from connector.sync.people import People
from connector.sync.reconcile import Reconciler
from connector.telemetry.facts import ProcessesTakenOver, StageFailed, Tell, tell_all

DRAIN_S = 25.0
"""What deliveries in flight get to finish when the service is told to stop."""
WAIT_S = 5.0
"""What the database gets to end its last transactions."""
STUCK_S = 60.0
"""A loop that comes round every second or so, and has not for so long, hangs."""


@dataclass
class Work:
    """Mapping and delivery, for as long as they are wanted."""

    mapper: Mapper
    worker: Worker
    syncing: Syncing
    tell: Tell
    _loops: Sequence[asyncio.Task[None]] = ()
    _syncing: Sequence[asyncio.Task[None]] = ()

    def start(self) -> None:
        """Begin; to be called inside the event loop."""
        self._loops = [asyncio.create_task(keep_running(name, each, self.tell)) for name, each in self._stages]
        self._syncing = [
            asyncio.create_task(keep_running(name, each, self.tell)) for name, each in self.syncing.loops.items()
        ]

    def trouble(self) -> list[str]:
        """What has ended, or has not come round for long, though nobody has told it to stop."""
        found = []
        for loop, (name, stage) in zip(self._loops, self._stages, strict=False):
            if loop.done():
                found.append(f"the loop that {name}s has ended")
            elif time.monotonic() - stage.turned_at > STUCK_S:
                found.append(f"the loop that {name}s has not come round for {STUCK_S:g} s")
            elif isinstance(stage, Worker) and time.monotonic() - stage.moved_at > STUCK_S:
                found.append(f"deliveries have been due for {STUCK_S:g} s, and none is claimed")
        return found + [f"the loop {name!r} has ended" for name, loop in self._named_syncing() if loop.done()]

    @property
    def _stages(self) -> Sequence[tuple[str, Mapper | Worker]]:
        return ("map", self.mapper), ("deliver", self.worker)

    def _named_syncing(self) -> Iterator[tuple[str, asyncio.Task[None]]]:
        return zip(self.syncing.loops, self._syncing, strict=False)

    async def stop(self) -> None:
        """Begin nothing new, let what is in flight finish, give back what is not begun. May be called again."""
        self.worker.stop()
        self.mapper.stop()
        for loop in self._syncing:  # the next start goes on from where they have come to
            loop.cancel()
        await asyncio.gather(*self._syncing, return_exceptions=True)
        await self.worker.drain(DRAIN_S)
        if self._loops:
            _, hanging = await asyncio.wait(self._loops, timeout=WAIT_S)
            for loop in hanging:  # on a database that does not answer
                loop.cancel()


@contextlib.asynccontextmanager
async def working(ground: Ground) -> AsyncIterator[Work]:
    """Map, deliver and keep in step with Stripe while this is open."""
    names, stripe_api = Names(), StripeApi(base_url=ground.settings.stripe_api_url)
    async with make_session(CONCURRENCY) as session, stripe_api.opened():
        syncing = _syncing(ground, stripe_api, names)
        mapper = Mapper(
            ground.database,
            ground.directory,
            names,
            ground.mappings.rules,
            tell_all(ground.tell, syncing.asker.note),
            ground.received,
            ground.queued,
            syncing.asker.unnamed,
        )
        worker = Worker(
            ground.database,
            ground.directory,
            _courier(ground, session),
            ground.tell,
            ground.queued,
            max_age_ms=ground.settings.max_age_ms,
        )
        ground.metrics.gauge("deliveries_in_flight", "Deliveries being tried now.", lambda: worker.in_flight)
        async with _alive(ground.database, worker, ground.tell):
            work = Work(mapper, worker, syncing, ground.tell)
            work.start()
            try:
                yield work
            finally:
                await work.stop()


@contextlib.asynccontextmanager
async def _alive(database: Database, worker: Worker, tell: Tell) -> AsyncIterator[None]:
    """Where there are other processes: show them signs of life while this is open, and leave nothing to them after."""
    if not database.many_processes:
        yield
        return
    worker.pulse = Pulse(database, worker.holder)
    await worker.pulse.beat()
    beating = asyncio.create_task(_beat(worker.pulse, tell))
    try:
        yield
    finally:
        beating.cancel()
        try:
            await worker.pulse.stop()
        except (DatabaseError, OSError) as error:
            tell(StageFailed("pulse", error))  # the others take over within ten seconds


async def _beat(pulse: Pulse, tell: Tell) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            if dead := await pulse.beat():
                tell(ProcessesTakenOver(len(dead)))
        except (DatabaseError, OSError) as error:
            tell(StageFailed("pulse", error))


@dataclass(frozen=True)
class Syncing:
    """The loops that keep in step with Stripe."""

    reconciler: Reconciler | None
    asker: Asker

    @property
    def loops(self) -> dict[str, Reconciler | Asker]:
        """By the name that their failures are told under."""
        return {"ask": self.asker} | ({"reconcile": self.reconciler} if self.reconciler else {})


def _syncing(ground: Ground, stripe_api: StripeApi, names: Names) -> Syncing:
    """Keeping in step with Stripe."""
    naming = Naming(ground.database, stripe_api, names, ground.tell)
    reconciler = Reconciler(
        ground.database,
        ground.directory,
        stripe_api,
        lambda: ground.mappings.catalog,
        ground.tell,
        ground.received.ring,
        ground.settings.reconcile_seconds,
        naming.find_all,
    )
    people = People(ground.database, stripe_api, ground.tell, ground.queued.ring)
    asker = Asker(ground.database, ground.directory, people, naming, ground.tell)
    return Syncing(reconciler if reconciler.every_s else None, asker)


def _courier(ground: Ground, session: ClientSession) -> Courier:
    override = ground.settings.intercom_api_url

    def base_url_for(region: str) -> str:
        return override or base_url(region)

    client = IntercomClient(session, version=ground.settings.intercom_version, base_url_for=base_url_for)
    now = ground.database.clock.now
    return Courier(client, now, creator=Creator(ground.database, client, now))
