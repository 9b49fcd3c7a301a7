"""Taking in what happened before: from Stripe's list of events, from its objects further back, from files of Segment's.

Everything goes through the inbox like a webhook, with the priority of history: mapped and delivered behind what is
live. A portion and how far it brings us are written one after the other, and a portion that is taken in again is
known: a backfill may be killed at any point and asked for again. It is never more than ten thousand events ahead of
delivery.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from connector.database.clock import wall
from connector.database.engine import Database
from connector.events import Priority, SourceEvent
from connector.inbox.arrivals import Arrival, insert, new_among
from connector.inbox.receive import admitted
from connector.inbox.sources import stripe
from connector.mapping.catalog import Catalog
from connector.mapping.dialect import DIALECTS
from connector.stripe_api import objects
from connector.stripe_api.answers import Found, NoAnswer, TryLater
from connector.stripe_api.client import StripeApi, is_live
from connector.stripe_api.events import KEPT_S
from connector.stripe_api.objects import Thing
from connector.sync import archive, backfills, synthetic
from connector.sync.backfills import Backfill, Request
from connector.sync.plan import LAG_S, MARGIN_S, Stride
from connector.sync.synthetic import KINDS, Kind, Made
from connector.sync.walk import MOST_PAGES, Portion, Step, TooMuch, event_taking, walk
from connector.sync.wanted_types import LEARNT
from connector.workspaces.endpoints import Endpoint

MOST_AHEAD = 10_000
"""Undelivered events of history that a workspace may have."""
WRITTEN_AT_ONCE = 100
LINES_AT_ONCE = 1_000
PATIENCE_S = 120.0
LOOK_UP_S = 0.2
FIRST_STRIDE = Stride(30 * 24 * 3600)
LISTED_S = 89 * 24 * 3600
"""What is older goes to Intercom in counts, where that is wished for: it lists events of less than 90 days."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A portion on its way in: its events, what was left out of it, and the cursor behind it.

    `position` is how far that is, 0 … 1.
    """

    events: tuple[SourceEvent, ...]
    skipped: int
    cursor: Mapping[str, Any]
    position: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """It cannot go on; asked for again, it goes on from here."""

    why: NoAnswer


@dataclass(frozen=True, slots=True)
class Progress:
    """What a progress bar shows. `ahead` is what is not delivered yet, set while that is waited for; `to_map` what is
    not mapped yet, while that is.
    """

    position: float
    read: int
    new: int
    ahead: int | None = None
    to_map: int | None = None


Show = Callable[[Progress], None]
Portions = AsyncIterator[Taken | Stopped]


@dataclass
class Runner:
    """Takes in one backfill. `rate` is the most events a second that are read, None for as fast as it goes; `check`
    raises where another command may be at it; `summarise` follows when all is in and what is to be counted is mapped.
    """

    database: Database
    endpoint: Endpoint
    backfill: Backfill
    rate: float | None = None
    show: Show = lambda _: None
    most_ahead: int = MOST_AHEAD
    check: Callable[[], None] = lambda: None
    summarise: Callable[[], Awaitable[None]] | None = None
    read: int = 0
    new: int = 0
    _started: float = field(default_factory=time.monotonic)

    async def run(self, portions: Portions) -> Backfill | Stopped:
        """Take in all portions; the backfill as it ended, or why it did not."""
        async for portion in portions:
            if isinstance(portion, Stopped):
                return portion
            self.check()
            await self._take_in(portion)
            await self._in_pace(portion.position)
        if self.summarise is not None:
            await self._mapped()
            await self.summarise()
        return await self.database.transact(backfills.finish, self.backfill.request, now=wall())

    async def _take_in(self, portion: Taken) -> None:
        now, new = wall(), 0
        arrivals = [self._arrival(each, now) for each in portion.events]
        for start in range(0, len(arrivals), WRITTEN_AT_ONCE):
            some = arrivals[start : start + WRITTEN_AT_ONCE]
            unknown = await self.database.read(new_among, some)
            await self._room(portion.position)
            if unknown:
                await self.database.write(insert, unknown)
            new += len(unknown)
        self.read += len(arrivals)
        self.new += new
        counts = {"read": len(arrivals), "new": new, "skipped": portion.skipped}
        cursor = {**portion.cursor, "position": round(portion.position, 4)}
        await self.database.transact(backfills.advance, self.backfill.request, cursor, **counts, now=wall())
        self.show(Progress(portion.position, self.read, self.new))

    def _arrival(self, event: SourceEvent, now: int) -> Arrival:
        endpoint = self.endpoint
        taken = admitted(event, endpoint.mode) if event.source == "stripe" else event
        return Arrival(endpoint.workspace_id, endpoint.id, endpoint.stream, taken, now, self._priority(event))

    def _priority(self, event: SourceEvent) -> Priority:
        """By when the backfill began, so that one which goes on later decides alike."""
        counted = self.backfill.request.summaries and is_old(event, began=self.backfill.started_at)
        return Priority.SUMMARY if counted else Priority.HISTORY

    async def _mapped(self) -> None:
        """Wait until the service has mapped all that is to be counted."""
        while waiting := await self.database.read(backfills.to_map, self.endpoint.workspace_id, most=self.most_ahead):
            self.check()
            self.show(Progress(1.0, self.read, self.new, to_map=waiting))
            await asyncio.sleep(LOOK_UP_S)

    async def _room(self, position: float) -> None:
        """Wait until enough of what was taken in before is delivered: where it has to, for a fifth of it at once, so
        that the service maps whole batches and not every hundred by itself.
        """
        most = self.most_ahead - WRITTEN_AT_ONCE
        while (ahead := await self.database.read(backfills.ahead, self.endpoint.workspace_id, most=most + 1)) > most:
            most = self.most_ahead * 4 // 5 - WRITTEN_AT_ONCE
            self.check()
            self.show(Progress(position, self.read, self.new, ahead))
            await asyncio.sleep(LOOK_UP_S)

    async def _in_pace(self, position: float) -> None:
        if self.rate:
            early = self._started + self.read / self.rate - time.monotonic()
            if early > 0:
                self.show(Progress(position, self.read, self.new))
                await asyncio.sleep(early)


def is_old(event: SourceEvent, *, began: int) -> bool:
    """Whether Intercom may list it no more; `began` in milliseconds."""
    return event.occurred_at is not None and event.occurred_at < began // 1000 - LISTED_S


def safe_types(catalog: Catalog, wanted: Sequence[str]) -> tuple[str, ...]:
    """The types that objects may be turned into: each entry that takes one says by `once` what makes it one fact.

    One that no entry takes is of use only where it teaches who is who.
    """
    taken = {each: catalog.select("stripe", each) for each in synthetic.TYPES if not wanted or each in wanted}
    useful = {each: entries for each, entries in taken.items() if entries or each in LEARNT}
    return tuple(each for each, entries in useful.items() if all(entry.once for entry in entries))


@dataclass(frozen=True)
class StripeHistory:
    """Portions of an account's history: objects as far back as the list of events does not reach, then events."""

    api: StripeApi
    key: str
    request: Request
    types: tuple[str, ...]
    """Of events; none is all."""
    safe: tuple[str, ...]
    """Of objects."""
    patience_s: float = PATIENCE_S

    async def portions(self, cursor: Mapping[str, Any] | None) -> Portions:
        """From behind `cursor` on."""
        listed_from = max(self.request.since, wall() // 1000 - KEPT_S + MARGIN_S)
        until = min(self.request.until or 0, wall() // 1000 - LAG_S)
        phases = [
            kind for kind in KINDS if self.request.since < listed_from and not set(self.safe).isdisjoint(kind.types)
        ]
        at = cursor or {"phase": phases[0].name if phases else "events", "until": None}
        names = [*(kind.name for kind in phases), "events"]
        for number, name in enumerate(names):
            if name == at["phase"]:
                phases, names, done = phases[number:], names[number:], number
                break
        else:
            done = 0
        total = done + len(names)
        for number, name in enumerate(names):
            begun = at["until"] if name == at["phase"] else None
            place = (done + number, total)
            steps = (
                self._events(begun, listed_from, until, place)
                if name == "events"
                else self._objects(phases[number], begun, listed_from - 1, place)
            )
            async for portion in steps:
                yield portion
                if isinstance(portion, Stopped):
                    return

    async def _events(self, begun: int | None, since: int, until: int, place: tuple[int, int]) -> Portions:
        take = event_taking(self.api, self.key, self.types, patience_s=self.patience_s)
        first = since if begun is None else begun + 1
        async for step in walk(take, first, until, Stride(max(1, until - first + 1))):
            if isinstance(step, Portion):
                events = tuple(stripe.event(each.body) for each in step.items)
                yield _taken(events, 0, "events", step.until, since, until, place)
            else:
                yield Stopped(step)

    async def _objects(self, kind: Kind, begun: int | None, until: int, place: tuple[int, int]) -> Portions:
        first = max(0, self.request.since - kind.made_before_s)
        start = first if begun is None else begun + 1
        async for step in walk(self._taking(kind), start, until, FIRST_STRIDE):
            if not isinstance(step, Portion):
                yield Stopped(step)
                return
            made: list[Made] = []
            for thing in step.items:
                refunds = await self._refunds(thing)
                if not isinstance(refunds, list):
                    yield Stopped(refunds)
                    return
                made += synthetic.events_of(thing, live=is_live(self.key), refunds=refunds)
            good = [each for each in made if each.type in self.safe and self.request.since <= each.created <= until]
            events = tuple(stripe.event(each.body) for each in sorted(good, key=lambda each: each.created))
            yield _taken(events, len(step.items) - len(good), kind.name, step.until, first, until, place)

    def _taking(self, kind: Kind) -> Callable[[int, int, bool], Awaitable[Step[Thing]]]:
        async def take(since: int, until: int, whole: bool) -> Step[Thing]:
            things: list[Thing] = []
            after = None
            for number in range(1_000_000):
                if number >= MOST_PAGES and not whole:
                    return TooMuch()
                answer = await objects.page(
                    self.api, self.key, kind.name, since=since, until=until, after=after, params=kind.params,
                    patience_s=self.patience_s,
                )  # fmt: skip
                if not isinstance(answer, Found):
                    return answer
                things += answer.value.things
                if not answer.value.more or not answer.value.things:
                    break
                after = answer.value.things[-1].id
            return tuple(reversed(things))

        return take

    async def _refunds(self, thing: Thing) -> list[Mapping[str, Any]] | NoAnswer:
        """All refunds of a refund's charge; only where it has several is it asked for them."""
        charge = thing.values.get("charge")
        if thing.kind != "refund" or not isinstance(charge, Mapping):
            return []
        if charge.get("amount_refunded") == thing.values.get("amount"):
            return [thing.values]
        answer = await objects.page(
            self.api, self.key, "refund", since=0, until=wall() // 1000, params={"charge": charge.get("id")}
        )
        return [each.values for each in answer.value.things] if isinstance(answer, Found) else answer


def _taken(
    events: tuple[SourceEvent, ...],
    skipped: int,
    phase: str,
    at: int,
    first: int,
    last: int,
    place: tuple[int, int],
) -> Taken:
    part = (at - first) / max(1, last - first)
    position = (place[0] + min(1.0, part)) / place[1]
    return Taken(events, max(0, skipped), {"phase": phase, "until": at}, position)


@dataclass(frozen=True)
class FileHistory:
    """Portions of files of Segment's, in the order of their names."""

    request: Request

    async def portions(self, cursor: Mapping[str, Any] | None) -> Portions:
        """From behind `cursor` on; reading is done on a thread."""
        found = await asyncio.to_thread(archive.files, Path(self.request.path or ""))
        sizes = [each.stat().st_size for each in found]
        for number, path in enumerate(found):
            if cursor is not None and str(path) < str(cursor["file"]):
                continue
            start = int(cursor["end"]) if cursor is not None and str(path) == cursor["file"] else 0
            lines = archive.lines(path, start=start)
            while some := await asyncio.to_thread(lambda: list(islice(lines, LINES_AT_ONCE))):  # noqa: B023
                events = tuple(self._wanted(some))
                end = some[-1].end
                position = (sum(sizes[:number]) + min(sizes[number], end)) / max(1, sum(sizes))
                yield Taken(events, len(some) - len(events), {"file": str(path), "end": end}, position)

    def _wanted(self, lines: Iterable[archive.Line]) -> Iterable[SourceEvent]:
        normal = DIALECTS["segment"].normal
        types = {normal(each) for each in self.request.types}
        for line in lines:
            event = line.event
            if event is None or (types and normal(event.type) not in types):
                continue
            moment = event.occurred_at
            if moment is None or self.request.since <= moment <= (self.request.until or moment):
                yield event


def retry_at(stopped: Stopped) -> int | None:
    """When it may go on by itself (milliseconds), None where somebody has to act."""
    return stopped.why.at if isinstance(stopped.why, TryLater) else None
