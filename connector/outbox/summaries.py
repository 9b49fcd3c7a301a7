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

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update

from connector.database.rows import insert_new, parts
from connector.database.tables import attempts, deliveries, seconds, summaries
from connector.events import Identifier, IdentifierKind, Key, display
from connector.intercom.listed_events import EventCount
from connector.outbox import admission, lanes, queue
from connector.outbox.admission import Opened
from connector.outbox.delivery import State, name_key

FOR_SUMMARY, IN_SUMMARY = "for_summary", "in_summary"
NO_USER, REFUSED, IN_DOUBT = "summary_no_user", "summary_refused", "summary_in_doubt"
"""Reasons of held deliveries; the last three say why Intercom has not surely counted them."""
MOST = 1_000
"""Deliveries in one summary."""


@dataclass(frozen=True, slots=True)
class Group:
    """Deliveries of one person and name that are to be counted; `seed` is one of them."""

    workspace_id: int
    seed: Key
    identifier: Identifier
    name: str
    user_id: str | None
    """What the event itself says that Intercom calls them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One row; `first` and `last` in Unix seconds, `tried_at` in milliseconds. `before` is what Intercom counted
    under the name before it was tried: None where it may not be asked, a count of 0 where there was nothing.
    """

    workspace_id: int
    id: Key
    user_id: str
    name: str
    count: int
    first: int
    last: int
    deliveries: tuple[Key, ...]
    before: EventCount | None = None
    tried_at: int | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """How one call went; times in milliseconds."""

    started_at: int
    duration_ms: int
    status: int | None
    outcome: str
    code: str | None = None
    words: str | None = None
    request_id: str | None = None
    ambiguous: bool = False


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
    connection.execute(insert(summaries).values(_row(made, now)))
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
    return [_summary(row) for row in connection.execute(query).mappings()]


def settle(connection: Connection, summary: Summary, tried: Try, *, now: int, held: str | None = None) -> int:
    """Write down how it ended: counted, or its deliveries `held` for that reason; how many those are."""
    ids = [key for some in parts(summary.deliveries) for key in _still(connection, summary.workspace_id, some)]
    here = [(summary.workspace_id, key) for key in ids]
    before = queue.tries(connection, here)
    insert_new(connection, attempts, [_attempt(each, before.get(each, queue.Tried()), tried) for each in here])
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


def _row(summary: Summary, now: int) -> dict[str, Any]:
    return {
        "workspace_id": summary.workspace_id,
        "id": summary.id,
        "user_id": summary.user_id,
        "name": summary.name,
        "count": summary.count,
        "first": summary.first,
        "last": summary.last,
        "deliveries": json.dumps([key.hex() for key in summary.deliveries]),
        "before": None,
        "tried_at": None,
        "made_at": now,
    }


def _summary(row: RowMapping) -> Summary:
    return Summary(
        row["workspace_id"],
        row["id"],
        row["user_id"],
        row["name"],
        row["count"],
        row["first"],
        row["last"],
        tuple(bytes.fromhex(key) for key in json.loads(row["deliveries"])),
        None if row["before"] is None else EventCount(*json.loads(row["before"])),
        row["tried_at"],
    )


def _attempt(each: queue.Id, before: queue.Tried, tried: Try) -> dict[str, Any]:
    workspace_id, delivery_id = each
    return {
        "workspace_id": workspace_id,
        "delivery_id": delivery_id,
        "number": before.number + 1,
        "started_at": tried.started_at,
        "duration_ms": tried.duration_ms,
        "status": tried.status,
        "outcome": tried.outcome,
        "error_code": tried.code and display(tried.code),
        "words": tried.words,
        "request_id": tried.request_id and display(tried.request_id),
        "identifier_kind": IdentifierKind.USER_ID.value,
        "ambiguous": tried.ambiguous,
        "late": False,
        "manual": False,
    }
