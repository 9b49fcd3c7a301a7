"""How far mapping and delivery are behind, for metrics: two looks along an index.  [SQL, reading only]"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from connector.database.tables import lanes, received_events, workspaces
from connector.events import ReceivedState
from connector.outbox.lanes import SERVED

LOOKED_AT = 1_000
"""Events that wait to be mapped, among which the oldest is looked for."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Milliseconds; 0 where nothing waits. `unmapped_ms` is the age of what waits to be mapped.

    `overdue_ms`: for how long something that may be sent has been due.
    """

    unmapped_ms: int = 0
    overdue_ms: int = 0


def backlog(connection: Connection, *, now: int) -> Backlog:
    """How far behind everything is."""
    columns = received_events.c
    waiting = select(columns.received_at).where(columns.state == ReceivedState.RECEIVED.value).limit(LOOKED_AT)
    oldest = connection.scalar(select(func.min(waiting.subquery().c.received_at)))
    due = connection.scalar(
        select(func.min(lanes.c.next_due))
        .join(workspaces, workspaces.c.id == lanes.c.workspace_id)
        .where(
            workspaces.c.mode.in_(SERVED),
            lanes.c.next_due <= now,
            or_(lanes.c.blocked_until.is_(None), lanes.c.blocked_until <= now),
            or_(lanes.c.breaker_until.is_(None), lanes.c.breaker_until <= now),
        )
    )
    return Backlog(max(0, now - oldest) if oldest else 0, max(0, now - due) if due else 0)
