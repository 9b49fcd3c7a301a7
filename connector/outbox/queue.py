"""Moving deliveries between states, together with their rows in the queue and in `wanted`.  [SQL of the outbox]

The queue is narrow and holds only what has a time to be tried at: a row goes when its delivery is final, or parked
with nothing left but to wait for its contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select, update

from connector.database.rows import insert_new
from connector.database.tables import attempts, deliveries, queue, wanted
from connector.events import Identifier, Key
from connector.outbox import lanes
from connector.outbox.delivery import State
from connector.outbox.lanes import Priority

Id: TypeAlias = tuple[int, Key]
"""(workspace, delivery)."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What earlier tries left behind: the number of the latest, and whether one of them may have arrived."""

    number: int = 0
    ambiguous: bool = False


def put(
    connection: Connection,
    dues: Mapping[Id, int],
    *,
    tried: Mapping[Id, Tried] | None = None,
    priority: Priority = Priority.LIVE,
) -> None:
    """Queue deliveries that are not queued, to be tried at these times, and ring their lanes."""
    before = tried or {}
    rows = [_row(each, due, before.get(each, Tried()), priority) for each, due in sorted(dues.items())]
    insert_new(connection, queue, rows)
    lanes.ring(connection, _earliest(dues))


def wake(connection: Connection, ids: Sequence[Id], *, now: int) -> None:
    """Queue deliveries to be tried now with a clean slate, whether or not they are queued.

    One that is in flight stays so; should it be parked, its ladder begins anew.
    """
    for each in ids:
        here = _is(queue, "delivery_id", each)
        connection.execute(delete(queue).where(here, queue.c.lease_id.is_(None)))
        connection.execute(update(queue).where(here).values(ladder=0))
    put(connection, dict.fromkeys(ids, now), tried={each: tries(connection, each) for each in ids})


def tries(connection: Connection, each: Id) -> Tried:
    """What the attempts table says of a delivery."""
    query = select(attempts.c.number, attempts.c.ambiguous).where(_is(attempts, "delivery_id", each))
    found = connection.execute(query).all()
    return Tried(max((row.number for row in found), default=0), any(row.ambiguous for row in found))


def settle(
    connection: Connection, ids: Sequence[Id], state: State, reason: str | None, *, now: int, **more: object
) -> None:
    """Put deliveries into a final state: nothing is queued for them and they want nobody any more."""
    for each in ids:
        connection.execute(delete(queue).where(_is(queue, "delivery_id", each)))
        connection.execute(delete(wanted).where(_is(wanted, "delivery_id", each)))
    set_state(connection, ids, state, reason, now=now, **more)


def set_state(
    connection: Connection, ids: Iterable[Id], state: State, reason: str | None, *, now: int, **more: object
) -> None:
    """Give deliveries a state, and values to other columns."""
    for each in ids:
        values = {"state": state.value, "reason": reason, "updated_at": now, **more}
        connection.execute(update(deliveries).where(_is(deliveries, "id", each)).values(values))


def want(connection: Connection, each: Id, identifiers: Iterable[Identifier]) -> None:
    """Wake this delivery when one of these identifiers is known of, or its contact appears."""
    workspace_id, delivery_id = each
    rows = [
        {"workspace_id": workspace_id, "identifier": key, "delivery_id": delivery_id}
        for key in sorted({identifier.key for identifier in identifiers})
    ]
    insert_new(connection, wanted, rows)


def forget_wants(connection: Connection, each: Id) -> None:
    """The delivery wants nobody any more."""
    connection.execute(delete(wanted).where(_is(wanted, "delivery_id", each)))


def _is(table: Table, column: str, each: Id) -> ColumnElement[bool]:
    workspace_id, delivery_id = each
    return and_(table.c.workspace_id == workspace_id, table.c[column] == delivery_id)


def _row(each: Id, due: int, tried: Tried, priority: Priority) -> dict[str, Any]:
    workspace_id, delivery_id = each
    return {
        "workspace_id": workspace_id,
        "delivery_id": delivery_id,
        "priority": priority.value,
        "due": due,
        "lease_id": None,
        "number": tried.number,
        "claims": 0,
        "attempts": 0,
        "first_attempt_at": None,
        "stood_still": 0,
        "ambiguous": tried.ambiguous,
        "lookups": 0,
        "unknowns": 0,
        "ladder": 0,
    }


def _earliest(dues: Mapping[Id, int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for (workspace_id, _), due in dues.items():
        found[workspace_id] = min(due, found.get(workspace_id, due))
    return found
