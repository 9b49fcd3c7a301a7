"""/console/: is it well? Each workspace in numbers, its plots, pace and breaker, and what somebody should look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection, select

from connector.console import plot
from connector.console.access import Place, Route, Visit
from connector.console.plot import Bars, Line
from connector.console.roles import Role
from connector.database.tables import lanes
from connector.inbox import browse as inbox
from connector.outbox import alerts, browse, bulk, hours, reasons
from connector.outbox.alerts import Alert
from connector.outbox.delivery import State
from connector.outbox.hours import Hour
from connector.workspaces import endpoints as endpoint_sql
from connector.workspaces.endpoints import Endpoint
from connector.workspaces.vault import Vault

SHOWN = 20
"""Workspaces on one page."""
COUNTED = (State.DUE, State.WAITING, State.PARKED, State.HELD, State.DEAD)


@dataclass(frozen=True, slots=True)
class Pace:
    """A workspace's lane: Intercom's limit for ten seconds, what is left of it, and whether it is left alone."""

    limit: int | None
    remaining: int | None
    blocked_until: int | None
    breaker_failures: int
    breaker_until: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """One endpoint; `heard_at` in milliseconds, of the newest thousand events."""

    endpoint: Endpoint
    heard_at: int | None
    heard: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One workspace as the overview shows it."""

    place: Place
    states: Mapping[State, int]
    hours: tuple[Hour, ...]
    oldest_due: int | None
    pace: Pace | None
    sources: tuple[Source, ...]
    alerts: tuple[Alert, ...]

    @property
    def received(self) -> int:
        """In the last 24 hours."""
        return sum(hour.received for hour in self.hours)

    @property
    def delivered(self) -> int:
        """In the last 24 hours."""
        return sum(hour.delivered for hour in self.hours)

    @property
    def came(self) -> Bars:
        return plot.bars([each.received for each in self.hours], self._labels("received"), top=self.highest)

    @property
    def went(self) -> Bars:
        return plot.bars([each.delivered for each in self.hours], self._labels("delivered"), top=self.highest)

    @property
    def highest(self) -> int:
        return max(1, *(max(each.received, each.delivered) for each in self.hours))

    @property
    def slowest(self) -> int:
        """The highest latency that is plotted, in milliseconds."""
        return max(1, *(each.p95_ms or 0 for each in self.hours))

    @property
    def p50(self) -> Line:
        return plot.line([each.p50_ms for each in self.hours], top=self.slowest)

    @property
    def p95(self) -> Line:
        return plot.line([each.p95_ms for each in self.hours], top=self.slowest)

    def _labels(self, what: str) -> list[str]:
        return [f"{each.hour % 24:02}:00 UTC: {getattr(each, what):,} {what}" for each in self.hours]


class Overview:
    """The first page, whole or as the fragment that refreshes it."""

    def routes(self) -> list[Route]:
        """GET /console/, with ?fragment=1 without its frame."""
        return [Route("GET", "/console/", Role.VIEWER, self._show)]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        start = int(visit.query["from"]) if visit.query.get("from", "").isdecimal() else 0
        shown = visit.places[start : start + SHOWN]
        now, read = visit.parts.now(), visit.parts.database.read
        found = [await read(standing, visit.parts.vault, place, now=now) for place in shown]
        template = "overview_fragment.html" if "fragment" in visit.query else "overview.html"
        following = start + SHOWN if len(visit.places) > start + SHOWN else None
        service = await read(alerts.open_alerts, alerts.THE_SERVICE)
        return visit.show(
            template,
            "Overview",
            standings=found,
            service_alerts=service,
            now=now,
            following=following,
            start=start,
            meanings=reasons.DELIVERY_STATES,
        )


def standing(connection: Connection, vault: Vault, place: Place, *, now: int) -> Standing:
    """A workspace, in some look-ups along indexes."""
    return Standing(
        place,
        {state: browse.count_up_to(connection, place.id, state) for state in COUNTED},
        tuple(hours.last(connection, place.id, now=now)),
        bulk.oldest_due(connection, place.id),
        _pace(connection, place.id),
        sources(connection, vault, place.id),
        tuple(alerts.open_alerts(connection, place.id)),
    )


def _pace(connection: Connection, workspace_id: int) -> Pace | None:
    columns = lanes.c
    query = select(
        columns.window_limit, columns.remaining, columns.blocked_until, columns.breaker_failures, columns.breaker_until
    )
    row = connection.execute(query.where(columns.workspace_id == workspace_id)).one_or_none()
    return None if row is None else Pace(*row)


def sources(connection: Connection, vault: Vault, workspace_id: int) -> tuple[Source, ...]:
    """A workspace's endpoints, and what came by each among the newest thousand events."""
    newest = inbox.browse(connection, inbox.Wanted(workspace_id), before=None, limit=1_000).items
    heard: dict[int, list[int]] = {}
    for event in newest:
        heard.setdefault(event.endpoint_id, []).append(event.received_at)
    theirs = endpoint_sql.page(connection, vault, workspace_id=workspace_id, removed=False)
    return tuple(
        Source(each, max(heard.get(each.id, ()), default=None), len(heard.get(each.id, ()))) for each in theirs
    )
