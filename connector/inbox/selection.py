"""Which received events an operator means: a filter as one value, and the SQL that it is.  [SQL of the inbox]"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select, tuple_

from connector.database.rows import parts
from connector.database.tables import received_events
from connector.events import Key, ReceivedState
from connector.inbox.store import ReceivedEvent, found_among

NOWHERE: tuple[int, Key] = (0, b"")
"""Before the first event."""


@dataclass(frozen=True, slots=True)
class EventSelection:
    """Which events; None is any. Times of receipt in milliseconds."""

    workspace_id: int | None = None
    state: ReceivedState | None = None
    source: str | None = None
    type: str | None = None
    reason: str | None = None
    since: int | None = None
    until: int | None = None
    one: Key | None = None


def conditions(wanted: EventSelection) -> Iterator[ColumnElement[bool]]:
    """`wanted` as conditions on `received_events`; what is still to be mapped is never meant."""
    columns = received_events.c
    yield columns.state != ReceivedState.RECEIVED.value
    for column, value in (
        (columns.workspace_id, wanted.workspace_id),
        (columns.state, wanted.state and wanted.state.value),
        (columns.source, wanted.source),
        (columns.type, wanted.type),
        (columns.reason, wanted.reason),
        (columns.key, wanted.one),
    ):
        if value is not None:
            yield column == value
    if wanted.since is not None:
        yield columns.received_at >= wanted.since
    if wanted.until is not None:
        yield columns.received_at < wanted.until


def count_by_type(connection: Connection, wanted: EventSelection) -> list[tuple[str, str, str, int]]:
    """(source, type, state, count), the most first."""
    columns = (received_events.c.source, received_events.c.type, received_events.c.state)
    query = select(*columns, func.count()).where(*conditions(wanted)).group_by(*columns)
    return sorted((tuple(row) for row in connection.execute(query)), key=lambda row: (-row[3], row[:2]))


def page(connection: Connection, wanted: EventSelection, *, after: tuple[int, Key], limit: int) -> list[ReceivedEvent]:
    """The next of them, in the order of their keys."""
    keys = (received_events.c.workspace_id, received_events.c.key)
    query = select(received_events).where(*conditions(wanted)).order_by(*keys).limit(limit)
    if after != NOWHERE:
        query = query.where(tuple_(*keys) > after)
    return found_among(connection, query)


def still(connection: Connection, wanted: EventSelection, ids: Sequence[tuple[int, Key]]) -> list[tuple[int, Key]]:
    """Those of `ids` that still are what is meant; nobody else changes them until this transaction ends."""
    columns = received_events.c
    found: list[tuple[int, Key]] = []
    for workspace_id in sorted({workspace_id for workspace_id, _ in ids}):
        for keys in parts([key for owner, key in ids if owner == workspace_id]):
            query = select(columns.key).where(
                columns.workspace_id == workspace_id, columns.key.in_(keys), *conditions(wanted)
            )
            locked = query.order_by(columns.key).with_for_update()
            found += [(workspace_id, key) for key in connection.scalars(locked)]
    return found
