"""How much came in and went out in each hour: counted once an hour is over, by a chore.  [SQL of `hours`]

Pages then read 24 rows and count the present hour alone, however much there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, func, select

from connector.database.engine import Database
from connector.database.rows import insert_new
from connector.database.tables import deliveries, hours, received_events, workspaces
from connector.outbox.delivery import State

HOUR_MS = 3_600_000
SHOWN = 24
SAMPLE = 500
"""Deliveries of an hour from which its latencies are told."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour (since 1970, UTC); latencies from mapped to accepted by Intercom, None where nothing was."""

    hour: int
    received: int = 0
    delivered: int = 0
    dead: int = 0
    p50_ms: int | None = None
    p95_ms: int | None = None


def last(connection: Connection, workspace_id: int, *, now: int) -> list[Hour]:
    """The last 24 hours, the oldest first; the one that runs is counted now."""
    here = now // HOUR_MS
    query = select(hours).where(hours.c.workspace_id == workspace_id, hours.c.hour > here - SHOWN, hours.c.hour < here)
    known = {row.hour: Hour(*row[1:]) for row in connection.execute(query)}
    known[here] = count(connection, workspace_id, here)
    return [known.get(hour, Hour(hour)) for hour in range(here - SHOWN + 1, here + 1)]


def count(connection: Connection, workspace_id: int, hour: int) -> Hour:
    """One hour, from its rows."""
    start, end = hour * HOUR_MS, (hour + 1) * HOUR_MS
    of = (deliveries.c.workspace_id == workspace_id, deliveries.c.updated_at >= start, deliveries.c.updated_at < end)
    delivered = (*of, deliveries.c.state == State.DELIVERED.value)
    took = select(deliveries.c.delivered_at - deliveries.c.mapped_at).where(*delivered)
    sample = sorted(
        max(0, each or 0) for each in connection.scalars(took.order_by(deliveries.c.updated_at).limit(SAMPLE))
    )
    came = (
        received_events.c.workspace_id == workspace_id,
        received_events.c.received_at >= start,
        received_events.c.received_at < end,
    )
    return Hour(
        hour,
        _count(connection, received_events, came),
        _count(connection, deliveries, delivered),
        _count(connection, deliveries, (*of, deliveries.c.state == State.DEAD.value)),
        sample[len(sample) // 2] if sample else None,
        sample[len(sample) * 95 // 100] if sample else None,
    )


def _count(connection: Connection, table: Table, where: Sequence[ColumnElement[bool]]) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0


async def turn(database: Database) -> None:
    """Count what is over and not counted yet, of each workspace; several processes may do it at once."""
    now = database.clock.now()
    for workspace_id in await database.read(_workspaces):
        for hour in await database.read(_missing, workspace_id, now=now):
            counted = await database.read(count, workspace_id, hour)
            await database.transact(_keep, workspace_id, counted)


def _workspaces(connection: Connection) -> Sequence[int]:
    return connection.scalars(select(workspaces.c.id).order_by(workspaces.c.id)).all()


def _missing(connection: Connection, workspace_id: int, *, now: int) -> list[int]:
    here = now // HOUR_MS
    recent = select(hours.c.hour).where(hours.c.workspace_id == workspace_id, hours.c.hour >= here - SHOWN)
    known = set(connection.scalars(recent))
    return [hour for hour in range(here - SHOWN, here) if hour not in known]


def _keep(connection: Connection, workspace_id: int, hour: Hour) -> None:
    row = {"workspace_id": workspace_id, **{name: getattr(hour, name) for name in Hour.__slots__}}
    insert_new(connection, hours, [row])
