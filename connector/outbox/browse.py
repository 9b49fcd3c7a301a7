"""Looking through deliveries page by page, the latest changed first, whatever is asked for.  [SQL, reading only]

No page reads a table: it walks an index by workspace, state and time (or by reason, failed try or person), and looks at
no more than `WINDOW` rows of each state. What an index does not answer is sifted within that window; a page then says
how far back it has looked, and the next one goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, func, select, text, tuple_, union_all

from connector.contacts import directory
from connector.database.rows import parts
from connector.database.tables import attempts, deliveries, seconds
from connector.database.tables import wanted as wants
from connector.events import Identifier, Key
from connector.outbox.delivery import Delivery, State, from_row
from connector.outbox.selection import Selection, conditions

WINDOW = 5_000
"""Rows of each state in which a page looks for what no index answers."""
MOST_OF_ONE = 2_000
"""Deliveries of one person, or failed tries of one status, that are looked through."""
COUNTED = 10_000
"""As far as anything is counted for a page: beyond, there are "more than"."""

Place: TypeAlias = tuple[int, Key]
"""(updated_at, id) of a delivery in the list."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page. `next` is where the next one begins, None at the end; `looked_back_to` (milliseconds) is set where
    older ones were not looked at yet.
    """

    items: tuple[Delivery, ...]
    next: Place | None = None
    looked_back_to: int | None = None


def browse(connection: Connection, wanted: Selection, *, before: Place | None, limit: int) -> Found:
    """A page of what is meant; `wanted` names a workspace."""
    assert wanted.workspace_id is not None
    if wanted.contact is not None:
        return _among(connection, wanted, _of_contact(connection, wanted.workspace_id, wanted.contact), before, limit)
    if wanted.status is not None:
        ids = failed_with(connection, wanted.workspace_id, wanted.status)
        return _among(connection, replace(wanted, status=None), ids, before, limit)
    return _walk(connection, wanted, before, limit)


def _place() -> tuple[ColumnElement[int], ColumnElement[bytes]]:
    return deliveries.c.updated_at, deliveries.c.id


def _walk(connection: Connection, wanted: Selection, before: Place | None, limit: int) -> Found:
    sifted = wanted.name is not None or wanted.received_type is not None or wanted.mapping_digest is not None
    edge = _edge(connection, wanted, before) if sifted else None
    query = walk(wanted, before=before, limit=limit + 1, edge=edge)
    rows = [from_row(row) for row in connection.execute(query).mappings()]
    if len(rows) > limit:
        last = rows[limit - 1]
        return Found(tuple(rows[:limit]), (last.updated_at, last.id))
    return Found(tuple(rows), edge, edge and edge[0])


def walk(wanted: Selection, *, before: Place | None, limit: int, edge: Place | None = None) -> Select[Any]:
    """Each state's part along its index, merged; `edge` is the oldest place that is looked at."""
    merged = union_all(*(_part(each, before, edge).limit(limit).subquery().select() for each in _by_state(wanted)))
    found = merged.subquery("found")
    return select(found).order_by(found.c.updated_at.desc(), found.c.id.desc()).limit(limit)


def _part(wanted: Selection, before: Place | None, edge: Place | None) -> Select[Any]:
    query = select(deliveries).where(*conditions(wanted), *_because(wanted), *_between(before, edge))
    return query.order_by(*(each.desc() for each in _place()))


def _by_state(wanted: Selection) -> Iterator[Selection]:
    for state in wanted.states or tuple(State):
        yield replace(wanted, states=(state,))


def _because(wanted: Selection) -> Iterator[ColumnElement[bool]]:
    """Word for word the condition of the partial index, which SQLite does not see in an IN."""
    if wanted.reasons:
        yield text("deliveries.reason IS NOT NULL")  # type: ignore[misc]


def _between(before: Place | None, edge: Place | None) -> Iterator[ColumnElement[bool]]:
    if before is not None:
        yield deliveries.c.updated_at <= before[0]
        yield tuple_(*_place()) < before
    if edge is not None:
        yield deliveries.c.updated_at >= edge[0]
        yield tuple_(*_place()) >= edge


def _edge(connection: Connection, wanted: Selection, before: Place | None) -> Place | None:
    """The oldest place up to which every state has at most `WINDOW` rows; None where all can be looked at."""
    found: list[Place] = []
    indexed = replace(wanted, name=None, received_type=None, mapping_digest=None)
    for each in _by_state(indexed):
        query = select(*_place()).where(*conditions(each), *_because(each), *_between(before, None))
        ordered = query.order_by(*(place.desc() for place in _place())).offset(WINDOW).limit(1)
        found += [(row.updated_at, row.id) for row in connection.execute(ordered)]
    return max(found, default=None)


