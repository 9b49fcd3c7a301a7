"""What is old is removed in small steps, each a short transaction; what may still be needed never is.  [SQL]

- The bytes of an event go once nothing of it is on its way: it is mapped, and each of its deliveries is final.
- A finished delivery is emptied (what it said, to whom, its tries): its row stays as the key by which a repetition is
  recognised, until all keys of that age go.
- What stood still for as long is given up, so that it is finished one day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select, tuple_, update

from connector.database.partitions import Partition
from connector.database.rows import upsert
from connector.database.tables import (
    attempts,
    bodies,
    deliveries,
    queue,
    received_events,
    retention,
    seconds,
    workspaces,
)
from connector.events import Key, ReceivedState
from connector.outbox import queue as queue_sql
from connector.outbox.delivery import FINAL, State
from connector.outbox.queue import Id, among

STANDING_STILL = (State.WAITING, State.HELD, State.PARKED)
Place = tuple[int, Key]
"""(time, key) of the last row looked at."""
FIRST: Place = (-1, b"")

_final = deliveries.c.state.in_([state.value for state in FINAL])


def workspace_ids(connection: Connection) -> list[int]:
    """Every workspace that there has been."""
    return list(connection.scalars(select(workspaces.c.id).order_by(workspaces.c.id)))


def until(connection: Connection, workspace_id: int, task: str) -> int:
    """Up to which time (milliseconds) `task` has been done for a workspace."""
    query = select(retention.c.until_at).where(retention.c.workspace_id == workspace_id, retention.c.task == task)
    return connection.scalar(query) or 0


def done_until(connection: Connection, workspace_id: int, task: str, *, until: int) -> None:
    """Everything of a workspace that is older has been dealt with."""
    row = {"workspace_id": workspace_id, "task": task, "until_at": until}
    upsert(connection, retention, [row], changes=("until_at",))


# ── what has stood still for too long ───────────────────────────────────────────────────────────────────────────────


def standing_still(connection: Connection, workspace_id: int, *, before: int, limit: int) -> list[Id]:
    """Deliveries that nothing has happened to since `before`."""
    query = select(deliveries.c.id).where(
        deliveries.c.workspace_id == workspace_id,
        deliveries.c.state.in_([state.value for state in STANDING_STILL]),
        deliveries.c.updated_at < before,
    )
    return [(workspace_id, key) for key in connection.scalars(query.limit(limit))]


def expire(connection: Connection, ids: Sequence[Id], *, before: int, now: int) -> int:
    """Give up those of `ids` that still stand still; how many those were."""
    still: list[Id] = []
    for here in among(deliveries, "id", ids):
        states = deliveries.c.state.in_([state.value for state in STANDING_STILL])
        query = select(deliveries.c.workspace_id, deliveries.c.id).where(here, states, deliveries.c.updated_at < before)
        still += [(row[0], row[1]) for row in connection.execute(query.with_for_update())]
    queue_sql.give_up(connection, still, State.DEAD, "expired", now=now)
    return len(still)


# ── bodies ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _needed() -> ColumnElement[bool]:
    """Whether the body's event is still to be mapped, or something that came of it is still to be sent."""
    unmapped = exists().where(
        received_events.c.workspace_id == bodies.c.workspace_id,
        received_events.c.key == bodies.c.key,
        received_events.c.state == ReceivedState.RECEIVED.value,
    )
    unsent = exists().where(
        deliveries.c.workspace_id == bodies.c.workspace_id, deliveries.c.received_key == bodies.c.key, ~_final
    )
    return or_(unmapped, unsent)


def old_bodies(connection: Connection, workspace_id: int, *, before: int, after: Place, limit: int) -> list[Place]:
    """(received_at, key) of the next bodies that are old and not needed."""
    place = (bodies.c.received_at, bodies.c.key)
    query = select(*place).where(bodies.c.workspace_id == workspace_id, bodies.c.received_at < before, ~_needed())
    if after != FIRST:
        query = query.where(tuple_(*place) > after)
    return [(row[0], row[1]) for row in connection.execute(query.order_by(*place).limit(limit))]


def remove_bodies(connection: Connection, workspace_id: int, places: Sequence[Place]) -> int:
    """Remove those that are not needed now either; how many those were."""
    here = and_(
        bodies.c.workspace_id == workspace_id,
        bodies.c.received_at.between(places[0][0], places[-1][0]),
        bodies.c.key.in_([key for _, key in places]),
    )
    return connection.execute(delete(bodies).where(here, ~_needed())).rowcount


def holds_needed(connection: Connection, partition: Partition) -> bool:
    """Whether a body in this partition is needed (PostgreSQL)."""
    here = [bodies.c.received_at < partition.ends]
    if partition.begins is not None:
        here.append(bodies.c.received_at >= partition.begins)
    return bool(connection.scalar(select(exists().where(*here, _needed()))))


