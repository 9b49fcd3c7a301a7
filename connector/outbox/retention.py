"""Keeping the database from growing for ever: what is old goes, workspace by workspace, a little at a time.

One process does it for all, every ten minutes (`ticks`); each step is one short transaction, with a pause behind it in
which ingest and delivery have the database to themselves. A kill at any point loses nothing: the next turn goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from connector.database import partitions, ticks
from connector.database.engine import Database
from connector.database.partitions import Partition
from connector.errors import Unavailable
from connector.outbox import prune
from connector.outbox.prune import FIRST, Place
from connector.settings import Settings
from connector.workspaces import audit

DAY_MS = 86_400_000
KEYS_KEPT_DAYS = 400
"""For which a repeated webhook is recognised: longer than a year, after which yearly things come again."""
TASK, EVERY_MS = "retention", 600_000
BODIES, ROWS = 200, 500
"""In one transaction: about a megabyte of bodies; rows that a transaction changes in a few milliseconds."""
PAUSE_S = 0.02
TURN_S = 120.0
"""For which one turn lasts at most; the next goes on."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Before which time (milliseconds) what is old."""

    bodies: int
    attempts: int
    deliveries: int
    keys: int

    @classmethod
    def of(cls, settings: Settings, *, now: int) -> Keep:
        """By the settings, at `now`."""
        days = (settings.keep_bodies_days, settings.keep_attempts_days, settings.keep_deliveries_days)
        longest = max(KEYS_KEPT_DAYS, *days)
        return cls(*(now - count * DAY_MS for count in (*days, longest)))


async def turn(database: Database, settings: Settings) -> Counter[str] | None:
    """One turn, if it is ours; what was removed."""
    now = database.clock.now()
    if not await database.transact(ticks.take, TASK, every_ms=EVERY_MS, now=now):
        return None
    return await Retention(database, Keep.of(settings, now=now), now, seconds=TURN_S).run()


@dataclass
class Retention:
    """One turn: `keep` says what is old, `seconds` how long it may last; None is until all is done."""

    database: Database
    keep: Keep
    now: int
    seconds: float | None = None

    async def run(self) -> Counter[str]:
        """Remove what is old; how much of each kind that was."""
        self._ends = None if self.seconds is None else time.monotonic() + self.seconds
        removed: Counter[str] = Counter()
        if self.database.many_processes:
            removed["partitions"] = await self._partitions()
        for workspace_id in await self.database.read(prune.workspace_ids):
            removed.update(await self._of_workspace(workspace_id))
            if self._over:
                break
        return removed

    @property
    def _over(self) -> bool:
        return self._ends is not None and time.monotonic() > self._ends

    async def _of_workspace(self, workspace_id: int) -> dict[str, int]:
        return {
            "expired": await self._expire(workspace_id),
            "bodies": await self._bodies(workspace_id),
            "attempts": await self._finished(workspace_id, "attempts", self.keep.attempts, prune.remove_attempts),
            "emptied": await self._finished(workspace_id, "emptied", self.keep.deliveries, prune.empty),
            "deliveries": await self._finished(workspace_id, "deliveries", self.keep.keys, prune.remove_deliveries),
            "events": await self._events(workspace_id),
        }

    async def _expire(self, workspace_id: int) -> int:
        read, before, count = self.database.read, self.keep.deliveries, 0
        while ids := await read(prune.standing_still, workspace_id, before=before, limit=ROWS):
            count += await self.database.transact(prune.expire, ids, before=before, now=self.now)
            await asyncio.sleep(PAUSE_S)
            if self._over:
                break
        if count:
            await self.database.transact(
                audit.record,
                workspace_id,
                actor="retention",
                action="deliveries.expire",
                detail={"done": count},
                now=self.now,
            )
        return count

    async def _bodies(self, workspace_id: int) -> int:
        before = self.keep.bodies
        if self.database.many_processes:  # what goes with its partition, once its day is over, is not removed by itself
            before -= before % DAY_MS

        async def find(after: Place) -> Sequence[Place]:
            return await self.database.read(prune.old_bodies, workspace_id, before=before, after=after, limit=BODIES)

        async def remove(places: Sequence[Place]) -> int:
            return await self.database.transact(prune.remove_bodies, workspace_id, places)

        return (await self._walk(find, remove))[0]

    async def _events(self, workspace_id: int) -> int:
        async def find(after: Place) -> Sequence[Place]:
            return await self.database.read(
                prune.old_events, workspace_id, before=self.keep.keys, after=after, limit=ROWS
            )

        async def remove(places: Sequence[Place]) -> int:
            return await self.database.transact(prune.remove_events, workspace_id, places)

        return (await self._walk(find, remove))[0]

    async def _finished(self, workspace_id: int, task: str, before: int, change: Callable[..., int]) -> int:
        """Do it to what became final since the last time and before `before`; remember how far that came."""
        since = await self.database.read(prune.until, workspace_id, task)

        async def find(after: Place) -> Sequence[Place]:
            return await self.database.read(
                prune.finished, workspace_id, since=since, before=before, after=after, limit=ROWS
            )

        async def remove(places: Sequence[Place]) -> int:
            return await self.database.transact(change, workspace_id, places, before=before)

        count, whole = await self._walk(find, remove)
        if whole and before > since:
            await self.database.transact(prune.done_until, workspace_id, task, until=before)
        return count

    async def _walk(
        self,
        find: Callable[[Place], Awaitable[Sequence[Place]]],
        remove: Callable[[Sequence[Place]], Awaitable[int]],
    ) -> tuple[int, bool]:
        """How many were removed, and whether that was all."""
        count, last = 0, FIRST
        while places := await find(last):
            count += await remove(places)
            last = places[-1]
            await asyncio.sleep(PAUSE_S)
            if self._over:
                return count, False
        return count, True

    async def _partitions(self) -> int:
        """Make those of the days to come, and drop those in which all is old and nothing is needed."""
        for lacking in await self.database.read(partitions.lacking, self.now):
            await self._shortly(partitions.make, lacking)
        dropped = 0
        for old in await self.database.read(partitions.found):
            if old.ends <= self.keep.bodies and not await self.database.read(prune.holds_needed, old):
                dropped += await self._shortly(_drop_unneeded, old)
        return dropped

    async def _shortly(
        self, work: Callable[[Connection, partitions.Partition], None], each: partitions.Partition
    ) -> bool:
        """Whether it was done; what does not get its lock at once is left to the next turn."""
        try:
            await self.database.transact(work, each)
        except (Unavailable, DBAPIError):
            return False
        return True


def _drop_unneeded(connection: Connection, partition: Partition) -> None:
    """Looked at once more under the lock: an event may have been replayed since."""
    partitions.lock(connection, partition)
    if prune.holds_needed(connection, partition):
        raise Unavailable("a body in it is needed again")
    partitions.drop(connection, partition)
