"""How each endpoint stands, for the table that a person reads in ten seconds.  [SQL, reading only]"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from connector.database.tables import deliveries, endpoints, received_events
from connector.outbox.delivery import State
from connector.sync import state
from connector.sync.state import Place, SyncState
from connector.workspaces.modes import EndpointMode

DAY_MS = 24 * 3_600_000
LOOKED_AT = 2_000
"""The newest delivered events among which an endpoint's last one is looked for."""


@dataclass(frozen=True, slots=True)
class Line:
    """One endpoint and mode; times in milliseconds. `last_day` counts the events of 24 hours by their state."""

    state: SyncState
    source: str
    last_delivered_at: int | None
    behind_ms: int | None
    last_day: dict[str, int] = field(default_factory=dict)


def lines(connection: Connection, workspace_id: int | None = None, *, now: int) -> list[Line]:
    """Every endpoint and mode that something came of, and those of which nothing has come yet."""
    found = state.page(connection, workspace_id)
    columns = (endpoints.c.id, endpoints.c.workspace_id, endpoints.c.source, endpoints.c.mode, endpoints.c.removed_at)
    rows = connection.execute(select(*columns).order_by(endpoints.c.id)).all()
    known = {each.place.endpoint_id for each in found}
    silent = [
        SyncState(Place(row.workspace_id, row.id, row.mode != EndpointMode.TEST.value))
        for row in rows
        if row.id not in known and row.removed_at is None and workspace_id in (None, row.workspace_id)
    ]
    sources = {row.id: row.source for row in rows}
    every = sorted([*found, *silent], key=lambda each: (each.place.workspace_id, each.place.endpoint_id))
    return [_line(connection, each, sources.get(each.place.endpoint_id, "?"), now) for each in every]


def _line(connection: Connection, found: SyncState, source: str, now: int) -> Line:
    behind = None if found.reconciled_until is None else max(0, now - found.reconciled_until)
    return Line(found, source, _last_delivered(connection, found), behind, _last_day(connection, found, now))


def _last_delivered(connection: Connection, found: SyncState) -> int | None:
    place = found.place
    newest = (
        select(deliveries.c.received_key, deliveries.c.delivered_at)
        .where(deliveries.c.workspace_id == place.workspace_id, deliveries.c.state == State.DELIVERED.value)
        .order_by(deliveries.c.updated_at.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    query = select(func.max(newest.c.delivered_at)).join(
        received_events,
        (received_events.c.workspace_id == place.workspace_id) & (received_events.c.key == newest.c.received_key),
    )
    of_this = (received_events.c.endpoint_id == place.endpoint_id, received_events.c.livemode == place.livemode)
    last: int | None = connection.scalar(query.where(*of_this))
    return last


def _last_day(connection: Connection, found: SyncState, now: int) -> dict[str, int]:
    place = found.place
    query = (
        select(received_events.c.state, func.count())
        .where(
            received_events.c.workspace_id == place.workspace_id,
            received_events.c.received_at > now - DAY_MS,
            received_events.c.endpoint_id == place.endpoint_id,
            received_events.c.livemode == place.livemode,
        )
        .group_by(received_events.c.state)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
