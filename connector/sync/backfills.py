"""What backfills were asked for, how far they have come, and how much of them is not delivered yet.  [SQL]"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update

from connector.database.rows import insert_new
from connector.database.tables import backfills, queue, received_events, workspaces
from connector.events import Key, Priority, ReceivedState, digest

LEASE_MS = 60_000
"""For so long a command has a backfill to itself after it was last heard of."""


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
    summaries: bool = False
    """What is too old for Intercom to list goes there in counts."""

    @property
    def key(self) -> Key:
        """Equal for the same wish, whenever it is made."""
        return digest(json.dumps(self.told(), sort_keys=True))

    def told(self) -> dict[str, Any]:
        """Its fields; what is not wished for is not among them, as it never was."""
        fields = asdict(self)
        return fields if self.summaries else {name: fields[name] for name in fields if name != "summaries"}


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
    summaries: int = 0
    summarised: int = 0
    """How many counts Intercom took, and how many deliveries those are."""
    holder: Key | None = None
    holder_name: str | None = None
    held_until: int | None = None
    """Which command takes it in, if one does; by the database's clock."""

    @property
    def position(self) -> float:
        """How far it is, 0 … 1."""
        return 1.0 if self.state is BackfillState.DONE else float((self.cursor or {}).get("position", 0.0))


@dataclass(frozen=True, slots=True)
class Taken:
    """Another command is at it: who, until when (milliseconds) unless it is heard of again, and at which backfill."""

    by: str
    until: int
    backfill: Backfill
    same: bool
    """Whether that is the one that was wished for."""


def take(
    connection: Connection,
    request: Request,
    holder: Key,
    name: str,
    *,
    now: int,
    is_gone: Callable[[Key], bool],
    afresh: bool = False,
) -> Backfill | Taken:
    """Begin the backfill of that wish, or go on with it, as the only one; `now` by the database's clock.

    Of those with summaries one runs at a time in a workspace: what is to be counted is the workspace's. Who asks at
    the same time waits for the workspace's row.
    """
    connection.execute(select(workspaces.c.id).where(workspaces.c.id == request.workspace_id).with_for_update())
    for row in connection.execute(_held(request, now)).mappings():
        found = _backfill(row, None)
        rival = row["key"] == request.key or (request.summaries and found.request.summaries)
        if rival and row["holder"] != holder and not is_gone(row["holder"]):
            return Taken(row["holder_name"] or "another command", row["held_until"], found, row["key"] == request.key)
    begun = begin(connection, request, now=now, afresh=afresh)
    held = {"holder": holder, "holder_name": name, "held_until": now + LEASE_MS}
    connection.execute(update(backfills).where(*_here(request)).values(held))
    return begun


def _held(request: Request, now: int) -> Any:  # noqa: ANN401 - a select of all columns
    return (
        select(backfills)
        .where(backfills.c.workspace_id == request.workspace_id, backfills.c.held_until > now)
        .order_by(backfills.c.key)
    )


def renew(connection: Connection, request: Request, holder: Key, *, now: int) -> bool:
    """Hold it for another while; False where another command has taken it over."""
    mine = (*_here(request), backfills.c.holder == holder)
    return connection.execute(update(backfills).where(*mine).values(held_until=now + LEASE_MS)).rowcount > 0


def let_go(connection: Connection, request: Request, holder: Key) -> None:
    """The command ends: the next may begin at once."""
    mine = (*_here(request), backfills.c.holder == holder)
    connection.execute(update(backfills).where(*mine).values(holder=None, holder_name=None, held_until=None))


def begin(connection: Connection, request: Request, *, now: int, afresh: bool = False) -> Backfill:
    """The backfill of that wish: a new one, or the one that was begun and is not done."""
    row = {
        "workspace_id": request.workspace_id,
        "key": request.key,
        "endpoint_id": request.endpoint_id,
        "request": json.dumps(request.told() | {"until": request.until or now // 1000}),
        "cursor": None,
        "state": BackfillState.RUNNING.value,
        "read": 0,
        "new": 0,
        "skipped": 0,
        "summaries": 0,
        "summarised": 0,
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


def add_summary(connection: Connection, request: Request, deliveries: int, *, now: int) -> None:
    """Intercom has taken one more count, of so many deliveries."""
    values = {
        "summaries": backfills.c.summaries + 1,
        "summarised": backfills.c.summarised + deliveries,
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
        received_events.c.priority.in_([Priority.HISTORY.value, Priority.SUMMARY.value]),
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


def to_map(connection: Connection, workspace_id: int, *, most: int) -> int:
    """How much of what is to be counted is not mapped yet; counted up to `most`."""
    here = (
        received_events.c.state == ReceivedState.RECEIVED.value,
        received_events.c.priority == Priority.SUMMARY.value,
        received_events.c.workspace_id == workspace_id,
    )
    query = select(received_events.c.key).where(*here).limit(most)
    return connection.scalar(select(func.count()).select_from(query.subquery())) or 0


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
        row["summaries"],
        row["summarised"],
        row["holder"],
        row["holder_name"],
        row["held_until"],
    )
