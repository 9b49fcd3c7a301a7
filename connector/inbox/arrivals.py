"""How messages come into the inbox: each once and with its body, in one statement on either database.  [SQL]

One statement is a transaction by itself, so that most groups are written without BEGIN and COMMIT. On SQLite that
is what makes ingest fast: the driver takes the interpreter's lock back several times for each statement, and beside a
busy event loop waits for it longer than the database works (docs/decisions/0060).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection, Insert, select
from sqlalchemy import insert as insert_into
from sqlalchemy.dialects import postgresql

from connector.database.group_commit import Single
from connector.database.rows import arrays, parts
from connector.database.tables import bodies, received_events
from connector.events import Key, Priority, SourceEvent, digest, display

ROWS_AT_ONCE = 256
"""Messages in one statement of SQLite's."""

_EVENT = (
    "workspace_id",
    "key",
    "endpoint_id",
    "source",
    "external_key",
    "type",
    "livemode",
    "api_version",
    "trust",
    "occurred_at",
    "received_at",
    "state",
    "reason",
    "priority",
)
_BODY = ("workspace_id", "received_at", "key", "body")
_ROW = (*_EVENT, "body")
_Values: TypeAlias = tuple[Any, ...]
"""One message, in the order of `_ROW`."""


class Arrival(msgspec.Struct, frozen=True):
    """One message on its way into the inbox; `received_at` in milliseconds."""

    workspace_id: int
    endpoint_id: int
    stream: str
    event: SourceEvent
    received_at: int
    priority: Priority = Priority.LIVE

    @property
    def key(self) -> Key:
        """What makes a repeat a repeat: where it comes from and the sender's own id, not the endpoint it came by."""
        return digest(self.stream, self.event.livemode, self.event.key)


def _insert(connection: Connection, requests: Sequence[Sequence[Arrival]]) -> Sequence[None]:
    """Store the messages of some requests; those that are there already stay as they are."""
    new: dict[tuple[int, Key], Arrival] = {}
    for arrival in chain.from_iterable(requests):
        new.setdefault((arrival.workspace_id, arrival.key), arrival)
    # in the order of their keys, so that two processes cannot wait for each other
    rows = [_values(place[1], new[place]) for place in sorted(new)]
    if connection.dialect.name == "sqlite":
        _through_the_door(connection, rows)
    elif rows:
        connection.execute(_both(), dict(zip(_ROW, map(list, zip(*rows, strict=True)), strict=True)))
    return [None] * len(requests)


def _is_one_statement(requests: Sequence[Sequence[Arrival]]) -> bool:
    return sum(map(len, requests)) <= ROWS_AT_ONCE


insert = Single(_insert, _is_one_statement)
"""Stores the messages of some requests; for the writer, or called with a connection inside a transaction."""


def new_among(connection: Connection, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Those of one workspace that are not stored yet, each once, in their order."""
    by_key: dict[Key, Arrival] = {}
    for arrival in arrivals:
        by_key.setdefault(arrival.key, arrival)
    for keys in parts(sorted(by_key)):
        query = select(received_events.c.key).where(
            received_events.c.workspace_id == arrivals[0].workspace_id, received_events.c.key.in_(keys)
        )
        for key in connection.scalars(query):
            del by_key[key]
    return list(by_key.values())


def _values(key: Key, arrival: Arrival) -> _Values:
    event = arrival.event
    return (
        arrival.workspace_id,
        key,
        arrival.endpoint_id,
        event.source,
        display(event.key),
        display(event.type),
        event.livemode,
        event.api_version and display(event.api_version)[:64],
        event.trust.value,
        event.occurred_at,
        arrival.received_at,
        event.state.value,
        event.reason and display(event.reason),
        arrival.priority.value,
        event.body,
    )


# ── SQLite: a view to insert into, whose trigger puts each row into both tables ─────────────────────────────────────

_names = ", ".join(_EVENT)
_DOOR = (
    f"CREATE TEMP VIEW IF NOT EXISTS arriving AS SELECT {_names}, x'' AS body FROM main.received_events",  # noqa: S608
    f"""CREATE TEMP TRIGGER IF NOT EXISTS arrived INSTEAD OF INSERT ON arriving BEGIN
        INSERT INTO received_events ({_names}) VALUES ({", ".join(f"NEW.{name}" for name in _EVENT)})
            ON CONFLICT (workspace_id, key) DO NOTHING;
        INSERT INTO bodies ({", ".join(_BODY)})
            SELECT {", ".join(f"NEW.{name}" for name in _BODY)} WHERE changes() = 1; -- the body of a repeat is not kept
    END""",  # noqa: S608
)
"""Of the connection alone, and so no part of the database's shape."""


def _through_the_door(connection: Connection, rows: Sequence[_Values]) -> None:
    if "door" not in connection.info:
        for statement in _DOOR:
            connection.exec_driver_sql(statement)
        connection.info["door"] = True
    for some in _filled_up(rows):
        connection.exec_driver_sql(_into_the_door(len(some)), tuple(chain.from_iterable(some)))


def _filled_up(rows: Sequence[_Values]) -> Iterator[Sequence[_Values]]:
    """Runs of rows; long ones with their last row repeated up to a multiple of eight, for few different statements."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        lacking = -len(some) % 8 if len(some) > 32 else 0
        yield [*some, *[some[-1]] * lacking]


@cache
def _into_the_door(rows: int) -> str:
    group = f"({', '.join('?' * len(_ROW))})"
    return f"INSERT INTO arriving ({', '.join(_ROW)}) VALUES {', '.join([group] * rows)}"  # noqa: S608


# ── PostgreSQL: the bodies of what was stored, after the storing ────────────────────────────────────────────────────


@cache
def _both() -> Insert:
    columns = [bodies.c.body if name == "body" else received_events.c[name] for name in _ROW]
    arriving = select(arrays(columns)).cte("arriving")
    stored = (
        postgresql.insert(received_events)
        .from_select(_EVENT, select(*(arriving.c[name] for name in _EVENT)))
        .on_conflict_do_nothing(index_elements=("workspace_id", "key"))
        .returning(received_events.c.workspace_id, received_events.c.key)
        .cte("stored")
    )
    same = (stored.c.workspace_id == arriving.c.workspace_id) & (stored.c.key == arriving.c.key)
    return insert_into(bodies).from_select(_BODY, select(*(arriving.c[name] for name in _BODY)).join(stored, same))
