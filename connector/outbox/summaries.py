"""What Intercom is told of in counts instead of events: which deliveries a summary counts, and what became of it.

    held `for_summary` ──► held `in_summary` ──► delivered          Intercom has counted it
           ▲    │                │   └─────────► held `summary_in_doubt`   nobody can tell; an operator decides
           │    │                └─────────────► held `summary_refused`, `summary_no_user`
           │    └─ released, or discarded, by an operator: it is an event again, and in no summary
           └────── those two, when the next backfill with summaries begins

A summary adds to a count, and Intercom drops no double of it. So a delivery's state is the lock: it leaves
`for_summary` in the transaction that writes the summary's row, which names it, and while it is `in_summary` nobody
replays, releases or discards it. Sending and asking is `sync.summarise`'s.  [SQL of `summaries`]
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from connector.database.rows import insert_new, parts
from connector.database.tables import attempts, deliveries, seconds, summaries
from connector.events import Identifier, IdentifierKind, Key
from connector.intercom.listed_events import EventCount
from connector.outbox import admission, lanes, queue
from connector.outbox.admission import Opened
from connector.outbox.delivery import State, name_key
from connector.outbox.summary import (
    FOR_SUMMARY,
    IN_DOUBT,
    IN_SUMMARY,
    MOST,
    NO_USER,
    REFUSED,
    Group,
    Summary,
    Try,
    as_attempt,
    as_row,
    from_row,
)


@dataclass(frozen=True, slots=True)
class NotNow:
    """Why no summary was made: its name is stopped or has no place, or nothing is left to count."""

    reason: str | None = None
    opened: tuple[Opened, ...] = ()


def groups(connection: Connection, workspace_id: int, *, limit: int = 200) -> list[Group]:
    """Some of the people and names of which something is still to be counted."""
    columns = deliveries.c
    query = (
        select(columns.id, columns.identifier_kind, columns.identifier_value, columns.name, columns.contact)
        .where(*_held(workspace_id, FOR_SUMMARY))
        .order_by(columns.updated_at)
        .limit(limit)
    )
    found: dict[tuple[Identifier, str], Group] = {}
    for row in connection.execute(query):
        who = Identifier(IdentifierKind(row.identifier_kind), row.identifier_value)
        found.setdefault((who, row.name), Group(workspace_id, row.id, who, row.name, _user_id(who, row.contact)))
    return list(found.values())


def _user_id(who: Identifier, contact: str) -> str | None:
    """Only what the delivery goes to, or would fall back on: Intercom takes it for the same person."""
    ways = [who, *(Identifier(IdentifierKind(kind), value) for kind, value in json.loads(contact))]
    return next((way.value for way in ways if way.kind is IdentifierKind.USER_ID), None)


def make(connection: Connection, group: Group, user_id: str, *, now: int) -> Summary | NotNow:
    """Take up to `MOST` of a group out of what is to be counted, into a summary of their own."""
    lanes.opened(connection, group.workspace_id)  # whoever gives names their places waits for each other
    door = admission.may_use(connection, group.workspace_id, group.name, now=now)
    if door.reason is not None:
        for some in parts(_ids(connection, group)):
            _move(connection, group.workspace_id, some, FOR_SUMMARY, door.reason, now=now)
        return NotNow(door.reason, door.opened)
    taken: list[tuple[Key, int]] = []
    for some in parts(_ids(connection, group)):
        taken += _move(connection, group.workspace_id, some, FOR_SUMMARY, IN_SUMMARY, now=now)
    if not taken:
        return NotNow()
    times = [second for _, second in taken]
    ids = tuple(sorted(key for key, _ in taken))
    made = Summary(
        group.workspace_id, secrets.token_bytes(16), user_id, group.name, len(taken), min(times), max(times), ids
    )
    connection.execute(insert(summaries).values(as_row(made, now)))
    return made


def pass_over(connection: Connection, group: Group, reason: str, *, now: int) -> int:
    """Have a group wait for somebody to decide; how many deliveries those were."""
    return sum(
        len(_move(connection, group.workspace_id, some, FOR_SUMMARY, reason, now=now))
        for some in parts(_ids(connection, group))
    )


def again(connection: Connection, workspace_id: int, *, now: int) -> None:
    """What Intercom surely has not counted is to be counted once more: its contact may be there by now."""
    for reason in (NO_USER, REFUSED):
        values = {"reason": FOR_SUMMARY, "updated_at": now}
        connection.execute(update(deliveries).where(*_held(workspace_id, reason)).values(values))


def trying(connection: Connection, summary: Summary, before: EventCount | None, *, now: int) -> Summary | None:
    """From here on Intercom may have it; None where its person was forgotten, or it is no longer what it was."""
    still = sum(len(_still(connection, summary.workspace_id, some)) for some in parts(summary.deliveries))
    if still != summary.count:
        _undo(connection, summary, FOR_SUMMARY, now=now)
        return None
    said = None if before is None else json.dumps([before.name, before.count, before.first, before.last])
    there = connection.execute(update(summaries).where(*_here(summary)).values(before=said, tried_at=now)).rowcount
    return replace(summary, before=before, tried_at=now) if there else None


def untried(connection: Connection, summary: Summary) -> None:
    """It is certain that Intercom has not got it."""
    connection.execute(update(summaries).where(*_here(summary)).values(tried_at=None))


def page(connection: Connection, workspace_id: int) -> list[Summary]:
    """What is on its way, the oldest first."""
    query = select(summaries).where(summaries.c.workspace_id == workspace_id).order_by(summaries.c.made_at)
    return [from_row(row) for row in connection.execute(query).mappings()]


def settle(connection: Connection, summary: Summary, tried: Try, *, now: int, held: str | None = None) -> int:
    """Write down how it ended: counted, or its deliveries `held` for that reason; how many those are."""
    ids = [key for some in parts(summary.deliveries) for key in _still(connection, summary.workspace_id, some)]
    here = [(summary.workspace_id, key) for key in ids]
    before = queue.tries(connection, here)
    insert_new(
        connection, attempts, [as_attempt(*each, before.get(each, queue.Tried()).number + 1, tried) for each in here]
    )
    if held is None:
        queue.settle(connection, here, State.DELIVERED, None, now=now, delivered_at=now)
    else:
        queue.set_state(connection, here, State.HELD, held, now=now)
    connection.execute(delete(summaries).where(*_here(summary)))
    return len(ids)


def ours_since(connection: Connection, summary: Summary, since: int) -> int:
    """How many events of the name and user Intercom has taken of us since then (milliseconds)."""
    query = (
        select(func.count())
        .select_from(seconds)
        .join(
            deliveries,
            (deliveries.c.workspace_id == seconds.c.workspace_id) & (deliveries.c.id == seconds.c.delivery_id),
        )
        .where(
            seconds.c.workspace_id == summary.workspace_id,
            seconds.c.identifier == Identifier(IdentifierKind.USER_ID, summary.user_id).key,
            seconds.c.name == name_key(summary.name),
            or_(deliveries.c.delivered_at >= since, deliveries.c.state == State.DUE.value),
        )
    )
    return connection.scalar(query) or 0


def restored(connection: Connection, *, now: int) -> None:
    """The database is that of a backup: what was to be counted then may have been since, and nobody can tell."""
    reasons = (FOR_SUMMARY, IN_SUMMARY, NO_USER, REFUSED)
    here = (deliveries.c.state == State.HELD.value, deliveries.c.reason.in_(reasons))
    connection.execute(update(deliveries).where(*here).values(reason=IN_DOUBT, updated_at=now))
    connection.execute(delete(summaries))


def forget(connection: Connection, workspace_id: int, ids: Collection[Key], *, now: int) -> None:
    """These deliveries are a person's who is deleted: the counts that they are in are not sent."""
    for each in page(connection, workspace_id) if ids else ():
        if not set(each.deliveries).isdisjoint(ids):
            _undo(connection, each, IN_DOUBT if each.tried_at else FOR_SUMMARY, now=now)


