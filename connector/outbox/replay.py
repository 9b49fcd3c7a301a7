"""What an operator does to deliveries: replay, discard, release.  [SQL of the outbox]

What Intercom surely never took may change: it is translated afresh, by today's mapping. What it may have taken goes
out again with the same identity, so that it drops a double. What it has is not sent again unless as a new event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, delete, insert, select

from connector.contacts import directory
from connector.database.tables import deliveries, queue
from connector.events import Key, Priority
from connector.inbox import store
from connector.outbox import history, seconds
from connector.outbox import queue as queue_sql
from connector.outbox.delivery import FINAL, FORGOTTEN, Delivery, State, delivery_id, name_key
from connector.outbox.seconds import Wish
from connector.outbox.summaries import IN_SUMMARY

BODY_GONE = "its body is no longer kept"
IN_A_SUMMARY = "it is in a count that is on its way to Intercom: the backfill that made it, begun again, settles it"
NO_LONGER_KEPT = "what it said is no longer kept"
HELD_ALREADY = (
    "Intercom already holds this event and ignores a second one for this contact, name and second. "
    "--as-new sends it with another second: a second event will appear"
)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was set going: `how` is translated_afresh, same_identity or as_new."""

    how: str
    delivery_id: Key


@dataclass(frozen=True, slots=True)
class NotReplayed:
    """Why nothing was set going, as a sentence."""

    why: str


Replay: TypeAlias = Replayed | NotReplayed


def replay(connection: Connection, workspace_id: int, delivery: Key, *, now: int, as_new: bool = False) -> Replay:
    """Have one delivery sent again, as far as that is right. Two who ask at once are served one after the other."""
    here = (deliveries.c.workspace_id == workspace_id, deliveries.c.id == delivery)
    connection.execute(select(deliveries.c.id).where(*here).with_for_update())
    found = history.find(connection, workspace_id, delivery)
    if found is None:
        return NotReplayed("there is no such delivery")
    if found.reason == FORGOTTEN or (found.state is State.DELIVERED and found.identifier is None):
        return NotReplayed("the person it was for was deleted, and all that it said with them")
    if found.reason == IN_SUMMARY:
        return NotReplayed(IN_A_SUMMARY)
    queued = _queued(connection, found)
    if queued is not None and queued["lease_id"] is not None:
        return NotReplayed("it is being tried right now")
    if found.state in FINAL and found.identifier is None and not found.contact:
        return NotReplayed(NO_LONGER_KEPT)
    if found.state is State.DELIVERED:
        return _as_new(connection, found, now) if as_new else NotReplayed(HELD_ALREADY)
    if _is_final(connection, found, queued):
        return _same_identity(connection, found, now)
    return _afresh(connection, found, now)


def replay_event(connection: Connection, workspace_id: int, received: Key, *, now: int) -> list[Replay]:
    """Have a received event mapped again; its deliveries are replayed by their own rules."""
    page = history.page(connection, history.Filter(workspace_id, received_key=received), limit=1_000)
    replays = [replay(connection, workspace_id, found.id, now=now) for found in page]
    if not store.reopen(connection, workspace_id, received):
        return [*replays, NotReplayed(BODY_GONE)]
    return replays


def discard(connection: Connection, workspace_id: int, delivery: Key, *, now: int) -> bool:
    """Give a delivery up; False where Intercom has it, or may just now. A late answer can still make it delivered."""
    found = history.find(connection, workspace_id, delivery)
    if found is None or found.state is State.DELIVERED or found.reason == IN_SUMMARY:
        return False
    queue_sql.give_up(connection, [(workspace_id, delivery)], State.DISCARDED, "by_operator", now=now)
    return True


