"""The loop that asks Stripe, in the background, for what events leave open: whom they are for, what things are called.

It is told of events as they are mapped, and looks at all that waits now and then, because another process may have
mapped it. An endpoint without a key asks nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field

from connector.database.engine import Database
from connector.errors import DatabaseError
from connector.inbox.store import ReceivedEvent
from connector.outbox.bell import Bell
from connector.outbox.waiting import Unknown
from connector.stripe_api.client import is_live
from connector.sync.naming import Naming
from connector.sync.people import People
from connector.sync.reconcile import with_key
from connector.telemetry.facts import EventMapped, Fact, StageFailed, Tell
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import Endpoint

LOOK_UP_S = 5.0
ALL_AGAIN_S = 600.0
AT_ONCE = 8
MOST_UNNAMED = 10_000
"""Names that wait to be asked for; those beyond are asked for when an event brings them again."""


@dataclass
class Asker:
    """Asks on behalf of all workspaces, of each one question at a time."""

    database: Database
    directory: Directory
    people: People
    naming: Naming
    tell: Tell
    _bell: Bell = field(default_factory=Bell)
    _unnamed: dict[tuple[int, int, bool], dict[str, None]] = field(default_factory=dict)
    _dirty: dict[int, None] = field(default_factory=dict)
    """Workspaces in which somebody has become unknown."""
    _busy: dict[int, None] = field(default_factory=dict)
    """Those in which more may be known of somebody who was unknown: what is left of the way is asked for."""
    _busy_at: float = 0.0
    _all_at: float = 0.0
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def note(self, fact: Fact) -> None:
        """An event was mapped: somebody may be unknown whom it is for, or better known for whom another one is."""
        if not isinstance(fact, EventMapped) or fact.source != "stripe":
            return
        if fact.waiting:
            self._dirty[fact.workspace_id] = None
            self._bell.ring()
        elif fact.deliveries:
            self._busy[fact.workspace_id] = None

    def unnamed(self, received: ReceivedEvent, object_ids: Sequence[str]) -> None:
        """An event was mapped without the names of these."""
        if sum(map(len, self._unnamed.values())) + len(object_ids) <= MOST_UNNAMED:
            where = (received.workspace_id, received.endpoint_id, received.livemode)
            self._unnamed.setdefault(where, {}).update(dict.fromkeys(object_ids))
            self._bell.ring()

    async def run(self) -> None:
        """Ask until cancelled; a database that is away for a while is waited for."""
        while True:
            try:
                await self._turn()
                await self._bell.wait(LOOK_UP_S)
            except (DatabaseError, OSError) as error:
                self.tell(StageFailed("ask", error))
                await asyncio.sleep(LOOK_UP_S)

    async def _turn(self) -> None:
        now, can_ask = time.monotonic(), {each.workspace_id for each in self._endpoints()}
        if now >= self._all_at:
            self._all_at = now + ALL_AGAIN_S
            self._dirty |= dict.fromkeys(can_ask)
        if now >= self._busy_at:
            self._busy_at = now + LOOK_UP_S
            self._dirty |= self._busy
            self._busy = {}
        unnamed, self._unnamed = self._unnamed, {}
        dirty, self._dirty = [each for each in self._dirty if each in can_ask], {}
        names = (self._name(*where, list(object_ids)) for where, object_ids in unnamed.items())
        await asyncio.gather(*map(self._in_turn, [*names, *map(self._find, dirty)]))

    async def _in_turn(self, asking: Awaitable[None]) -> None:
        """One account that answers slowly, or not at all, does not hold up the others."""
        async with self._room:
            await asking

    async def _name(self, workspace_id: int, endpoint_id: int, livemode: bool, object_ids: Sequence[str]) -> None:
        if (key := self._key(workspace_id, endpoint_id, livemode=livemode)) is not None:
            await self.naming.find(workspace_id, object_ids, key)

    async def _find(self, workspace_id: int) -> None:
        await self.people.find_all(workspace_id, lambda each: self._key_for(workspace_id, each))

    def _key_for(self, workspace_id: int, delivery: Unknown) -> str | None:
        return self._key(workspace_id, delivery.endpoint_id, livemode=delivery.livemode)

    def _key(self, workspace_id: int, endpoint_id: int, *, livemode: bool) -> str | None:
        """The endpoint's own key; where it has none, or is gone, that of another of the same stream."""
        every = [each for each in self.directory.endpoints() if each.workspace_id == workspace_id]
        streams = {each.stream for each in every if each.id == endpoint_id}
        good = [
            each
            for each in every
            if with_key(each) and each.stream in streams and is_live(each.restricted_key or "") == livemode
        ]
        good.sort(key=lambda each: each.id != endpoint_id)
        return good[0].restricted_key if good else None

    def _endpoints(self) -> Iterator[Endpoint]:
        return (each for each in list(self.directory.endpoints()) if with_key(each))
