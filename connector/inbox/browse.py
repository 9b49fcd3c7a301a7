"""Looking through received events page by page, the newest first, whatever is asked for.  [SQL, reading only]

A page walks the index by workspace and time of receipt and looks at no more than `WINDOW` rows of it: an index for each
question would be paid for by every webhook. A page that has looked at all of them says how far back it has come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, select, text, tuple_

from connector.database.tables import endpoints, received_events
from connector.events import Key, ReceivedState, digest
from connector.inbox.store import ReceivedEvent, found_among

WINDOW = 10_000
Place: TypeAlias = tuple[int, Key]
"""(received_at, key) of an event in the list."""
BROKEN = (ReceivedState.FAILED, ReceivedState.UNPARSEABLE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a workspace; None is any. Times in milliseconds."""

    workspace_id: int
    state: ReceivedState | None = None
    source: str | None = None
    type: str | None = None
    reason: str | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page; `looked_back_to` (milliseconds) is set where older ones were not looked at yet."""

    items: tuple[ReceivedEvent, ...]
    next: Place | None = None
    looked_back_to: int | None = None


def browse(connection: Connection, wanted: Wanted, *, before: Place | None, limit: int) -> Found:
    """A page of what is meant."""
    edge = _edge(connection, wanted, before) if list(_sifted(wanted)) else None
    rows = found_among(connection, walk(wanted, before=before, edge=edge, limit=limit + 1))
    if len(rows) > limit:
        last = rows[limit - 1]
        return Found(tuple(rows[:limit]), (last.received_at, last.key))
    return Found(tuple(rows), edge, edge and edge[0])


def walk(wanted: Wanted, *, before: Place | None, edge: Place | None, limit: int) -> Select[Any]:
    """The query of a page; `edge` is the oldest place that it looks at."""
    query = select(received_events).where(*_indexed(wanted, before), *_sifted(wanted))
    if edge is not None:
        query = query.where(received_events.c.received_at >= edge[0], tuple_(*_place()) >= edge)
    return query.order_by(*(each.desc() for each in _place())).limit(limit)


def _edge(connection: Connection, wanted: Wanted, before: Place | None) -> Place | None:
    query = select(*_place()).where(*_indexed(wanted, before)).order_by(*(each.desc() for each in _place()))
    row = connection.execute(query.offset(WINDOW).limit(1)).one_or_none()
    return None if row is None else (row.received_at, row.key)


def _place() -> tuple[ColumnElement[int], ColumnElement[bytes]]:
    return received_events.c.received_at, received_events.c.key


def _indexed(wanted: Wanted, before: Place | None) -> Iterator[ColumnElement[bool]]:
    columns = received_events.c
    yield columns.workspace_id == wanted.workspace_id
    if wanted.state in BROKEN:
        yield columns.state == wanted.state.value
        yield text("received_events.state IN ('failed', 'unparseable')")  # type: ignore[misc]
    if wanted.since is not None:
        yield columns.received_at >= wanted.since
    if wanted.until is not None:
        yield columns.received_at < wanted.until
    if before is not None:
        yield columns.received_at <= before[0]
        yield tuple_(*_place()) < before


def _sifted(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    columns = received_events.c
    if wanted.state is not None and wanted.state not in BROKEN:
        yield columns.state == wanted.state.value
    for column, value in (
        (columns.source, wanted.source),
        (columns.type, wanted.type),
        (columns.reason, wanted.reason),
    ):
        if value is not None:
            yield column == value


def by_sender_id(connection: Connection, workspace_id: int, external_key: str) -> list[ReceivedEvent]:
    """The events that their sender calls so, from any of the workspace's streams and in either mode."""
    streams = connection.scalars(select(endpoints.c.stream).where(endpoints.c.workspace_id == workspace_id).distinct())
    keys = [digest(stream, live, external_key) for stream in streams for live in (True, False)]
    return by_keys(connection, workspace_id, keys)


def by_keys(connection: Connection, workspace_id: int, keys: Sequence[Key]) -> list[ReceivedEvent]:
    """Some events by their keys."""
    here = (received_events.c.workspace_id == workspace_id, received_events.c.key.in_(keys))
    return found_among(connection, select(received_events).where(*here))


def with_prefix(connection: Connection, workspace_id: int, prefix: bytes, *, limit: int = 20) -> list[ReceivedEvent]:
    """The events whose key begins so."""
    last = prefix + b"\xff" * (16 - len(prefix))
    here = (received_events.c.workspace_id == workspace_id, received_events.c.key.between(prefix, last))
    return found_among(connection, select(received_events).where(*here).order_by(received_events.c.key).limit(limit))