def release(
    connection: Connection, workspace_id: int, delivery: Key, *, now: int, priority: Priority = Priority.LIVE
) -> bool:
    """Let a held delivery go out, whatever its age; False where it is not held, or in a count."""
    found = history.find(connection, workspace_id, delivery)
    if found is None or found.state is not State.HELD or found.reason == IN_SUMMARY:
        return False
    each = (workspace_id, delivery)
    queue_sql.set_state(connection, [each], State.DUE, None, now=now, released_at=now)
    queue_sql.put(connection, {each: now}, priority=priority)
    return True


def _queued(connection: Connection, found: Delivery) -> RowMapping | None:
    """The delivery's row in the queue, which nobody claims or completes until this transaction ends."""
    query = select(queue).where(queue.c.workspace_id == found.workspace_id, queue.c.delivery_id == found.id)
    return connection.execute(query.with_for_update()).mappings().one_or_none()


def _is_final(connection: Connection, found: Delivery, queued: RowMapping | None) -> bool:
    """Whether its identity must stay: a try of it may have arrived, or it is one that no mapping makes again."""
    each = (found.workspace_id, found.id)
    tried = queue_sql.tries(connection, [each]).get(each)
    interrupted = queued is not None and queued["claims"] > 0
    return found.generation > 0 or interrupted or (tried is not None and tried.ambiguous)


def _wake(connection: Connection, found: Delivery, now: int) -> None:
    each = (found.workspace_id, found.id)
    queue_sql.set_state(connection, [each], State.DUE, None, now=now)
    queue_sql.wake(connection, [each], now=now)


def _same_identity(connection: Connection, found: Delivery, now: int) -> Replay:
    _wake(connection, found, now)
    return Replayed("same_identity", found.id)


def _afresh(connection: Connection, found: Delivery, now: int) -> Replay:
    """Forget the delivery and map its event again. Its tries are kept: it will have the same id."""
    if not store.reopen(connection, found.workspace_id, found.received_key):
        if found.identifier is None:
            return NotReplayed("its body is no longer kept, and nobody is known whom it is for")
        return _same_identity(connection, found, now)
    each = (found.workspace_id, found.id)
    queue_sql.settle(connection, [each], State.DISCARDED, "replayed", now=now)
    seconds.release(connection, found.workspace_id, [found.id])
    connection.execute(
        delete(deliveries).where(deliveries.c.workspace_id == found.workspace_id, deliveries.c.id == found.id)
    )
    return Replayed("translated_afresh", found.id)


def _as_new(connection: Connection, found: Delivery, now: int) -> Replay:
    """The same event once more, as a generation of its own and at a second of its own."""
    row = dict(_row(connection, found))
    generation = _next_generation(connection, found)
    new_id = delivery_id(found.received_key, found.mapping_id, generation)
    row.update(id=new_id, generation=generation, mapped_at=now, updated_at=now, delivered_at=None, reason=None)
    row["released_at"] = now
    ways = [way for way in (*found.contact, found.identifier) if way]
    wish = Wish(
        found.workspace_id,
        new_id,
        tuple(sorted(directory.keys_of(connection, found.workspace_id, ways))),
        name_key(found.name),
        found.created_at,
        found.mapped_at // 1000,
    )
    second = seconds.reserve(connection, [wish])[new_id]
    if second is None:
        return NotReplayed("there is no free second within an hour for this contact and name")
    connection.execute(insert(deliveries).values(row | {"created_at": second, "state": State.DUE.value}))
    queue_sql.put(connection, {(found.workspace_id, new_id): now})
    return Replayed("as_new", new_id)


def _row(connection: Connection, found: Delivery) -> Any:  # noqa: ANN401 - a row of any columns
    query = select(deliveries).where(deliveries.c.workspace_id == found.workspace_id, deliveries.c.id == found.id)
    return connection.execute(query).mappings().one()


def _next_generation(connection: Connection, found: Delivery) -> int:
    query = select(deliveries.c.generation).where(
        deliveries.c.workspace_id == found.workspace_id,
        deliveries.c.received_key == found.received_key,
        deliveries.c.mapping_id == found.mapping_id,
    )
    return 1 + max(int(generation) for generation in connection.scalars(query))
