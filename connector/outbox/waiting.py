"""Deliveries that wait for somebody: those nobody is known for, and those whose contact Intercom does not know, yet.

The first are addressed when evidence tells whom they are for, the others tried when their contact appears.
[SQL of the outbox]
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from connector.contacts import directory
from connector.contacts.directory import Resolved, Unresolved
from connector.database.tables import deliveries, wanted
from connector.events import Identifier, Key
from connector.outbox import queue, readiness, seconds
from connector.outbox.delivery import Delivery, State, from_row, name_key
from connector.outbox.readiness import Standing
from connector.outbox.seconds import Wish

AT_ONCE = 500
"""Deliveries looked at together."""


def address(connection: Connection, news: Iterable[tuple[int, Key]], *, now: int) -> None:
    """Try again to address what waited for someone of whom more is known now."""
    by_workspace: dict[int, set[Key]] = {}
    for workspace_id, key in news:
        by_workspace.setdefault(workspace_id, set()).add(key)
    standings = readiness.standings(connection, by_workspace)
    for workspace_id, keys in sorted(by_workspace.items()):
        for found in _wanting(connection, workspace_id, keys, State.WAITING):
            _address(connection, from_row(found), standings.get(workspace_id), now)


def appeared(connection: Connection, workspace_id: int, people: Iterable[Identifier], *, now: int) -> int:
    """Try at once what is parked because Intercom did not know one of `people`; how many those were."""
    keys = {identifier.key for identifier in people}
    ids = [(workspace_id, row["id"]) for row in _wanting(connection, workspace_id, keys, State.PARKED)]
    queue.set_state(connection, ids, State.DUE, None, now=now)
    queue.wake(connection, ids, now=now)
    return len(ids)


def _wanting(connection: Connection, workspace_id: int, keys: Collection[Key], state: State) -> Iterator[RowMapping]:
    """Deliveries in `state` that want one of `keys`, by id, however many; nobody else changes them meanwhile."""
    last = b""
    while page := _page(connection, workspace_id, keys, after=last):
        last = page[-1]
        here = (deliveries.c.workspace_id == workspace_id, deliveries.c.id.in_(page))
        query = select(deliveries).where(*here, deliveries.c.state == state.value).order_by(deliveries.c.id)
        yield from connection.execute(query.with_for_update()).mappings().all()


def _page(connection: Connection, workspace_id: int, keys: Collection[Key], *, after: Key) -> Sequence[Key]:
    query = (
        select(wanted.c.delivery_id)
        .where(
            wanted.c.workspace_id == workspace_id,
            wanted.c.identifier.in_(sorted(keys)),
            wanted.c.delivery_id > after,
        )
        .distinct()
        .order_by(wanted.c.delivery_id)
        .limit(AT_ONCE)
    )
    return connection.scalars(query).all()


def _address(connection: Connection, waiting: Delivery, standing: Standing | None, now: int) -> None:
    """Address one if that is possible now; else it goes on waiting, for what it leads to now."""
    each = (waiting.workspace_id, waiting.id)
    match directory.resolve(connection, waiting.workspace_id, waiting.contact):
        case Unresolved(reason, wanted_now):
            queue.set_state(connection, [each], State.WAITING, reason, now=now)
            queue.want(connection, each, wanted_now)
        case Resolved() as resolved:
            _leave_waiting(connection, waiting, resolved, standing, now)


def _leave_waiting(
    connection: Connection, waiting: Delivery, resolved: Resolved, standing: Standing | None, now: int
) -> None:
    each, identifier = (waiting.workspace_id, waiting.id), resolved.identifier
    state, reason = readiness.ready(standing, (*waiting.contact, identifier))
    second = seconds.reserve(connection, [_wish(waiting, resolved)])[waiting.id]
    if second is None:
        state, reason, second = State.DEAD, "no_free_second", waiting.created_at
    more: dict[str, Any] = {
        "identifier_kind": identifier.kind.value,
        "identifier_value": identifier.value,
        "created_at": second,
    }
    queue.set_state(connection, [each], state, reason, now=now, **more)
    queue.forget_wants(connection, each)
    if state is State.DUE:
        queue.put(connection, {each: now})


def _wish(waiting: Delivery, resolved: Resolved) -> Wish:
    return Wish(
        waiting.workspace_id,
        waiting.id,
        tuple(sorted({way.key for way in (resolved.identifier, *resolved.also)})),
        name_key(waiting.name),
        waiting.created_at,
        max(waiting.created_at, waiting.mapped_at // 1000),
    )
