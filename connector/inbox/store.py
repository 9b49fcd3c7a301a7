"""The inbox's SQL: insert once, find, list, change a state. A body is written once and never again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, select

from connector.database.rows import new_rows, run_many
from connector.database.tables import bodies, received_events
from connector.events import Key, ReceivedState, SourceEvent, Trust, digest, display


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message on its way into the inbox; `received_at` in milliseconds."""

    workspace_id: int
    endpoint_id: int
    stream: str
    event: SourceEvent
    received_at: int

    @property
    def key(self) -> Key:
        """What makes a repeat a repeat: where it comes from and the sender's own id, not the endpoint it came by."""
        return digest(self.stream, self.event.livemode, self.event.key)


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One stored message without its body."""

    workspace_id: int
    key: Key
    endpoint_id: int
    source: str
    external_key: str
    type: str
    livemode: bool
    api_version: str | None
    trust: Trust
    occurred_at: int | None
    received_at: int
    state: ReceivedState
    reason: str | None
    tries: int


def insert(connection: Connection, requests: Sequence[Sequence[Arrival]]) -> Sequence[None]:
    """Store the messages of some requests; those that are there already stay as they are."""
    rows = sorted((_row(arrival) for request in requests for arrival in request), key=_order)
    run_many(connection, _insert_event(connection.dialect.name), rows)
    run_many(connection, _insert_body(connection.dialect.name), rows)
    return [None] * len(requests)


def _row(arrival: Arrival) -> dict[str, Any]:
    event = arrival.event
    return {
        "workspace_id": arrival.workspace_id,
        "key": arrival.key,
        "endpoint_id": arrival.endpoint_id,
        "source": event.source,
        "external_key": display(event.key),
        "type": display(event.type),
        "livemode": event.livemode,
        "api_version": event.api_version and display(event.api_version)[:64],
        "trust": event.trust.value,
        "occurred_at": event.occurred_at,
        "received_at": arrival.received_at,
        "state": event.state.value,
        "reason": event.reason and display(event.reason),
        "body": event.body,
    }


def _order(row: dict[str, Any]) -> tuple[int, Key]:
    return row["workspace_id"], row["key"]


_EVENT_COLUMNS = tuple(column.name for column in received_events.c if column.name != "tries")


@cache
def _insert_event(dialect: str) -> Insert:
    return new_rows(received_events, dialect, columns=_EVENT_COLUMNS)


@cache
def _insert_body(dialect: str) -> Insert:
    """Only beside the event it came with: the body of a repeat is not kept."""
    given = {column.name: bindparam(column.name, type_=column.type) for column in bodies.c}
    came_with = (
        select(received_events.c.key)
        .where(*(received_events.c[name] == given[name] for name in ("workspace_id", "key", "received_at")))
        .exists()
    )
    return new_rows(bodies, dialect, rows=select(*given.values()).where(came_with))
