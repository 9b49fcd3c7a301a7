"""/setup: where everything stands, and the next thing to do."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection, func, select

from connector.appstore.setup.desk import Desk
from connector.appstore.web import Door, Visit
from connector.database.tables import audit, received_events
from connector.outbox import history
from connector.workspaces import endpoints
from connector.workspaces.endpoints import TRACKING, Endpoint
from connector.workspaces.modes import Mode
from connector.workspaces.vault import Vault

MOST_CHANGES = 10
KINDS = {"stripe": "Stripe", "segment": "Segment webhook", TRACKING: "Segment tracking"}


@dataclass(frozen=True, slots=True)
class Link:
    """One connection as the list shows it; `heard_at` in milliseconds."""

    endpoint: Endpoint
    kind: str
    heard_at: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """Who did what, and when (milliseconds)."""

    at: int
    actor: str
    action: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the overview shows."""

    connections: tuple[Link, ...]
    deliveries: dict[str, int]
    changes: tuple[Change, ...]


class Overview:
    """The first page."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET /setup."""
        return [web.get("/setup", self._door.page(self._show)), web.get("/setup/", self._door.page(self._show))]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        parts = self._desk.parts
        found = await parts.database.read(standing, parts.vault, visit.workspace.id)
        return self._desk.show(
            visit,
            "overview.html",
            "Set-up",
            standing=found,
            modes=Mode,
            fresh="done" in visit.request.query,
            kept=parts.settings,
        )


def standing(connection: Connection, vault: Vault, workspace_id: int) -> Standing:
    """A workspace's connections, and its deliveries by state."""
    theirs = endpoints.page(connection, vault, workspace_id=workspace_id, removed=False)
    shown = tuple(Link(each, KINDS[each.source], _heard(connection, each)) for each in theirs)
    return Standing(shown, history.count_by_state(connection, workspace_id), _changes(connection, workspace_id))


def _changes(connection: Connection, workspace_id: int) -> tuple[Change, ...]:
    query = (
        select(audit.c.at, audit.c.actor, audit.c.action)
        .where(audit.c.workspace_id == workspace_id)
        .order_by(audit.c.at.desc(), audit.c.id.desc())
        .limit(MOST_CHANGES)
    )
    return tuple(Change(row.at, row.actor, row.action.replace("_", " ")) for row in connection.execute(query))


def _heard(connection: Connection, endpoint: Endpoint) -> int | None:
    """When something last came by this endpoint: the newest of the latest thousand, one walk along the index."""
    latest = (
        select(received_events.c.endpoint_id, received_events.c.received_at)
        .where(received_events.c.workspace_id == endpoint.workspace_id)
        .order_by(received_events.c.received_at.desc())
        .limit(1_000)
        .subquery()
    )
    newest = select(func.max(latest.c.received_at)).where(latest.c.endpoint_id == endpoint.id)
    found: int | None = connection.scalar(newest)
    return found
