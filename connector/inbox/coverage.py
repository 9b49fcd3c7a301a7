"""Which types of events come in and are mapped by nobody: how many, and when last.  [SQL of the inbox]

A partial index holds the unmapped ones in the order of their types. From it the types are taken one by one, each
with a jump, and only what came since a moment is counted: neither the mapped events nor older ones are touched.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, text, tuple_

from connector.database.tables import received_events
from connector.events import Key, ReceivedState

MOST_TYPES = 1000
"""Types told of one workspace: an application that makes names up as it goes has more than anybody reads."""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A type that no entry asked for; `last` in milliseconds."""

    source: str
    type: str
    count: int
    last: int


_columns = received_events.c
_is_unmapped = text(f"state = '{ReceivedState.UNMAPPED.value}'")
"""Word for word the index's condition: SQLite uses a partial index only where it recognises it."""
_NEXT_TYPE = (
    select(_columns.source, _columns.type)
    .where(
        _columns.workspace_id == bindparam("workspace"),
        _is_unmapped,
        tuple_(_columns.source, _columns.type)
        > tuple_(bindparam("source", type_=_columns.source.type), bindparam("type", type_=_columns.type.type)),
    )
    .order_by(_columns.source, _columns.type)
    .limit(1)
)
_COUNT = select(func.count(), func.max(_columns.received_at)).where(
    _columns.workspace_id == bindparam("workspace"),
    _is_unmapped,
    _columns.source == bindparam("source"),
    _columns.type == bindparam("type"),
    _columns.received_at >= bindparam("since"),
)
_NEWEST = (
    select(_columns.key)
    .where(
        _columns.workspace_id == bindparam("workspace"),
        _is_unmapped,
        _columns.source == bindparam("source"),
        _columns.type == bindparam("type"),
    )
    .order_by(_columns.received_at.desc())
    .limit(1)
)


def unmapped(connection: Connection, workspace_id: int, *, since: int = 0) -> list[Unmapped]:
    """The types of a workspace that nobody maps, of events received at `since` or later; the most frequent first."""
    found: list[Unmapped] = []
    source, kind = "", ""
    for _ in range(MOST_TYPES):
        here = {"workspace": workspace_id, "source": source, "type": kind}
        row = connection.execute(_NEXT_TYPE, here).one_or_none()
        if row is None:
            break
        source, kind = row
        [(count, last)] = connection.execute(_COUNT, here | {"source": source, "type": kind, "since": since})
        found += [Unmapped(source, kind, count, last)] if count else []
    return sorted(found, key=lambda each: (-each.count, each.source, each.type))


def newest(connection: Connection, workspace_id: int, source: str, event_type: str) -> Key | None:
    """The latest event of a type that nobody maps."""
    here = {"workspace": workspace_id, "source": source, "type": event_type}
    return connection.scalar(_NEWEST, here)
