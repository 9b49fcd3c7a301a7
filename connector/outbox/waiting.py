"""Deliveries that wait for somebody: those nobody is known for, and those whose contact Intercom does not know, yet.

The first are addressed when evidence tells whom they are for, the others tried when their contact appears.
[SQL of the outbox]
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from connector.contacts import directory
from connector.contacts.directory import Resolution, Resolved, Unresolved
from connector.database.rows import ByKeys, parts, run_many
from connector.database.tables import deliveries, received_events, wanted
from connector.events import Identifier, Key
from connector.outbox import queue, readiness, seconds
from connector.outbox.delivery import Delivery, State, from_row, name_key
from connector.outbox.readiness import Standing
from connector.outbox.seconds import Wish

AT_ONCE = 500
"""Deliveries looked at together."""
HINT_MS, HINTS_APART_MS = 5_000, 60_000
"""Whoever told us has told Intercom at about the same time; and tells us with every page that is looked at."""


def address(connection: Connection, news: Iterable[tuple[int, Key]], *, now: int) -> None:
    """Try again to address what waited for someone of whom more is known now."""
    by_workspace: dict[int, set[Key]] = {}
    for workspace_id, key in news:
        by_workspace.setdefault(workspace_id, set()).add(key)
    for workspace_id, keys in sorted(by_workspace.items()):
        for page in _wanting(connection, workspace_id, keys, State.WAITING):
            standing = readiness.standings(connection, [workspace_id]).get(workspace_id)
            _address(connection, page, standing, now)


def appeared(connection: Connection, workspace_id: int, people: Iterable[Identifier], *, now: int) -> int:
    """Try at once what is parked because Intercom did not know one of `people`; how many those were."""
    count = 0
    for page in _wanting(connection, workspace_id, {identifier.key for identifier in people}, State.PARKED):
        ids = [(workspace_id, parked.id) for parked in page]
        queue.set_state(connection, ids, State.DUE, None, now=now)
        queue.wake(connection, ids, now=now)
        count += len(ids)
    return count


def anybody_wants(connection: Connection, workspace_id: int, people: Iterable[Identifier]) -> bool:
    """Whether any delivery waits for one of `people`: one look into an index."""
    keys = sorted({identifier.key for identifier in people})
    here = (wanted.c.workspace_id == workspace_id, wanted.c.identifier.in_(keys))
    return connection.execute(select(wanted.c.delivery_id).where(*here).limit(1)).first() is not None


def hint(connection: Connection, workspace_id: int, people: Iterable[Identifier], *, now: int) -> None:
    """Somebody by these identifiers was just identified elsewhere, and may be at Intercom in a moment.

    What is parked for them is tried soon, once a minute at most however often that is said. Unlike `appeared` it is no
    certainty: a ladder that is being climbed goes on from its step.
    """
    for page in _wanting(connection, workspace_id, {identifier.key for identifier in people}, State.PARKED):
        ids = [(workspace_id, parked.id) for parked in page if parked.updated_at <= now - HINTS_APART_MS]
        queue.bring_forward(connection, ids, due=now + HINT_MS)
        queue.put(connection, dict.fromkeys(ids, now + HINT_MS))


@dataclass(frozen=True, slots=True)
class Unknown:
    """A delivery that nobody is known for, and where its event came in."""

    id: Key
    contact: tuple[Identifier, ...]
    endpoint_id: int
    livemode: bool


def unknown(connection: Connection, workspace_id: int, *, after: Key = b"", limit: int = AT_ONCE) -> list[Unknown]:
    """Deliveries that wait because nobody is known for them, in the order of their ids from behind `after`."""
    same = (received_events.c.workspace_id == deliveries.c.workspace_id) & (
        received_events.c.key == deliveries.c.received_key
    )
    query = (
        select(deliveries, received_events.c.endpoint_id, received_events.c.livemode)
        .join(received_events, same)
        .where(
            deliveries.c.workspace_id == workspace_id,
            deliveries.c.state == State.WAITING.value,
            deliveries.c.reason == "contact_unknown",
            deliveries.c.id > after,
        )
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    return [
        Unknown(row["id"], from_row(row).contact, row["endpoint_id"], row["livemode"])
        for row in connection.execute(query).mappings()
    ]


def _wanting(
    connection: Connection, workspace_id: int, keys: Collection[Key], state: State
) -> Iterator[Sequence[Delivery]]:
    """Deliveries in `state` that want one of `keys`, however many; nobody else changes them meanwhile."""
    for some in parts(sorted(keys)):
        last = b""
        while page := _page(connection, workspace_id, some, after=last):
            last = page[-1]
            here = (deliveries.c.workspace_id == workspace_id, deliveries.c.id.in_(page))
            query = select(deliveries).where(*here, deliveries.c.state == state.value).order_by(deliveries.c.id)
            yield [from_row(row) for row in connection.execute(query.with_for_update()).mappings()]


def _page(connection: Connection, workspace_id: int, keys: Sequence[Key], *, after: Key) -> Sequence[Key]:
    """Of deliveries that want one of `keys`, no more than `NAMED_AT_ONCE`."""
    return [key for (key,) in _WANTING.rows(connection, keys, workspace=workspace_id, after=after)]


_WANTING = ByKeys(
    lambda among: (
        select(wanted.c.delivery_id)
        .where(
            wanted.c.workspace_id == bindparam("workspace"),
            among(wanted.c.identifier),
            wanted.c.delivery_id > bindparam("after", type_=wanted.c.delivery_id.type),
        )
        .distinct()
        .order_by(wanted.c.delivery_id)
        .limit(AT_ONCE)
    )
)


def _address(connection: Connection, waiting: Sequence[Delivery], standing: Standing | None, now: int) -> None:
    """Address those for which that is possible now; the others go on waiting, for what they lead to now."""
    found = _resolutions(connection, waiting)
    resolved: dict[Key, Resolved] = {}
    for each in waiting:
        match found[each.contact]:
            case Unresolved(reason, wanted_now):
                queue.set_state(connection, [(each.workspace_id, each.id)], State.WAITING, reason, now=now)
                queue.want(connection, (each.workspace_id, each.id), wanted_now)
            case Resolved() as whom:
                resolved[each.id] = whom
    leaving = [(each, resolved[each.id]) for each in waiting if each.id in resolved]
    given = seconds.reserve(connection, [_wish(connection, each, whom) for each, whom in leaving])
    rows = [_addressed(each, whom.identifier, given[each.id], standing, now) for each, whom in leaving]
    _leave_waiting(connection, rows, now)


def _resolutions(connection: Connection, waiting: Sequence[Delivery]) -> dict[tuple[Identifier, ...], Resolution]:
    """Whom each contact leads to: many deliveries may wait for the same one."""
    contacts = {each.contact: each.workspace_id for each in waiting}
    return {contact: directory.resolve(connection, workspace_id, contact) for contact, workspace_id in contacts.items()}


def _wish(connection: Connection, waiting: Delivery, resolved: Resolved) -> Wish:
    known = directory.keys_of(connection, waiting.workspace_id, (resolved.identifier, *resolved.also))
    return Wish(
        waiting.workspace_id,
        waiting.id,
        tuple(sorted(known)),
        name_key(waiting.name),
        waiting.created_at,
        max(waiting.created_at, waiting.mapped_at // 1000),
    )


def _addressed(
    waiting: Delivery, identifier: Identifier, second: int | None, standing: Standing | None, now: int
) -> dict[str, Any]:
    """The new values of its row."""
    state, reason = readiness.ready(standing, (*waiting.contact, identifier))
    if second is None:
        state, reason = State.DEAD, "no_free_second"
    return {
        "the_workspace": waiting.workspace_id,
        "the_delivery": waiting.id,
        "state": state.value,
        "reason": reason,
        "identifier_kind": identifier.kind.value,
        "identifier_value": identifier.value,
        "created_at": waiting.created_at if second is None else second,
        "updated_at": now,
    }


_COLUMNS = ("state", "reason", "identifier_kind", "identifier_value", "created_at", "updated_at")
_LEAVE_WAITING = (
    update(deliveries)
    .where(deliveries.c.workspace_id == bindparam("the_workspace"), deliveries.c.id == bindparam("the_delivery"))
    .values({name: bindparam(name) for name in _COLUMNS})
)


def _leave_waiting(connection: Connection, rows: Sequence[dict[str, Any]], now: int) -> None:
    ids = [(row["the_workspace"], row["the_delivery"]) for row in rows]
    run_many(connection, _LEAVE_WAITING, rows)
    queue.forget_wants(connection, ids)
    due = [each for each, row in zip(ids, rows, strict=True) if row["state"] == State.DUE.value]
    queue.put(connection, dict.fromkeys(due, now))
