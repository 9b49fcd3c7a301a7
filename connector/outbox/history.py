"""Looking at deliveries: lists, counts, and the whole story of one.  [SQL of the outbox, reading only]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, func, select, tuple_

from connector.database.tables import attempts, deliveries, event_names, queue
from connector.events import Key
from connector.inbox import store
from connector.inbox.store import ReceivedEvent
from connector.outbox import seen
from connector.outbox.delivery import Delivery, State, from_row, name_key
from connector.outbox.selection import Selection, conditions

LATEST = 1_000
"""Deliveries of a state that are looked through for names that were never sent."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries to list; None is any. `before` is the (updated_at, id) of the last one seen."""

    workspace_id: int | None = None
    state: State | None = None
    name: str | None = None
    reason: str | None = None
    received_key: Key | None = None
    before: tuple[int, Key] | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. `started_at` in milliseconds; `words` are Intercom's own."""

    number: int
    started_at: int
    duration_ms: int
    status: int | None
    outcome: str
    error_code: str | None
    words: str | None
    request_id: str | None
    identifier_kind: str
    ambiguous: bool
    late: bool
    manual: bool


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one delivery. `due` (milliseconds) is its next try, None where none is planned."""

    delivery: Delivery
    received: ReceivedEvent | None
    body: bytes | None
    attempts: tuple[Attempt, ...]
    due: int | None
    in_flight: bool
    seen_at: int | None = None
    """When Intercom's own webhook told of the event (milliseconds)."""


def page(connection: Connection, wanted: Filter, *, limit: int) -> list[Delivery]:
    """The deliveries that `wanted` lets through, the latest changed first."""
    columns = deliveries.c
    query = select(deliveries).order_by(columns.updated_at.desc(), columns.id.desc()).limit(limit)
    for column, value in (
        (columns.workspace_id, wanted.workspace_id),
        (columns.state, wanted.state and wanted.state.value),
        (columns.name, wanted.name),
        (columns.reason, wanted.reason),
        (columns.received_key, wanted.received_key),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.before is not None:
        query = query.where(tuple_(columns.updated_at, columns.id) < wanted.before)
    return [from_row(row) for row in connection.execute(query).mappings()]


def listed(connection: Connection, wanted: Selection, *, before: tuple[int, Key] | None, limit: int) -> list[Delivery]:
    """The deliveries that are meant, the latest changed first, behind the (updated_at, id) of the last one seen."""
    place = (deliveries.c.updated_at, deliveries.c.id)
    query = select(deliveries).where(*conditions(wanted)).order_by(*(each.desc() for each in place)).limit(limit)
    if before is not None:
        query = query.where(tuple_(*place) < before)
    return [from_row(row) for row in connection.execute(query).mappings()]


def find(connection: Connection, workspace_id: int, delivery_id: Key) -> Delivery | None:
    """One delivery."""
    query = select(deliveries).where(deliveries.c.workspace_id == workspace_id, deliveries.c.id == delivery_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def some(connection: Connection, workspace_id: int, ids: Sequence[Key]) -> list[Delivery]:
    """Several deliveries of one workspace, as many of them as there are."""
    query = select(deliveries).where(deliveries.c.workspace_id == workspace_id, deliveries.c.id.in_(ids))
    return [from_row(row) for row in connection.execute(query).mappings()]


def starting_with(connection: Connection, prefix: bytes, *, limit: int = 2) -> list[tuple[int, Key]]:
    """(workspace, delivery) of ids that begin so: people copy the first eight characters."""
    last = prefix + b"\xff" * (16 - len(prefix))
    query = select(deliveries.c.workspace_id, deliveries.c.id).where(deliveries.c.id.between(prefix, last)).limit(limit)
    return [(row.workspace_id, row.id) for row in connection.execute(query)]


def story(connection: Connection, workspace_id: int, delivery_id: Key) -> Story | None:
    """What was received, what was made of it, every try, and what comes next."""
    delivery = find(connection, workspace_id, delivery_id)
    if delivery is None:
        return None
    received, body = store.find(connection, workspace_id, delivery.received_key) or (None, None)
    queued = select(queue.c.due, queue.c.lease_id).where(
        queue.c.workspace_id == workspace_id, queue.c.delivery_id == delivery_id
    )
    row = connection.execute(queued).one_or_none()
    return Story(
        delivery,
        received,
        body,
        tuple(attempts_of(connection, workspace_id, delivery_id)),
        None if row is None else row.due,
        row is not None and row.lease_id is not None,
        seen.times(connection, workspace_id, [delivery_id]).get(delivery_id),
    )


def attempts_of(connection: Connection, workspace_id: int, delivery_id: Key) -> list[Attempt]:
    """Every try, in order."""
    query = (
        select(attempts)
        .where(attempts.c.workspace_id == workspace_id, attempts.c.delivery_id == delivery_id)
        .order_by(attempts.c.number)
    )
    return [_attempt(row) for row in connection.execute(query).mappings()]


def count_by_state(connection: Connection, workspace_id: int | None = None) -> dict[str, int]:
    """How many deliveries stand in each state."""
    query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    if workspace_id is not None:
        query = query.where(deliveries.c.workspace_id == workspace_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def names_made(connection: Connection, workspace_id: int) -> set[Key]:
    """`name_key` of the event names that a workspace has had: all that were sent, and what stands still of late."""
    found = set(connection.scalars(select(event_names.c.key).where(event_names.c.workspace_id == workspace_id)))
    for state in State:
        here = (deliveries.c.workspace_id == workspace_id, deliveries.c.state == state.value)
        latest = select(deliveries.c.name).where(*here).order_by(deliveries.c.updated_at.desc()).limit(LATEST)
        found |= {name_key(name) for name in set(connection.scalars(latest))}
    return found


def count_by_reason(connection: Connection, workspace_id: int, states: Sequence[State]) -> dict[tuple[str, str], int]:
    """How many deliveries stand in some states, by (state, reason)."""
    query = (
        select(deliveries.c.state, deliveries.c.reason, func.count())
        .where(deliveries.c.workspace_id == workspace_id, deliveries.c.state.in_([state.value for state in states]))
        .group_by(deliveries.c.state, deliveries.c.reason)
    )
    return {(row[0], row[1] or ""): row[2] for row in connection.execute(query)}


def _attempt(row: RowMapping) -> Attempt:
    return Attempt(**{name: row[name] for name in Attempt.__slots__})
