"""One lane for each workspace with work: when it is next due, its pacing budget and its breaker.  [SQL of `lanes`]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, case, or_, select, update

from connector.database.rows import insert_new
from connector.database.tables import lanes, queue, workspaces
from connector.events import Key
from connector.intercom.pace import Budget
from connector.outbox.breaker import Breaker
from connector.workspaces.store import Mode

SERVED = (Mode.LIVE.value, Mode.TRYING.value)
"""The modes of a workspace in which its lane is served."""
HELD_MS = 10_000
"""How long a process keeps a lane without a sign of life; its leases last longer."""


class Priority(IntEnum):
    """Of a queue row: what happens now goes before what is caught up on."""

    LIVE = 0
    HISTORY = 1


@dataclass(frozen=True, slots=True)
class Lane:
    """One row. `next_due` is that of its earliest queue row, None where it has none."""

    workspace_id: int
    next_due: int | None
    budget: Budget
    breaker: Breaker


def ring(connection: Connection, dues: Mapping[int, int]) -> None:
    """There is work for these workspaces, due at these times: an earlier one counts."""
    for workspace_id, due in sorted(dues.items()):
        insert_new(connection, lanes, [{"workspace_id": workspace_id, "next_due": None, "last_served_at": 0}])
        connection.execute(
            update(lanes)
            .where(lanes.c.workspace_id == workspace_id, or_(lanes.c.next_due.is_(None), lanes.c.next_due > due))
            .values(next_due=due)
        )


def due(connection: Connection, *, holder: Key, now: int, limit: int) -> list[Lane]:
    """Lanes that may be served now, least recently served first; on PostgreSQL no other process gets them meanwhile."""
    query = (
        select(lanes)
        .join(workspaces, workspaces.c.id == lanes.c.workspace_id)
        .where(
            lanes.c.next_due <= now,
            workspaces.c.mode.in_(SERVED),
            or_(lanes.c.blocked_until.is_(None), lanes.c.blocked_until <= now),
            or_(lanes.c.breaker_until.is_(None), lanes.c.breaker_until <= now),
            or_(lanes.c.holder.is_(None), lanes.c.holder == holder, lanes.c.held_until <= now),
        )
        .order_by(lanes.c.last_served_at, lanes.c.workspace_id)
        .limit(limit)
        .with_for_update(of=lanes, skip_locked=True)
    )
    return [_lane(row) for row in connection.execute(query).mappings()]


def locked(connection: Connection, workspace_id: int) -> Lane:
    """The lane of a workspace, for changing it in this transaction."""
    query = select(lanes).where(lanes.c.workspace_id == workspace_id).with_for_update()
    return _lane(connection.execute(query).mappings().one())


def serve(connection: Connection, lane: Lane, *, holder: Key | None, now: int) -> None:
    """Store a lane that was just served; `holder` keeps it for a while, None lets every process have it."""
    held_until = None if holder is None else now + HELD_MS
    save(connection, lane, holder=holder, held_until=held_until, last_served_at=now)


def save(connection: Connection, lane: Lane, **more: object) -> None:
    """Store a lane; whoever holds it goes on holding it."""
    connection.execute(
        update(lanes)
        .where(lanes.c.workspace_id == lane.workspace_id)
        .values(
            next_due=lane.next_due,
            breaker_failures=lane.breaker.failures,
            breaker_opened=lane.breaker.opened,
            breaker_until=lane.breaker.until,
            **asdict(lane.budget),
            **more,
        )
    )


def earliest(connection: Connection, workspace_id: int) -> int | None:
    """When the workspace's next queue row is due: one look into the index for each priority."""
    dues = (
        connection.execute(
            select(queue.c.due)
            .where(queue.c.workspace_id == workspace_id, queue.c.priority == priority)
            .order_by(queue.c.due)
            .limit(1)
        ).scalar_one_or_none()
        for priority in Priority
    )
    return min((due for due in dues if due is not None), default=None)


def next_due(connection: Connection, *, holder: Key) -> int | None:
    """When `holder` may serve the next lane: the worker's time to wake if nobody rings before."""
    held_until = case((lanes.c.holder != holder, lanes.c.held_until))
    query = (
        select(lanes.c.next_due, lanes.c.blocked_until, lanes.c.breaker_until, held_until)
        .join(workspaces, workspaces.c.id == lanes.c.workspace_id)
        .where(workspaces.c.mode.in_(SERVED), lanes.c.next_due.is_not(None))
        .order_by(lanes.c.next_due)
        .limit(100)
    )
    return min((max(at for at in row if at is not None) for row in connection.execute(query)), default=None)


def _lane(row: RowMapping) -> Lane:
    return Lane(row["workspace_id"], row["next_due"], _budget(row), _breaker(row))


def _budget(row: RowMapping) -> Budget:
    values: dict[str, Any] = {name: row[name] for name in Budget.__slots__}
    return Budget(**values)


def _breaker(row: RowMapping) -> Breaker:
    return Breaker(row["breaker_failures"], row["breaker_opened"], row["breaker_until"])
