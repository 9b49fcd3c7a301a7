"""What became of a claimed delivery, written in one transaction with what follows from it.  [SQL of the outbox]

A completion is fenced by its lease: one that comes after another process has taken the row over still records its
attempt, and a late 202 still makes the delivery delivered, because Intercom then has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, select, update

from connector.contacts import directory
from connector.contacts.directory import Resolved
from connector.database.rows import ByKeys, insert_new
from connector.database.tables import attempts, queue
from connector.events import Identifier, Key, display
from connector.outbox import queue as queue_sql
from connector.outbox import seconds, stop
from connector.outbox.claim import Claimed
from connector.outbox.completion import Completion
from connector.outbox.delivery import Delivery, State, name_key
from connector.outbox.learn import learn
from connector.outbox.retry import LADDER_MS, Again, Dead, Done, HoldLane, LookUp, Park, StopName, StopWorkspace
from connector.outbox.seconds import Wish


@dataclass(frozen=True, slots=True)
class Completed:
    """Whether the lease had passed to another, and whether this was what stopped the workspace or the name."""

    late: bool
    stopped: bool = False


def complete(connection: Connection, completions: Sequence[Completion]) -> Sequence[Completed]:
    """Write some completions; one result for each. What is delivered, which is most, is written at once."""
    insert_new(connection, attempts, [_attempt(each, late=False) for each in completions])
    delivered = _deliver_what_is_held(connection, completions)
    results = {id(each): _ON_TIME for each in delivered}
    others = [each for each in completions if id(each) not in results]
    leased = _leased_rows(connection, others)
    for each in sorted(others, key=_stops_others):
        results[id(each)] = _complete(connection, each, leased.get(_lease(each.claimed)))
    learn(connection, completions)
    return [results[id(each)] for each in completions]


_ON_TIME = Completed(late=False)


def _stops_others(done: Completion) -> bool:
    """Whether it may give up deliveries that others of its batch are about: it is to be written after those."""
    return isinstance(done.step, StopName)


def _lease(claimed: Claimed) -> tuple[int, Key, Key]:
    return claimed.delivery.workspace_id, claimed.delivery.id, claimed.lease_id


def _deliver_what_is_held(connection: Connection, completions: Sequence[Completion]) -> list[Completion]:
    """Make delivered what was accepted and is still held by its lease; those."""
    by_lease: dict[tuple[int, Key], dict[Key, Completion]] = {}
    for each in completions:
        if isinstance(each.step, Done):
            workspace_id, delivery_id, lease_id = _lease(each.claimed)
            by_lease.setdefault((workspace_id, lease_id), {})[delivery_id] = each
    delivered: list[Completion] = []
    for (workspace_id, lease_id), batch in sorted(by_lease.items()):
        held = _TAKE_HELD.rows(connection, sorted(batch), the_workspace=workspace_id, the_lease=lease_id)
        delivered += [batch[row.delivery_id] for row in held]
    if delivered:
        now, ids = max(each.finished_at for each in delivered), [_id(each) for each in delivered]
        queue_sql.forget_wants(connection, ids)
        queue_sql.set_state(connection, ids, State.DELIVERED, None, now=now, delivered_at=now)
    return delivered


_TAKE_HELD = ByKeys(
    lambda among: (
        delete(queue)
        .where(
            queue.c.workspace_id == bindparam("the_workspace"),
            among(queue.c.delivery_id),
            queue.c.lease_id == bindparam("the_lease"),
        )
        .returning(queue.c.delivery_id)
    )
)


def _leased_rows(connection: Connection, completions: Sequence[Completion]) -> dict[tuple[int, Key, Key], RowMapping]:
    """The queue rows that are still held by the leases of these completions."""
    found: dict[tuple[int, Key, Key], RowMapping] = {}
    for here in queue_sql.among(queue, "delivery_id", {_id(each) for each in completions}):
        query = select(queue).where(here, queue.c.lease_id.is_not(None)).order_by(queue.c.delivery_id).with_for_update()
        for row in connection.execute(query).mappings():
            found[row["workspace_id"], row["delivery_id"], row["lease_id"]] = row
    return found


def _deliver(connection: Connection, done: Completion) -> None:
    now = done.finished_at
    queue_sql.settle(connection, [_id(done)], State.DELIVERED, None, now=now, delivered_at=now)


def _complete(connection: Connection, done: Completion, row: RowMapping | None) -> Completed:
    if row is None:
        return _late(connection, done)
    match done.step:
        case Done():
            _deliver(connection, done)
        case Dead(reason):
            _finish(connection, done, State.DEAD, reason)
        case Again(due) | HoldLane(due):
            _reschedule(connection, done, row, due=due)
        case LookUp():
            _reschedule(connection, done, row, due=done.finished_at)
        case Park(reason, wake_at):
            _park(connection, done, row, reason, wake_at)
        case StopWorkspace(reason):
            _reschedule(connection, done, row, due=done.finished_at)
            return Completed(late=False, stopped=_stop_workspace(connection, done, reason))
        case StopName(reason):
            _finish(connection, done, State.HELD, reason)
            return Completed(late=False, stopped=_stop_name(connection, done))
    return _ON_TIME


def _stop_name(connection: Connection, done: Completion) -> bool:
    delivery = done.claimed.delivery
    return stop.no_place(connection, delivery.workspace_id, delivery.name, done.outcome.words, now=done.finished_at)


def _stop_workspace(connection: Connection, done: Completion, reason: str) -> bool:
    return stop.stop_workspace(
        connection,
        done.claimed.delivery.workspace_id,
        reason,
        (done.trouble or done.outcome).words,
        now=done.finished_at,
        if_unchanged_since=done.mode_seen_at,
    )


def _late(connection: Connection, done: Completion) -> Completed:
    """Its answer takes the place of what was recorded when the row was taken over: that the try was interrupted."""
    delivery = done.claimed.delivery
    connection.execute(
        update(attempts)
        .where(
            attempts.c.workspace_id == delivery.workspace_id,
            attempts.c.delivery_id == delivery.id,
            attempts.c.number == done.claimed.number,
        )
        .values(_attempt(done, late=True))
    )
    if isinstance(done.step, Done):
        _deliver(connection, done)
    return Completed(late=True)


def _finish(connection: Connection, done: Completion, state: State, reason: str | None) -> None:
    queue_sql.settle(connection, [_id(done)], state, reason, now=done.finished_at)


def _id(done: Completion) -> tuple[int, Key]:
    return done.claimed.delivery.workspace_id, done.claimed.delivery.id


def _reschedule(connection: Connection, done: Completion, row: RowMapping, *, due: int, **more: Any) -> None:  # noqa: ANN401
    """Have the delivery tried again at `due`; by the better identifier that a look-up found, if it found one."""
    outcome, step = done.outcome, done.step
    first = row["first_attempt_at"] if row["first_attempt_at"] is not None else done.started_at
    stood_still = due - done.finished_at if isinstance(step, HoldLane) else 0
    values = {
        "due": due,
        "lease_id": None,
        "claims": 0,
        "attempts": row["attempts"] + step.spends_attempt,
        "first_attempt_at": first,
        "stood_still": row["stood_still"] + stood_still,
        "ambiguous": row["ambiguous"] or outcome.ambiguous,
        "lookups": 0 if done.identifier else row["lookups"] + (done.looked_up is not None and done.trouble is None),
        "unknowns": row["unknowns"] + (outcome.name == "unknown"),
        **more,
    }
    here = (queue.c.workspace_id == row["workspace_id"], queue.c.delivery_id == row["delivery_id"])
    connection.execute(update(queue).where(*here).values(values))
    if done.identifier is not None:
        _put_into(connection, done, State.DUE, None, done.identifier)


def _park(connection: Connection, done: Completion, row: RowMapping, reason: str, wake_at: int | None) -> None:
    """Have the delivery wait for its contact, and begin with the mapping's first identifier when that appears."""
    ladder = row["ladder"]
    if ladder < done.claimed.history.ladder:  # the contact appeared while the try was out: what it says is old
        wake_at = done.finished_at + LADDER_MS[0]
    if wake_at is None:
        queue_sql.settle(connection, [_id(done)], State.PARKED, reason, now=done.finished_at)
    else:
        _reschedule(connection, done, row, due=wake_at, ladder=ladder + 1, lookups=0)
    delivery = done.claimed.delivery
    first = _ways(connection, delivery)
    begin_with = delivery.identifier if row["ambiguous"] or not first else first[0]
    people = [way for way in (*delivery.contact, delivery.identifier, *first) if way and way.kind.addresses]
    queue_sql.want(connection, _id(done), people)
    _put_into(connection, done, State.PARKED, reason, begin_with)