def _undo(connection: Connection, summary: Summary, reason: str, *, now: int) -> None:
    for some in parts(summary.deliveries):
        _move(connection, summary.workspace_id, some, IN_SUMMARY, reason, now=now)
    connection.execute(delete(summaries).where(*_here(summary)))


def _ids(connection: Connection, group: Group) -> list[Key]:
    """The group's deliveries, by the index that keeps their seconds apart."""
    here = (
        seconds.c.workspace_id == group.workspace_id,
        seconds.c.identifier == group.identifier.key,
        seconds.c.name == name_key(group.name),
    )
    same = (deliveries.c.workspace_id == seconds.c.workspace_id) & (deliveries.c.id == seconds.c.delivery_id)
    query = (
        select(deliveries.c.id)
        .select_from(seconds)
        .join(deliveries, same)
        .where(
            *here,
            deliveries.c.state == State.HELD.value,
            deliveries.c.reason == FOR_SUMMARY,
            deliveries.c.identifier_kind == group.identifier.kind.value,
            deliveries.c.identifier_value == group.identifier.value,
        )
        .order_by(seconds.c.second)
        .limit(MOST)
    )
    return list(dict.fromkeys([group.seed, *connection.scalars(query)]))[:MOST]


def _move(
    connection: Connection, workspace_id: int, ids: Sequence[Key], old: str, new: str, *, now: int
) -> list[tuple[Key, int]]:
    """Give held deliveries another reason; those that had the old one, with their seconds."""
    statement = (
        update(deliveries)
        .where(*_held(workspace_id, old), deliveries.c.id.in_(ids))
        .values(reason=new, updated_at=now)
        .returning(deliveries.c.id, deliveries.c.created_at)
    )
    return [(row.id, row.created_at) for row in connection.execute(statement)]


def _still(connection: Connection, workspace_id: int, ids: Sequence[Key]) -> list[Key]:
    """Those that nobody has emptied meanwhile."""
    query = select(deliveries.c.id).where(*_held(workspace_id, IN_SUMMARY), deliveries.c.id.in_(ids))
    return list(connection.scalars(query))


def _held(workspace_id: int, reason: str) -> tuple[Any, ...]:
    return (
        deliveries.c.workspace_id == workspace_id,
        deliveries.c.state == State.HELD.value,
        deliveries.c.reason == reason,
    )


def _here(summary: Summary) -> tuple[Any, ...]:
    return summaries.c.workspace_id == summary.workspace_id, summaries.c.id == summary.id