def _among(connection: Connection, wanted: Selection, ids: Sequence[Key], before: Place | None, limit: int) -> Found:
    """The page of some deliveries that are known by id."""
    rest = replace(wanted, contact=None)
    found: list[Delivery] = []
    for some in parts(ids):
        query = select(deliveries).where(*conditions(rest), deliveries.c.id.in_(some), *_between(before, None))
        newest = query.order_by(*(each.desc() for each in _place())).limit(limit + 1)
        found += [from_row(row) for row in connection.execute(newest).mappings()]
    found.sort(key=lambda each: (each.updated_at, each.id), reverse=True)
    more = len(found) > limit
    items = found[:limit]
    return Found(tuple(items), (items[-1].updated_at, items[-1].id) if more else None)


def _of_contact(connection: Connection, workspace_id: int, contact: Identifier) -> list[Key]:
    """The deliveries for whoever is called so, by any name that leads to them, the latest first."""
    known = sorted({contact.key, *directory.keys_of(connection, workspace_id, (contact,))})
    found: dict[Key, None] = {}
    for some in parts(known):
        here = (seconds.c.workspace_id == workspace_id, seconds.c.identifier.in_(some))
        query = select(seconds.c.delivery_id).where(*here).order_by(seconds.c.second.desc()).limit(MOST_OF_ONE)
        found |= dict.fromkeys(connection.scalars(query))
        waiting = (wants.c.workspace_id == workspace_id, wants.c.identifier.in_(some))
        found |= dict.fromkeys(connection.scalars(select(wants.c.delivery_id).where(*waiting).limit(MOST_OF_ONE)))
    return list(found)


NO_ANSWER = 0
"""In a search: tries to which there was no answer at all."""


def failed_with(connection: Connection, workspace_id: int, status: int) -> list[Key]:
    """The deliveries with a try that went wrong with this status, of the latest such tries."""
    wanted_status = attempts.c.status.is_(None) if status == NO_ANSWER else attempts.c.status == status
    query = (
        select(attempts.c.delivery_id)
        .where(attempts.c.workspace_id == workspace_id, wanted_status, text("attempts.outcome <> 'delivered'"))
        .order_by(attempts.c.started_at.desc())
        .limit(MOST_OF_ONE)
    )
    return list(dict.fromkeys(connection.scalars(query)))


def count_up_to(connection: Connection, workspace_id: int, state: State, *, most: int = COUNTED) -> int:
    """How many deliveries are in a state; `most` + 1 stands for more than that."""
    here = (deliveries.c.workspace_id == workspace_id, deliveries.c.state == state.value)
    walked = select(deliveries.c.workspace_id).where(*here).order_by(deliveries.c.updated_at)  # along the index
    some = walked.limit(most + 1).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters of one reason: how many (`COUNTED` + 1 is "more"), and when the latest changed."""

    state: State
    reason: str | None
    count: int
    latest: int


def groups(connection: Connection, workspace_id: int, states: Sequence[State]) -> list[Group]:
    """What stands still in some states, by reason, the most first. Jumps from one reason to the next."""
    found = [each for state in states for each in _groups(connection, workspace_id, state)]
    return sorted(found, key=lambda each: (-each.count, each.reason or ""))


def _groups(connection: Connection, workspace_id: int, state: State) -> Iterator[Group]:
    here = (
        deliveries.c.workspace_id == workspace_id,
        deliveries.c.state == state.value,
        text("deliveries.reason IS NOT NULL"),
    )
    last = ""
    while True:
        following = select(func.min(deliveries.c.reason)).where(*here, deliveries.c.reason > last)
        reason = connection.scalar(following)
        if reason is None:
            return
        these = (*here, deliveries.c.reason == reason)
        some = select(deliveries.c.workspace_id).where(*these).limit(COUNTED + 1).subquery()
        count = connection.scalar(select(func.count()).select_from(some)) or 0
        latest = connection.scalar(select(func.max(deliveries.c.updated_at)).where(*these)) or 0
        yield Group(state, reason, count, latest)
        last = reason


def with_prefix(connection: Connection, workspace_id: int, prefix: bytes, *, limit: int = 20) -> list[Delivery]:
    """The deliveries whose id, or whose event's key, begins so."""
    last = prefix + b"\xff" * (16 - len(prefix))
    found: dict[Key, Delivery] = {}
    for column in (deliveries.c.id, deliveries.c.received_key):  # each along its own index
        here = (deliveries.c.workspace_id == workspace_id, column.between(prefix, last))
        query = select(deliveries).where(*here).order_by(column).limit(limit)
        found |= {row["id"]: from_row(row) for row in connection.execute(query).mappings()}
    return list(found.values())[:limit]
