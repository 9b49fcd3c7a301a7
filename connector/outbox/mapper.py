"""The loop that maps: received events are translated and queued, in batches, until none is left.

An event that crashes the process (rather than failing in it) would crash it again and again. So what a start finds
unmapped is counted, what was found twice is mapped alone, and what was begun alone twice without an end is not mapped
any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from connector.database.clock import wall
from connector.database.engine import Database
from connector.errors import DatabaseError
from connector.events import ReceivedState
from connector.inbox import store
from connector.inbox.store import Picked, ReceivedEvent
from connector.mapping.api_versions import untested
from connector.names import Names
from connector.outbox.bell import Bell
from connector.outbox.enqueue import Stored, enqueue
from connector.outbox.translation import RulesOf, Translation, translation
from connector.telemetry.facts import EventMapped, StageFailed, Tell
from connector.workspaces.directory import Directory

P = ParamSpec("P")
T = TypeVar("T")
BATCH, FEW = 250, 8
AT_ONCE = 8
"""Events translated before others on the event loop get a turn."""
ALONE_AFTER, TRIES = 2, 4
LARGE_BODY = 256 * 1024
LOOK_UP_S = 1.0
LOOK_UP_OFTEN_S = 0.2
"""With several processes: what another has stored, or queued, rings no bell here."""
SETTLED_MS = 60_000
"""With several processes, what is younger than this may be another's work just now."""


@dataclass(frozen=True, slots=True)
class _Work:
    """Some events with their bodies, and what their workspaces call things."""

    events: Sequence[tuple[ReceivedEvent, bytes]]
    names: Mapping[int, Mapping[str, str]]