# ── finished deliveries and their tries ─────────────────────────────────────────────────────────────────────────────


def finished(
    connection: Connection, workspace_id: int, *, since: int, before: int, after: Place, limit: int
) -> list[Place]:
    """(updated_at, id) of the next deliveries that became final in that time."""
    place = (deliveries.c.updated_at, deliveries.c.id)
    query = select(*place).where(
        deliveries.c.workspace_id == workspace_id,
        _final,
        deliveries.c.updated_at >= since,
        deliveries.c.updated_at < before,
    )
    if after != FIRST:
        query = query.where(tuple_(*place) > after)
    return [(row[0], row[1]) for row in connection.execute(query.order_by(*place).limit(limit))]


def _still_final(connection: Connection, workspace_id: int, places: Sequence[Place], before: int) -> list[Id]:
    found: list[Id] = []
    for here in among(deliveries, "id", [(workspace_id, key) for _, key in places]):
        query = select(deliveries.c.id).where(here, _final, deliveries.c.updated_at < before)
        found += [(workspace_id, key) for key in connection.scalars(query.with_for_update())]
    return found


def remove_attempts(connection: Connection, workspace_id: int, places: Sequence[Place], *, before: int) -> int:
    """Remove the tries of those that are final still; how many tries those were."""
    count = 0
    for here in among(attempts, "delivery_id", _still_final(connection, workspace_id, places, before)):
        count += connection.execute(delete(attempts).where(here)).rowcount
    return count


EMPTY: dict[str, Any] = {
    "contact": "[]",
    "identifier_kind": None,
    "identifier_value": None,
    "metadata": "{}",
    "notes": "[]",
}
"""What is left of what a delivery said."""


def empty(connection: Connection, workspace_id: int, places: Sequence[Place], *, before: int) -> int:
    """Forget what those that are final still said; how many those were."""
    ids = _still_final(connection, workspace_id, places, before)
    for here in among(attempts, "delivery_id", ids):
        connection.execute(delete(attempts).where(here))
    for here in among(deliveries, "id", ids):
        connection.execute(update(deliveries).where(here).values(EMPTY))
    return len(ids)


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def remove_deliveries(connection: Connection, workspace_id: int, places: Sequence[Place], *, before: int) -> int:
    """Remove deliveries with their seconds; how many those were."""
    ids = _still_final(connection, workspace_id, places, before)
    for table in (seconds, attempts, queue):
        for here in among(table, "delivery_id", ids):
            connection.execute(delete(table).where(here))
    for here in among(deliveries, "id", ids):
        connection.execute(delete(deliveries).where(here))
    return len(ids)


def _idle() -> ColumnElement[bool]:
    made = exists().where(
        deliveries.c.workspace_id == received_events.c.workspace_id,
        deliveries.c.received_key == received_events.c.key,
    )
    return and_(received_events.c.state != ReceivedState.RECEIVED.value, ~made)


def old_events(connection: Connection, workspace_id: int, *, before: int, after: Place, limit: int) -> list[Place]:
    """(received_at, key) of the next events that are old and that no delivery is left of."""
    place = (received_events.c.received_at, received_events.c.key)
    query = select(*place).where(
        received_events.c.workspace_id == workspace_id, received_events.c.received_at < before, _idle()
    )
    if after != FIRST:
        query = query.where(tuple_(*place) > after)
    return [(row[0], row[1]) for row in connection.execute(query.order_by(*place).limit(limit))]


def remove_events(connection: Connection, workspace_id: int, places: Sequence[Place]) -> int:
    """Remove events: from now on a repetition of one would be taken for new."""
    keys = [key for _, key in places]
    here = and_(received_events.c.workspace_id == workspace_id, received_events.c.key.in_(keys))
    return connection.execute(delete(received_events).where(here, _idle())).rowcount


def count_old(
    connection: Connection, *, bodies_before: int, deliveries_before: int, keys_before: int
) -> dict[str, int]:
    """How much would go, of each kind; it reads all that is old."""

    def how_many(table: Any, *where: ColumnElement[bool]) -> int:  # noqa: ANN401 - a table
        return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0

    still = deliveries.c.state.in_([state.value for state in STANDING_STILL])
    return {
        "expired": how_many(deliveries, still, deliveries.c.updated_at < deliveries_before),
        "bodies": how_many(bodies, bodies.c.received_at < bodies_before, ~_needed()),
        "emptied": how_many(
            deliveries, _final, deliveries.c.updated_at < deliveries_before, deliveries.c.contact != "[]"
        ),
        "deliveries": how_many(deliveries, _final, deliveries.c.updated_at < keys_before),
        "events": how_many(received_events, received_events.c.received_at < keys_before, _idle()),
    }