def _ways(connection: Connection, delivery: Delivery) -> tuple[Identifier, ...]:
    """How the delivery would be addressed if it were made now, and what else is known of the same person."""
    resolution = directory.resolve(connection, delivery.workspace_id, delivery.contact)
    return (resolution.identifier, *resolution.also) if isinstance(resolution, Resolved) else ()


def _put_into(
    connection: Connection, done: Completion, state: State, reason: str | None, identifier: Identifier | None
) -> None:
    """Put the delivery into `state`, addressed by `identifier`; dead where its second cannot be free for that, too.

    Another identifier than it has only comes here while every attempt was a definite refusal: it is not final yet.
    """
    now, delivery = done.finished_at, done.claimed.delivery
    if identifier is None or identifier == delivery.identifier:
        queue_sql.set_state(connection, [_id(done)], state, reason, now=now)
    elif (second := _second_for(connection, done, identifier)) is None:
        _finish(connection, done, State.DEAD, "no_free_second")
    else:
        more = {"identifier_kind": identifier.kind.value, "identifier_value": identifier.value, "created_at": second}
        queue_sql.set_state(connection, [_id(done)], state, reason, now=now, **more)


def _second_for(connection: Connection, done: Completion, identifier: Identifier) -> int | None:
    """A second that is free for `identifier` as well as for those it is held for already."""
    delivery = done.claimed.delivery
    held = seconds.identifiers(connection, delivery.workspace_id, delivery.id)
    if identifier.key in held:
        return delivery.created_at
    latest = max(delivery.created_at, done.claimed.received_at // 1000)
    known = tuple(sorted(held | {identifier.key}))
    wish = Wish(delivery.workspace_id, delivery.id, known, name_key(delivery.name), delivery.created_at, latest)
    seconds.release(connection, delivery.workspace_id, [delivery.id])
    return seconds.reserve(connection, [wish])[delivery.id]


def _attempt(done: Completion, *, late: bool) -> dict[str, Any]:
    delivery, outcome = done.claimed.delivery, done.outcome
    return {
        "workspace_id": delivery.workspace_id,
        "delivery_id": delivery.id,
        "number": done.claimed.number,
        "started_at": done.started_at,
        "duration_ms": done.answer.duration_ms,
        "status": done.answer.status,
        "outcome": outcome.name,
        "error_code": outcome.code and display(outcome.code),
        "words": outcome.words,
        "request_id": done.answer.request_id and display(done.answer.request_id),
        "identifier_kind": delivery.identifier.kind.value if delivery.identifier else "",
        "ambiguous": outcome.ambiguous,
        "late": late,
        "manual": done.manual,
    }