@dataclass
class Mapper:
    """`rules` gives the mapping set in use at that moment; `queued` is rung when something is to be delivered.

    A batch is mapped by one set, the one in use when it began; each delivery says by which.
    """

    database: Database
    directory: Directory
    names: Names
    rules: Callable[[], RulesOf]
    tell: Tell
    bell: Bell
    queued: Bell
    unnamed: Callable[[ReceivedEvent, Sequence[str]], None] | None = None
    """Told of what the mapping could not name; never waited for."""
    _served: int = 0
    """The workspace that had its turn last, where others were left waiting."""
    _is_all: bool = True
    """Whether nothing was left waiting after the last batch."""
    _stopping: bool = False
    turned_at: float = field(default_factory=time.monotonic)
    """When the loop last came round, by the monotonic clock."""

    async def run(self) -> None:
        """Map until told to stop; a database that is away for a while is waited for."""
        started = False
        while not self._stopping:
            self.turned_at = time.monotonic()
            try:
                if not started:
                    await self._suspects()
                    started = True
                await self.map_batch()
                if self._is_all and not self._stopping:
                    await self.bell.wait(LOOK_UP_OFTEN_S if self.database.many_processes else LOOK_UP_S)
            except (DatabaseError, OSError) as error:
                self.tell(StageFailed("map", error))
                await asyncio.sleep(LOOK_UP_S)

    def stop(self) -> None:
        """Map nothing more."""
        self._stopping = True
        self.bell.ring()

    async def map_batch(self) -> int:
        """Map the oldest events; how many that was.

        On SQLite they are translated beside the writer, unless the last batch was all there was: then few have come
        since, and a single transaction is sooner done.
        """
        if self.database.many_processes:
            return self._told(await self.database.transact(self._pick_and_map))
        if self._is_all and (few := await self._stored(self._pick_and_map_few)) is not None:
            return self._told(few)
        return await self._map(await self.database.read(self._pick))

    async def _suspects(self) -> None:
        """What earlier lives of this process left unmapped, and may have died of."""
        before = wall() - (SETTLED_MS if self.database.many_processes else 0)
        await self.database.transact(store.count_leftovers, before=before, at_most=ALONE_AFTER)
        for found in await self.database.read(store.leftovers, tries=ALONE_AFTER):
            if found.tries >= TRIES:
                await self.database.transact(store.settle, [(found, ReceivedState.FAILED, "quarantined")])
            else:
                await self.database.transact(store.count_try, found)
                await self._map(await self.database.read(self._pick_one, found))

    def _pick(self, connection: Connection) -> _Work:
        lock = self.database.many_processes
        return self._work(connection, self._taken(store.to_map(connection, limit=BATCH, lock=lock, after=self._served)))

    def _taken(self, picked: Picked) -> Sequence[tuple[ReceivedEvent, bytes]]:
        self._served = 0 if picked.is_all else picked.last
        self._is_all = picked.is_all or not picked.events  # the others are another process's just now
        return picked.events

    def _pick_one(self, connection: Connection, only: ReceivedEvent) -> _Work:
        return self._work(connection, store.this_to_map(connection, only))

    def _work(self, connection: Connection, events: Sequence[tuple[ReceivedEvent, bytes]]) -> _Work:
        workspaces = {received.workspace_id for received, _ in events}
        return _Work(events, {each: self.names.of(connection, each) for each in workspaces})

    async def _map(self, work: _Work) -> int:
        """Translate on the event loop, with a turn for others now and then, and store the lot at once."""
        translations, rules = [], self.rules()
        for place, (received, body) in enumerate(work.events):
            if place % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            if len(body) > LARGE_BODY:
                translations.append(await asyncio.to_thread(self._translation, received, body, work, rules))
            else:
                translations.append(self._translation(received, body, work, rules))
        return self._told(await self._stored(self._store, translations)) if translations else 0

    async def _stored(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have the writer store what is to be delivered, and have it claimed.

        SQLite's one writer keeps to the order in which it is asked. So the bell is rung when it is asked to store, and
        the claim that this wakes comes after that, in the same commit where nothing else is being written.
        """
        if not self.database.many_processes:
            self.queued.ring()
        return await self.database.transact(work, *args, **kwargs)

    def _pick_and_map(self, connection: Connection) -> list[Stored]:
        """The same inside one transaction, which keeps other processes off these events."""
        return self._mapped(connection, self._pick(connection))

    def _pick_and_map_few(self, connection: Connection) -> list[Stored] | None:
        """The same on SQLite, where all others wait for it; None where that would take its time."""
        picked = store.to_map(connection, limit=FEW, after=self._served)
        workspaces = {received.workspace_id for received, _ in picked.events}
        if not all(map(self.names.are_few, workspaces)) or any(len(body) > LARGE_BODY for _, body in picked.events):
            return None
        return self._mapped(connection, self._work(connection, self._taken(picked)))

    def _mapped(self, connection: Connection, work: _Work) -> list[Stored]:
        rules = self.rules()
        translations = [self._translation(received, body, work, rules) for received, body in work.events]
        return enqueue(connection, translations, now=self.database.clock.now(), just_picked=True)

    def _translation(self, received: ReceivedEvent, body: bytes, work: _Work, rules: RulesOf) -> Translation:
        theirs = rules(self.directory.workspace(received.workspace_id))
        return translation(received, body, theirs, names=work.names[received.workspace_id])

    def _store(self, connection: Connection, translations: Sequence[Translation]) -> list[Stored]:
        return enqueue(connection, translations, now=self.database.clock.now())

    def _told(self, stored: Sequence[Stored]) -> int:
        for each in stored:
            self.tell(_fact(each))
            for name in each.translation.names:
                self.names.forget(name.workspace_id)
            if self.unnamed and each.translation.unnamed:
                self.unnamed(each.translation.received, each.translation.unnamed)
        if self.database.many_processes and any(each.deliveries for each in stored):
            self.queued.ring()
        return len(stored)


def _fact(stored: Stored) -> EventMapped:
    received = stored.translation.received
    return EventMapped(
        received.workspace_id,
        received.external_key,
        received.source,
        received.type,
        stored.state.value,
        stored.reason,
        tuple(delivery.hex() for delivery in stored.deliveries),
        untested(received.api_version),
        tuple(event.mapping_id for event in stored.translation.events),
        received.key.hex(),
        received.received_at,
        tuple(delivery.hex() for delivery in stored.waiting),
    )
