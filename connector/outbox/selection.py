"""Which deliveries an operator means: a filter as one value, and the SQL that it is.  [SQL of the outbox, reading only]

Acting on many goes along their keys, page by page, each page found outside of any transaction and looked at again in
the one that acts: what another operator, a retry or an answer has changed meanwhile is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Integer, and_, cast, exists, func, or_, select, tuple_, union_all

from connector.database.tables import attempts, deliveries, received_events, seconds, wanted
from connector.events import Identifier, Key
from connector.outbox.delivery import State
from connector.outbox.queue import Id, among

NOWHERE: Id = (0, b"")
"""Before the first delivery."""
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deliveries; None is any. Times in milliseconds, `happened_from` in Unix seconds."""

    workspace_id: int | None = None
    states: tuple[State, ...] = ()
    name: str | None = None
    reasons: tuple[str, ...] = ()
    contact: Identifier | None = None
    mapping_digest: str | None = None
    received_type: str | None = None
    status: int | None = None
    """Of any of its attempts."""
    since: int | None = None
    """Changed then or later."""
    until: int | None = None
    """Changed before."""
    happened_from: int | None = None
    mapped_before: int | None = None
    """Made before: what a command itself makes anew is not what it was asked about."""
    one: Key | None = None


def conditions(wanted_ones: Selection) -> Iterator[ColumnElement[bool]]:
    """`wanted_ones` as conditions on `deliveries`."""
    columns = deliveries.c
    for column, value in (
        (columns.workspace_id, wanted_ones.workspace_id),
        (columns.name, wanted_ones.name),
        (columns.id, wanted_ones.one),
    ):
        if value is not None:
            yield column == value
    if wanted_ones.mapping_digest is not None:  # how it begins is enough, as people copy it
        yield columns.mapping_digest.startswith(wanted_ones.mapping_digest, autoescape=True)
    if wanted_ones.states:
        yield columns.state.in_([state.value for state in wanted_ones.states])
    if wanted_ones.reasons:
        yield columns.reason.in_(wanted_ones.reasons)
    yield from _times(wanted_ones)
    yield from _elsewhere(wanted_ones)


def _times(wanted_ones: Selection) -> Iterator[ColumnElement[bool]]:
    columns = deliveries.c
    if wanted_ones.since is not None:
        yield columns.updated_at >= wanted_ones.since
    if wanted_ones.until is not None:
        yield columns.updated_at < wanted_ones.until
    if wanted_ones.happened_from is not None:
        yield columns.created_at >= wanted_ones.happened_from
    if wanted_ones.mapped_before is not None:
        yield columns.mapped_at <= wanted_ones.mapped_before


def _elsewhere(wanted_ones: Selection) -> Iterator[ColumnElement[bool]]:
    """What other tables say of a delivery."""
    columns = deliveries.c
    if wanted_ones.contact is not None:
        yield _is_for(wanted_ones.contact)
    if wanted_ones.received_type is not None:
        yield exists().where(
            received_events.c.workspace_id == columns.workspace_id,
            received_events.c.key == columns.received_key,
            received_events.c.type == wanted_ones.received_type,
        )
    if wanted_ones.status is not None:
        yield exists().where(
            attempts.c.workspace_id == columns.workspace_id,
            attempts.c.delivery_id == columns.id,
            attempts.c.status == wanted_ones.status,
        )


def _is_for(contact: Identifier) -> ColumnElement[bool]:
    """For whom a delivery has its second, who it waits for, or whom it is addressed to."""
    columns = deliveries.c
    known = [
        exists().where(
            table.c.workspace_id == columns.workspace_id,
            table.c.identifier == contact.key,
            table.c.delivery_id == columns.id,
        )
        for table in (seconds, wanted)
    ]
    addressed = and_(columns.identifier_kind == contact.kind.value, columns.identifier_value == contact.value)
    return or_(*known, addressed)


def count(connection: Connection, wanted_ones: Selection) -> int:
    """How many they are."""
    return connection.scalar(select(func.count()).select_from(deliveries).where(*conditions(wanted_ones))) or 0


def count_by_name(
    connection: Connection, wanted_ones: Selection, *, most: int | None = None
) -> list[tuple[str, str, str | None, int]]:
    """(name, state, reason, count), the most first; of `most` of them where that is given."""
    names = ("name", "state", "reason")
    found = select(*(deliveries.c[name] for name in names)).where(*conditions(wanted_ones)).limit(most).subquery()
    columns = [found.c[name] for name in names]
    query = select(*columns, func.count()).group_by(*columns)
    rows = [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def count_older(connection: Connection, wanted_ones: Selection, *, than: int, most: int | None = None) -> int:
    """How many of them, or of `most` of them, happened before `than` (milliseconds), by their sender's time."""
    keys = (deliveries.c.workspace_id, deliveries.c.received_key)
    found = select(*keys).where(*conditions(wanted_ones)).limit(most).subquery()
    same = and_(received_events.c.workspace_id == found.c.workspace_id, received_events.c.key == found.c.received_key)
    happened = func.coalesce(received_events.c.occurred_at * 1000, received_events.c.received_at)
    query = select(func.count()).select_from(found).join(received_events, same)
    return connection.scalar(query.where(happened < than)) or 0


def count_by_day(
    connection: Connection, workspace_id: int, *, since: int, newest: int | None = None
) -> list[tuple[int, str, int]]:
    """(day since 1970, name, count) of what was made since; of the `newest` of each state where that is given."""
    columns = deliveries.c
    parts = [
        select(columns.name, columns.mapped_at)
        .where(columns.workspace_id == workspace_id, columns.state == state.value, columns.updated_at >= since)
        .order_by(columns.updated_at.desc())  # walks the index by state and time
        .limit(newest)
        .subquery()
        for state in State
    ]
    found = union_all(*(select(part) for part in parts)).subquery()
    day = cast(found.c.mapped_at / DAY_MS, Integer)
    query = select(day, found.c.name, func.count()).where(found.c.mapped_at >= since).group_by(day, found.c.name)
    return [(int(row[0]), row[1], row[2]) for row in connection.execute(query)]


def page(connection: Connection, wanted_ones: Selection, *, after: Id, limit: int) -> list[Id]:
    """The next of them, in the order of their keys."""
    keys = (deliveries.c.workspace_id, deliveries.c.id)
    query = select(*keys).where(*conditions(wanted_ones)).order_by(*keys).limit(limit)
    if after != NOWHERE:
        query = query.where(tuple_(*keys) > after)
    return [(row.workspace_id, row.id) for row in connection.execute(query)]


def still(connection: Connection, wanted_ones: Selection, ids: Sequence[Id]) -> list[Id]:
    """Those of `ids` that still are what is meant; nobody else changes them until this transaction ends."""
    found: list[Id] = []
    for here in among(deliveries, "id", ids):
        query = select(deliveries.c.workspace_id, deliveries.c.id).where(here, *conditions(wanted_ones))
        rows = connection.execute(query.order_by(deliveries.c.id).with_for_update())
        found += [(row.workspace_id, row.id) for row in rows]
    return found
