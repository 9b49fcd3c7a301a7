"""The inbox's SQL, but for how messages come in (`arrivals`): find, list, change a state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    text,
    tuple_,
    union_all,
    update,
)

from connector.database.rows import ByKeys
from connector.database.tables import bodies, received_events
from connector.events import Key, Priority, ReceivedState, Trust, display

WORKSPACES_AT_ONCE = 32
"""Workspaces whose events are picked together."""


class ReceivedEvent(msgspec.Struct, frozen=True):
    """One stored message without its body."""

    workspace_id: int
    key: Key
    endpoint_id: int
    source: str
    external_key: str
    type: str
    livemode: bool
    api_version: str | None
    trust: Trust
    occurred_at: int | None
    received_at: int
    state: ReceivedState
    reason: str | None
    tries: int
    priority: Priority = Priority.LIVE


class Picked(NamedTuple):
    """Events that are to be mapped, with their bodies; `is_all` where there were no others, `last` is the workspace
    that had its turn last.
    """

    events: list[tuple[ReceivedEvent, bytes]]
    is_all: bool
    last: int


def to_map(connection: Connection, *, limit: int, lock: bool = False, after: int = 0) -> Picked:
    """Up to `limit` events that are still to be mapped, with their bodies: live ones first, and of each workspace the
    oldest, as many as of the others. Workspaces have their turn in the order of their ids, from the one after `after`.

    With `lock` (PostgreSQL) they belong to this transaction until it ends, and those of others are passed over.
    """
    found: list[tuple[ReceivedEvent, bytes]] = []
    is_all, last = True, after
    query = _OLDEST_LOCKED if lock else _OLDEST
    for priority, waiting in _workspaces_to_map(connection, after).items():
        is_all = is_all and len(waiting) < WORKSPACES_AT_ONCE
        for place, workspace_id in enumerate(waiting):
            share = -(-(limit - len(found)) // (len(waiting) - place))  # of what those before it have left over
            given = {"workspace": workspace_id, "of": priority, "most": share}
            rows = connection.execute(query, given).mappings().all() if share else []
            is_all = is_all and len(rows) < share  # also false where there was no room left to look
            last = workspace_id if share else last
            found += sorted(_with_bodies(rows), key=lambda each: each[0].received_at)
    return Picked(found, is_all, last)


def this_to_map(connection: Connection, event: ReceivedEvent) -> list[tuple[ReceivedEvent, bytes]]:
    """The same of one event only: none where it has been mapped meanwhile."""
    query = _TO_MAP.where(received_events.c.workspace_id == event.workspace_id, received_events.c.key == event.key)
    return _with_bodies(connection.execute(query).mappings())


def _workspaces_to_map(connection: Connection, after: int) -> dict[int, list[int]]:
    """Some that have events of each priority to map, from the one after `after`: one look into the index for each."""
    waiting: dict[int, dict[int, None]] = {priority.value: {} for priority in Priority}
    for start in dict.fromkeys((after, 0)):
        for priority, workspace_id in connection.execute(_NEXT_WORKSPACES, {"after": start}):
            waiting[priority][workspace_id] = None
    return {priority: list(found)[:WORKSPACES_AT_ONCE] for priority, found in waiting.items()}


def _with_bodies(rows: Iterable[RowMapping]) -> list[tuple[ReceivedEvent, bytes]]:
    return [(_received(row), row["body"]) for row in rows if row["body"] is not None]


def count_leftovers(connection: Connection, *, before: int, at_most: int) -> None:
    """Another life of the process begins: count it on what the last one left unmapped.

    Beyond `at_most` only tries of its own count: who merely waited behind a killer is no killer.
    """
    connection.execute(
        update(received_events)
        .where(
            received_events.c.state == ReceivedState.RECEIVED.value,
            received_events.c.received_at <= before,
            received_events.c.tries < at_most,
        )
        .values(tries=received_events.c.tries + 1)
    )


def leftovers(connection: Connection, *, tries: int) -> list[ReceivedEvent]:
    """What was left unmapped `tries` times or more, oldest first."""
    query = (
        select(received_events)
        .where(received_events.c.state == ReceivedState.RECEIVED.value, received_events.c.tries >= tries)
        .order_by(received_events.c.received_at)
    )
    return [_received(row) for row in connection.execute(query).mappings()]


def count_try(connection: Connection, event: ReceivedEvent) -> None:
    """This one is about to be mapped alone."""
    connection.execute(
        update(received_events)
        .where(received_events.c.workspace_id == event.workspace_id, received_events.c.key == event.key)
        .values(tries=received_events.c.tries + 1)
    )


def still_to_map(connection: Connection, events: Sequence[ReceivedEvent]) -> set[tuple[int, Key]]:
    """(workspace, key) of those events that nobody has mapped meanwhile, nor will until this transaction ends."""
    found: set[tuple[int, Key]] = set()
    for workspace_id in sorted({event.workspace_id for event in events}):
        keys = [event.key for event in events if event.workspace_id == workspace_id]
        found |= {(workspace_id, key) for (key,) in _STILL_TO_MAP.rows(connection, keys, workspace=workspace_id)}
    return found


_STILL_TO_MAP = ByKeys(
    lambda among: (
        select(received_events.c.key)
        .where(
            received_events.c.workspace_id == bindparam("workspace"),
            among(received_events.c.key),
            received_events.c.state == ReceivedState.RECEIVED.value,
        )
        .with_for_update()
    )
)


def settle(connection: Connection, states: Sequence[tuple[ReceivedEvent, ReceivedState, str | None]]) -> None:
    """Give events the state that mapping them came to: those of a workspace that came to the same, at once."""
    alike: dict[tuple[int, str, str | None], list[Key]] = {}
    for event, state, reason in states:
        alike.setdefault((event.workspace_id, state.value, reason and display(reason)), []).append(event.key)
    for (workspace_id, new_state, new_reason), keys in alike.items():
        _SETTLE.run(connection, sorted(keys), workspace=workspace_id, new_state=new_state, new_reason=new_reason)


_same_event = and_(
    bodies.c.workspace_id == received_events.c.workspace_id,
    bodies.c.key == received_events.c.key,
    bodies.c.received_at == received_events.c.received_at,
)
# A literal and not a parameter: SQLite does not see that a parameter fits the condition of the partial index.
_STILL_RECEIVED = text("received_events.state = 'received'")
_TO_MAP = select(received_events, bodies.c.body).join(bodies, _same_event).where(_STILL_RECEIVED)
_PICK = (
    select(received_events)
    .where(
        _STILL_RECEIVED,
        received_events.c.priority == bindparam("of"),
        received_events.c.workspace_id == bindparam("workspace"),
    )
    .order_by(received_events.c.received_at)
    .limit(bindparam("most", type_=Integer))
)


def _oldest(pick: Select[Any]) -> Select[Any]:
    """Picked first and joined then: in one step the databases now and then begin with the bodies, all of them."""
    picked = pick.subquery("picked")
    same = and_(
        bodies.c.workspace_id == picked.c.workspace_id,
        bodies.c.key == picked.c.key,
        bodies.c.received_at == picked.c.received_at,
    )
    return select(picked, bodies.c.body).outerjoin(bodies, same)  # what has lost its body counts as picked


_OLDEST = _oldest(_PICK)
_OLDEST_LOCKED = _oldest(_PICK.with_for_update(skip_locked=True))


def _next_workspaces(priority: Priority) -> Select[int, int]:
    """From one workspace to the next along the index, as neither database does for DISTINCT.

    https://wiki.postgresql.org/wiki/Loose_indexscan
    """

    def next_one(after: ColumnElement[int]) -> ScalarSelect[int]:
        here = (received_events.c.priority == of, received_events.c.workspace_id > after)
        return select(func.min(received_events.c.workspace_id)).where(_STILL_RECEIVED, *here).scalar_subquery()

    of = literal_column(str(priority.value), Integer)
    first = select(next_one(bindparam("after", type_=Integer)).label("id")).cte(priority.name, recursive=True)
    waiting = first.union_all(select(next_one(first.c.id)).where(first.c.id.is_not(None)))
    found = select(waiting.c.id).where(waiting.c.id.is_not(None)).limit(WORKSPACES_AT_ONCE).subquery()
    return select(of.label("priority"), found.c.id)


_NEXT_WORKSPACES = union_all(*map(_next_workspaces, Priority))
_SETTLE = ByKeys(
    lambda among: (
        update(received_events)
        .where(received_events.c.workspace_id == bindparam("workspace"), among(received_events.c.key))
        .values(state=bindparam("new_state"), reason=bindparam("new_reason"))
    )
)


def _received(row: RowMapping) -> ReceivedEvent:
    values = {name: row[name] for name in ReceivedEvent.__struct_fields__}
    values["trust"], values["state"] = _TRUSTS[values["trust"]], _STATES[values["state"]]
    values["priority"] = _PRIORITIES[values["priority"]]
    return ReceivedEvent(**values)


# by looking, which costs a tenth of asking the enumeration
_TRUSTS = {each.value: each for each in Trust}
_STATES = {each.value: each for each in ReceivedState}
_PRIORITIES = {each.value: each for each in Priority}


def find(connection: Connection, workspace_id: int, key: Key) -> tuple[ReceivedEvent, bytes | None] | None:
    """One event and its body, which may have been pruned."""
    query = (
        select(received_events, bodies.c.body)
        .outerjoin(bodies, _same_event)
        .where(received_events.c.workspace_id == workspace_id, received_events.c.key == key)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else (_received(row), row["body"])


def bodies_of(connection: Connection, events: Sequence[ReceivedEvent]) -> dict[Key, bytes]:
    """The bodies of some events of one workspace that are still kept, by the events' keys."""
    query = (
        select(received_events.c.key, bodies.c.body)
        .join(bodies, _same_event)
        .where(
            received_events.c.workspace_id.in_({event.workspace_id for event in events}),
            received_events.c.key.in_([event.key for event in events]),
        )
    )
    return {row.key: row.body for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events to list; None is any. `before` is the (received_at, key) of the last one seen, `since` the
    millisecond of receipt from which on they count.
    """

    workspace_id: int | None = None
    state: ReceivedState | None = None
    source: str | None = None
    type: str | None = None
    external_key: str | None = None
    before: tuple[int, Key] | None = None
    since: int | None = None


def page(connection: Connection, wanted: Filter, *, limit: int) -> list[ReceivedEvent]:
    """The newest events that `wanted` lets through, newest first."""
    columns = received_events.c
    query = select(received_events).order_by(columns.received_at.desc(), columns.key.desc()).limit(limit)
    for column, value in (
        (columns.workspace_id, wanted.workspace_id),
        (columns.state, wanted.state and wanted.state.value),
        (columns.source, wanted.source),
        (columns.type, wanted.type),
        (columns.external_key, wanted.external_key),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.before is not None:
        query = query.where(tuple_(columns.received_at, columns.key) < wanted.before)
    if wanted.since is not None:
        query = query.where(columns.received_at >= wanted.since)
    return [_received(row) for row in connection.execute(query).mappings()]


def found_among(connection: Connection, query: Select[Any]) -> list[ReceivedEvent]:
    """The rows of `received_events` that `query` finds, as values."""
    return [_received(row) for row in connection.execute(query).mappings()]


def reopen(connection: Connection, workspace_id: int, key: Key) -> bool:
    """Have an event mapped again, whatever came of it the first time; False where it or its body is not there."""
    found = find(connection, workspace_id, key)
    if found is None or found[1] is None:
        return False
    connection.execute(
        update(received_events)
        .where(received_events.c.workspace_id == workspace_id, received_events.c.key == key)
        .values(state=ReceivedState.RECEIVED.value, reason=None, tries=0)
    )
    return True


def count_by_state(connection: Connection, workspace_id: int | None = None) -> dict[str, int]:
    """How many events stand in each state."""
    query = select(received_events.c.state, func.count()).group_by(received_events.c.state)
    if workspace_id is not None:
        query = query.where(received_events.c.workspace_id == workspace_id)
    return {row[0]: row[1] for row in connection.execute(query)}
