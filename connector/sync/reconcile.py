"""Comparing with Stripe's own list of events, on schedule: what no webhook brought goes into the inbox as if one had.

The same stream and the same key as the webhook's: whichever comes second is a repeat, also where the two look
different. One process does an endpoint's turn (`ticks`); if it dies over it, the next turn begins where it came to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from connector.database import ticks
from connector.database.clock import wall
from connector.database.engine import Database
from connector.errors import DatabaseError
from connector.inbox.arrivals import Arrival, insert, new_among
from connector.inbox.receive import admitted
from connector.inbox.sources import stripe
from connector.mapping.catalog import Catalog
from connector.stripe_api.answers import Missing, NoAnswer, Refused, TryLater
from connector.stripe_api.client import StripeApi, is_live
from connector.stripe_api.events import Listed
from connector.sync import state
from connector.sync.plan import Look, Stride, look, offset_ms
from connector.sync.state import Place
from connector.sync.walk import Portion, event_taking, walk
from connector.sync.wanted_types import wanted_types
from connector.telemetry.facts import AlertOpened, Reconciled, StageFailed, Tell
from connector.workspaces.directory import Directory
from connector.workspaces.endpoints import Endpoint

LOOK_UP_S = 1.0
AT_ONCE = 8
"""Endpoints that are looked at side by side."""
PATIENCE_S = 60.0
WRITTEN_AT_ONCE = 100
"""Events in one transaction: webhooks wait for it."""


@dataclass
class Tally:
    """What one look has come to so far."""

    listed: int = 0
    found: int = 0


@dataclass
class Reconciler:
    """Looks at each endpoint that has a key every `every_s`; `arrived` is rung when something was found."""

    database: Database
    directory: Directory
    api: StripeApi
    catalog: Callable[[], Catalog]
    tell: Tell
    arrived: Callable[[], None]
    every_s: float
    name_all: Callable[[Place, str], Awaitable[None]] | None = None
    """The first thing after an account is connected: what everything in it is called."""
    patience_s: float = PATIENCE_S
    _ticks: dict[int, int] = field(default_factory=dict)
    _running: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Reconcile until cancelled; those that are being looked at go on from there at the next start."""
        try:
            while True:
                for endpoint in self._due(wall()):
                    self._running[endpoint.id] = asyncio.create_task(self._turn(endpoint))
                await asyncio.sleep(min(LOOK_UP_S, self.every_s / 2))
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _due(self, now: int) -> list[Endpoint]:
        """Endpoints whose turn has come and is not known to be taken, as many as there is room for."""
        self._running = {number: task for number, task in self._running.items() if not task.done()}
        due = (each for each in self.directory.endpoints() if with_key(each) and each.id not in self._running)
        waiting = [each for each in due if self._ticks.get(each.id) != self._tick(each, now)]
        return waiting[: AT_ONCE - len(self._running)]

    def _tick(self, endpoint: Endpoint, now: int) -> int:
        return (now + offset_ms(_task(endpoint), self._every_ms)) // self._every_ms

    @property
    def _every_ms(self) -> int:
        return round(self.every_s * 1000)

    async def _turn(self, endpoint: Endpoint) -> None:
        now = wall()
        self._ticks[endpoint.id] = self._tick(endpoint, now)
        turn = now + offset_ms(_task(endpoint), self._every_ms)
        try:
            if await self.database.transact(ticks.take, _task(endpoint), every_ms=self._every_ms, now=turn):
                await self.reconcile(endpoint)
        except (DatabaseError, OSError) as error:
            self.tell(StageFailed("reconcile", error))

    async def reconcile(self, endpoint: Endpoint) -> Tally:
        """Compare once with what Stripe lists, from where the last look came to."""
        place, now = place_of(endpoint), wall()
        before = await self.database.read(state.load, place)
        if before.named_at is None and self.name_all is not None:
            await self.name_all(place, endpoint.restricted_key or "")
        known = None if before.reconciled_until is None else before.reconciled_until // 1000
        plan = look(reconciled_until=known, connected_at=endpoint.created_at // 1000, now=now // 1000)
        tally, outcome = Tally(), "done"
        if plan is not None:
            await self._note_gap(place, plan)
            outcome = await self._walk(endpoint, plan, tally)
        behind = wall() - ((await self.database.read(state.load, place)).reconciled_until or now)
        self.tell(
            Reconciled(*_ids(place), outcome=outcome, listed=tally.listed, found=tally.found, behind_s=behind / 1000)
        )
        return tally

    async def _note_gap(self, place: Place, plan: Look) -> None:
        if plan.gap is not None:
            gap = (plan.gap[0] * 1000, plan.gap[1] * 1000)
            self._alert(await self.database.transact(state.save_gap, place, gap, now=wall()))

    async def _walk(self, endpoint: Endpoint, plan: Look, tally: Tally) -> str:
        """One stable word for how it ended."""
        place, key = place_of(endpoint), endpoint.restricted_key or ""
        take = event_taking(self.api, key, wanted_types(self.catalog()), patience_s=self.patience_s)
        async for portion in walk(take, plan.since, plan.until, Stride(plan.until - plan.since + 1)):
            if not isinstance(portion, Portion):
                return await self._stopped(place, portion)
            found = await take_in(self.database, endpoint, portion, place)
            tally.listed += len(portion.items)
            tally.found += found
            if found:
                self.arrived()
        await self.database.transact(state.save_end, place, now=wall())
        return "done"

    async def _stopped(self, place: Place, why: NoAnswer) -> str:
        match why:
            case TryLater():
                return why.why
            case Refused():
                words = f"{why.reason}: {why.permission or why.words}"
                self._alert(await self.database.transact(state.save_trouble, place, words, now=wall()))
                return why.reason
            case Missing():
                return "missing"

    def _alert(self, alert: state.Alert | None) -> None:
        if alert is not None:
            self.tell(AlertOpened(alert.workspace_id, alert.kind, alert.subject, alert.detail))


async def take_in(database: Database, endpoint: Endpoint, portion: Portion[Listed], place: Place) -> int:
    """Store what is new of a portion, and that everything until its end has been looked at; how many were new."""
    now = wall()
    arrivals = [arrival(endpoint, each.body, now) for each in portion.items]
    new = await database.read(new_among, arrivals) if arrivals else []
    for start in range(0, len(new), WRITTEN_AT_ONCE):
        await database.write(insert, new[start : start + WRITTEN_AT_ONCE])
    done = portion.until * 1000 + 999
    await database.transact(state.save_progress, place, until=done, listed=len(arrivals), found=len(new))
    return len(new)


def arrival(endpoint: Endpoint, body: bytes, now: int) -> Arrival:
    """A listed event on its way into the inbox, as its webhook would be."""
    event = admitted(stripe.event(body), endpoint.mode)
    return Arrival(endpoint.workspace_id, endpoint.id, endpoint.stream, event, now)


def with_key(endpoint: Endpoint) -> bool:
    """Whether Stripe can be asked on its behalf."""
    return endpoint.source == "stripe" and not endpoint.removed and bool(endpoint.restricted_key)


def place_of(endpoint: Endpoint) -> Place:
    """Its state is that of the mode that its key opens."""
    return Place(endpoint.workspace_id, endpoint.id, is_live(endpoint.restricted_key or ""))


def _task(endpoint: Endpoint) -> str:
    return f"reconcile {endpoint.id}"


def _ids(place: Place) -> tuple[int, int, bool]:
    return place.workspace_id, place.endpoint_id, place.livemode
