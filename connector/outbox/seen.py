"""What Intercom's own webhook says that it holds: the delivery that it tells of is marked as seen.

Found by what Intercom compares events by: contact, name and second, along the index that keeps those apart. An event of
somebody else's finds nothing, and costs one look for each identifier.  [SQL]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from connector.database.rows import ByKeys
from connector.database.tables import deliveries, seconds
from connector.events import Identifier, Key
from connector.outbox.delivery import State, name_key

UNSENT = (State.WAITING, State.HELD)
"""Of which Intercom cannot have an event; of the others it may, and tells of one before its answer is written down."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that Intercom holds; `second` is its `created_at`, `at` when we were told (milliseconds)."""

    workspace_id: int
    people: tuple[Identifier, ...]
    name: str
    second: int
    at: int


def mark(connection: Connection, told: Sequence[Seen]) -> Sequence[int]:
    """Mark the deliveries that these tell of; of how many each told."""
    return [_mark(connection, each) for each in told]


def _mark(connection: Connection, told: Seen) -> int:
    keys = sorted({who.key for who in told.people})
    where = {"workspace": told.workspace_id, "name": name_key(told.name), "second": told.second}
    ids = sorted({row.delivery_id for row in _FIND.rows(connection, keys, **where)})
    return len(_MARK.rows(connection, ids, workspace=told.workspace_id, at=told.at)) if ids else 0


_FIND = ByKeys(
    lambda among: select(seconds.c.delivery_id).where(
        seconds.c.workspace_id == bindparam("workspace"),
        among(seconds.c.identifier),
        seconds.c.name == bindparam("name", type_=seconds.c.name.type),
        seconds.c.second == bindparam("second", type_=seconds.c.second.type),
    )
)
_MARK = ByKeys(
    lambda among: (
        update(deliveries)
        .where(
            deliveries.c.workspace_id == bindparam("workspace"),
            among(deliveries.c.id),
            deliveries.c.seen_at.is_(None),
            *(deliveries.c.state != state.value for state in UNSENT),
        )
        .values(seen_at=bindparam("at", type_=deliveries.c.seen_at.type))
        .returning(deliveries.c.id)
    )
)


def times(connection: Connection, workspace_id: int, ids: Collection[Key]) -> Mapping[Key, int]:
    """When Intercom told of those of these deliveries that it told of (milliseconds)."""
    rows = _TIMES.rows(connection, sorted(ids), workspace=workspace_id) if ids else ()
    return {row.id: row.seen_at for row in rows}


_TIMES = ByKeys(
    lambda among: select(deliveries.c.id, deliveries.c.seen_at).where(
        deliveries.c.workspace_id == bindparam("workspace"),
        among(deliveries.c.id),
        deliveries.c.seen_at.is_not(None),
    )
)
