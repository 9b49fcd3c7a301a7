"""Moving deliveries between states, together with their rows in the queue and in `wanted`.  [SQL of the outbox]

The queue is narrow and holds only what has a time to be tried at: a row goes when its delivery is final, or parked
with nothing left but to wait for its contact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, bindparam, delete, select, update

from connector.database.rows import Among, ByKeys, insert_new, parts
from connector.database.tables import attempts, deliveries, queue, wanted
from connector.database.tables import lanes as lanes_table
from connector.events import Identifier, Key, Priority
from connector.outbox import lanes
from connector.outbox.delivery import State

Id: TypeAlias = tuple[int, Key]
"""(workspace, delivery)."""


LEASE_MS = 60_000
"""Longer than a call to Intercom can take (20 s) and the wait before it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What earlier tries left behind: the number of the latest, and whether one of them may have arrived."""

    number: int = 0
    ambiguous: bool = False


def put(connection: Connection, dues: Mapping[Id, int], *, priority: Priority = Priority.LIVE) -> None:
    """Queue deliveries that are not queued, to be tried at these times, and ring their lanes.

    One that was tried before (its event was mapped again, say) goes on from the number of its latest try.
    """
    tried = tries(connection, dues)
    rows = [_row(each, due, tried.get(each, Tried()), priority) for each, due in sorted(dues.items())]
    insert_new(connection, queue, rows)
    lanes.ring(connection, _earliest(dues))


def wake(connection: Connection, ids: Collection[Id], *, now: int) -> None:
    """Queue deliveries to be tried now with a clean slate, whether or not they are queued.

    One that is in flight stays so; should it be parked, its ladder begins anew.
    """
    note_interrupted(connection, ids)
    for here in among(queue, "delivery_id", ids):
        connection.execute(delete(queue).where(here, queue.c.lease_id.is_(None)))
        connection.execute(update(queue).where(here).values(ladder=0))
    put(connection, dict.fromkeys(ids, now))


def bring_forward(connection: Connection, ids: Collection[Id], *, due: int) -> None:
    """Have those of the deliveries that are queued for later, and not in flight, tried at `due`."""
    for here in among(queue, "delivery_id", ids):
        connection.execute(update(queue).where(here, queue.c.lease_id.is_(None), queue.c.due > due).values(due=due))


def note_interrupted(connection: Connection, ids: Iterable[Id]) -> None:
    """Record the try of each claim that no outcome is recorded of: its process may have died after sending.

    Should its answer come after all, it takes the place of this record.
    """
    columns = (queue.c.workspace_id, queue.c.delivery_id, queue.c.number, queue.c.due, queue.c.lease_id)
    same = and_(deliveries.c.workspace_id == queue.c.workspace_id, deliveries.c.id == queue.c.delivery_id)
    for here in among(queue, "delivery_id", ids):
        query = select(*columns, deliveries.c.identifier_kind).join(deliveries, same).where(here, queue.c.claims > 0)
        insert_new(connection, attempts, [_interrupted(row) for row in connection.execute(query).mappings()])


def _interrupted(row: RowMapping) -> dict[str, Any]:
    return {
        "workspace_id": row["workspace_id"],
        "delivery_id": row["delivery_id"],
        "number": row["number"],
        "started_at": row["due"] if row["lease_id"] is None else row["due"] - LEASE_MS,
        "duration_ms": 0,
        "status": None,
        "outcome": "interrupted",
        "error_code": None,
        "words": None,
        "request_id": None,
        "identifier_kind": row["identifier_kind"] or "",
        "ambiguous": True,
        "late": False,
        "manual": False,
    }


def free_all(connection: Connection, *, now: int) -> None:
    """Void every lease and hold: this process has just become the only one (SQLite).

    What was leased is due since it was claimed: from then on nothing could be sent.
    """
    leased = queue.c.lease_id.is_not(None)
    connection.execute(update(queue).where(leased).values(lease_id=None, due=queue.c.due - LEASE_MS))
    connection.execute(update(lanes_table).values(holder=None, held_until=None))
    with_work = select(queue.c.workspace_id).distinct()
    lanes.ring(connection, dict.fromkeys(connection.scalars(with_work), now))


def tries(connection: Connection, ids: Iterable[Id]) -> dict[Id, Tried]:
    """What the attempts table says of those deliveries that were tried."""
    tried: dict[Id, Tried] = {}
    for workspace_id, keys in _by_workspace(ids):
        for row in _TRIES.rows(connection, keys, the_workspace=workspace_id):
            before = tried.get(each := (workspace_id, row.delivery_id), Tried())
            tried[each] = Tried(max(before.number, row.number), before.ambiguous or bool(row.ambiguous))
    return tried


def settle(
    connection: Connection, ids: Collection[Id], state: State, reason: str | None, *, now: int, **more: object
) -> None:
    """Put deliveries into a final state: nothing is queued for them and they want nobody any more."""
    for workspace_id, keys in _by_workspace(ids):
        _DEQUEUE.run(connection, keys, the_workspace=workspace_id)
    forget_wants(connection, ids)
    set_state(connection, ids, state, reason, now=now, **more)


def give_up(connection: Connection, ids: Collection[Id], state: State, reason: str, *, now: int) -> None:
    """The same for deliveries that may be in flight, whatever became of them there."""
    note_interrupted(connection, ids)
    settle(connection, ids, state, reason, now=now)


def set_state(
    connection: Connection, ids: Collection[Id], state: State, reason: str | None, *, now: int, **more: object
) -> None:
    """Give deliveries a state, and values to other columns."""
    values = {"state": state.value, "reason": reason, "updated_at": now, **more}
    statement = _set(tuple(values))
    given = {f"new_{name}": value for name, value in values.items()}
    for workspace_id, keys in _by_workspace(ids):
        statement.run(connection, keys, the_workspace=workspace_id, **given)


def want(connection: Connection, each: Id, identifiers: Iterable[Identifier]) -> None:
    """Wake this delivery when one of these identifiers is known of, or its contact appears."""
    workspace_id, delivery_id = each
    rows = [
        {"workspace_id": workspace_id, "identifier": key, "delivery_id": delivery_id}
        for key in sorted({identifier.key for identifier in identifiers})
    ]
    insert_new(connection, wanted, rows)


def forget_wants(connection: Connection, ids: Iterable[Id]) -> None:
    """These deliveries want nobody any more."""
    for workspace_id, keys in _by_workspace(ids):
        _FORGET_WANTS.run(connection, keys, the_workspace=workspace_id)


def _by_workspace(ids: Iterable[Id]) -> Iterator[tuple[int, list[Key]]]:
    """The keys of each workspace, in order, so that two processes cannot wait for each other."""
    keys: dict[int, list[Key]] = {}
    for workspace_id, key in sorted(ids):
        keys.setdefault(workspace_id, []).append(key)
    return iter(keys.items())


def _of_keys(table: Table, column: str, among: Among) -> ColumnElement[bool]:
    return and_(table.c.workspace_id == bindparam("the_workspace"), among(table.c[column]))


_DEQUEUE = ByKeys(lambda among: delete(queue).where(_of_keys(queue, "delivery_id", among)))
_FORGET_WANTS = ByKeys(lambda among: delete(wanted).where(_of_keys(wanted, "delivery_id", among)))
_TRIES = ByKeys(
    lambda among: select(attempts.c.delivery_id, attempts.c.number, attempts.c.ambiguous).where(
        _of_keys(attempts, "delivery_id", among)
    )
)


@cache
def _set(columns: tuple[str, ...]) -> ByKeys:
    values = {name: bindparam(f"new_{name}", type_=deliveries.c[name].type) for name in columns}
    return ByKeys(lambda among: update(deliveries).where(_of_keys(deliveries, "id", among)).values(values))


def among(table: Table, column: str, ids: Iterable[Id]) -> Iterator[ColumnElement[bool]]:
    """Conditions that together are true of the rows of `ids`: some hundreds of one workspace in each."""
    keys: dict[int, list[Key]] = {}
    for workspace_id, key in sorted(ids):
        keys.setdefault(workspace_id, []).append(key)
    for workspace_id, all_of_it in keys.items():
        for some in parts(all_of_it):
            yield and_(table.c.workspace_id == workspace_id, table.c[column].in_(some))


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
