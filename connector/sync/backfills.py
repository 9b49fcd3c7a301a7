"""What backfills were asked for, how far they have come, and how much of them is not delivered yet.  [SQL]"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update

from connector.database.rows import insert_new
from connector.database.tables import backfills, queue, received_events
from connector.events import Key, Priority, ReceivedState, digest


class BackfillState(StrEnum):
    """running ──► done; one that was killed is running still, and goes on when it is asked for again."""

    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: `source` is stripe or file; seconds, both inclusive; `until` None is the time it began."""

    workspace_id: int
    endpoint_id: int
    source: str
    since: int
    until: int | None
    types: tuple[str, ...] = ()
    path: str | None = None

    @property
    def key(self) -> Key:
        """Equal for the same wish, whenever it is made."""
        return digest(json.dumps(asdict(self), sort_keys=True))


@dataclass(frozen=True, slots=True)
class Backfill:
    """One row. `until` is fixed when it begins; `cursor` is None before anything was taken in."""

    request: Request
    state: BackfillState
    cursor: Mapping[str, Any] | None
    read: int
    new: int
    skipped: int
    started_at: int
    updated_at: int
    finished_at: int | None


def begin(connection: Connection, request: Request, *, now: int, afresh: bool = False) -> Backfill:
    """The backfill of that wish: a new one, or the one that was begun and is not done."""
    row = {
        "workspace_id": request.workspace_id,
        "key": request.key,
        "endpoint_id": request.endpoint_id,
        "request": json.dumps(asdict(request) | {"until": request.until or now // 1000}),
        "cursor": None,
        "state": BackfillState.RUNNING.value,
        "read": 0,
        "new": 0,
        "skipped": 0,
        "started_at": now,
        "updated_at": now,
        "finished_at": None,
    }
    if not insert_new(connection, backfills, [row]):
        found = _row(connection, request)
        if afresh or found["state"] == BackfillState.DONE.value:
            connection.execute(update(backfills).where(*_here(request)).values(row))
    return _backfill(_row(connection, request), request)


def advance(
    connection: Connection, request: Request, cursor: Mapping[str, Any], *, read: int, new: int, skipped: int, now: int
) -> None:
    """It has come so far."""
    values = {
        "cursor": json.dumps(cursor),
        "read": backfills.c.read + read,
        "new": backfills.c.new + new,
        "skipped": backfills.c.skipped + skipped,
        "updated_at": now,
    }
    connection.execute(update(backfills).where(*_here(request)).values(values))


def finish(connection: Connection, request: Request, *, now: int) -> Backfill:
    """It is through; as it ended."""
    done = {"state": BackfillState.DONE.value, "updated_at": now, "finished_at": now}
    connection.execute(update(backfills).where(*_here(request)).values(done))
    return _backfill(_row(connection, request), request)


def page(connection: Connection, workspace_id: int | None = None, *, limit: int = 20) -> list[Backfill]:
    """The latest backfills, of one workspace or of every."""
    query = select(backfills).order_by(backfills.c.started_at.desc()).limit(limit)
    if workspace_id is not None:
        query = query.where(backfills.c.workspace_id == workspace_id)
    return [_backfill(row, None) for row in connection.execute(query).mappings()]


def ahead(connection: Connection, workspace_id: int, *, most: int) -> int:
    """How much history of a workspace is not mapped, or mapped and not delivered yet; counted up to `most`."""
    to_map = select(received_events.c.key).where(
        received_events.c.state == ReceivedState.RECEIVED.value,
        received_events.c.priority == Priority.HISTORY.value,
        received_events.c.workspace_id == workspace_id,
    )
    to_deliver = select(queue.c.delivery_id).where(
        queue.c.workspace_id == workspace_id, queue.c.priority == Priority.HISTORY.value
    )
    counts = (
        connection.scalar(select(func.count()).select_from(each.limit(most).subquery()))
        for each in (to_map, to_deliver)
    )
    return sum(count or 0 for count in counts)


def _here(request: Request) -> tuple[Any, ...]:
    return backfills.c.workspace_id == request.workspace_id, backfills.c.key == request.key


def _row(connection: Connection, request: Request) -> RowMapping:
    return connection.execute(select(backfills).where(*_here(request))).mappings().one()


def _backfill(row: RowMapping, asked: Request | None) -> Backfill:
    told = json.loads(row["request"])
    begun = Request(**{**told, "types": tuple(told["types"])})
    return Backfill(
        begun,
        BackfillState(row["state"]),
        None if row["cursor"] is None else json.loads(row["cursor"]),
        row["read"],
        row["new"],
        row["skipped"],
        row["started_at"],
        row["updated_at"],
        row["finished_at"],
    )
