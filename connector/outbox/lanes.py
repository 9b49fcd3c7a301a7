"""One lane for each workspace with work: when it is next due, its pacing budget and its breaker.  [SQL of `lanes`]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    RowMapping,
    Select,
    bindparam,
    case,
    func,
    or_,
    select,
    union_all,
    update,
)

from connector.database.rows import insert_new, insert_or_lower, run_many
from connector.database.tables import lanes, queue, regions, workspaces
from connector.events import QUEUED, Key, Priority
from connector.intercom.pace import Budget
from connector.outbox.breaker import Breaker
from connector.outbox.regions import TROUBLED
from connector.workspaces.store import Mode

SERVED = (Mode.LIVE, Mode.TRYING)
"""The modes of a workspace in which its lane is served."""
HELD_MS = 10_000
"""How long a process keeps a lane without a sign of life; its leases last longer."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One row, as it paces calls."""

    workspace_id: int
    budget: Budget
    breaker: Breaker
    region: str = ""
    """Of its workspace."""
    region_known: bool = False
    """Whether that region has ever been in trouble."""
    region_troubled: bool = False
    """Whether it is now, and may hold the lane back."""
    mode: Mode = Mode.LIVE
    """Of its workspace."""


def ring(connection: Connection, dues: Mapping[int, int]) -> None:
    """There is work for these workspaces, due at these times: an earlier one counts."""
    earliest = sorted(dues.items())
    if connection.dialect.name == "sqlite":
        insert_or_lower(connection, lanes, [_empty(each, due) for each, due in earliest], "next_due")
    else:  # apart, so that a lane that is due already is not locked: whoever claims from it passes over what is locked
        insert_new(connection, lanes, [_empty(each) for each, _ in earliest])
        run_many(connection, _RING, [{"the_workspace": workspace_id, "due": due} for workspace_id, due in earliest])


def due(connection: Connection, *, holder: Key, now: int, limit: int) -> list[Lane]:
    """Lanes that may be served now, least recently served first; on PostgreSQL no other process gets them meanwhile."""
    found = connection.execute(_DUE, {"now": now, "me": holder, "most": limit})
    return [_lane(row) for row in found.mappings()]


def locked(connection: Connection, workspace_id: int) -> Lane:
    """The lane of a workspace, for changing it in this transaction."""
    return _lane(connection.execute(_LOCKED, {"the_workspace": workspace_id}).mappings().one())


def opened(connection: Connection, workspace_id: int) -> Lane:
    """The same of a workspace that may never have had anything to send."""
    insert_new(connection, lanes, [_empty(workspace_id)])
    return locked(connection, workspace_id)


def serve(
    connection: Connection, lane: Lane, *, holder: Key | None, now: int, not_before: int, more: bool = False
) -> None:
    """Store a lane that was just served; `holder` keeps it for a while, None lets every process have it.

    It is next due with its earliest queue row, and not before the time `not_before`; with `more` at that time, for then
    there is likely another, if only one that another transaction is just queueing.
    """
    held_until = None if holder is None else now + HELD_MS
    served = {"holder": holder, "held_until": held_until, "last_served_at": now}
    connection.execute(_SERVE_AGAIN if more else _SERVE, {**_columns(lane), **served, "not_before": not_before})


def save(connection: Connection, lane: Lane) -> None:
    """Store a lane, due with its earliest queue row; whoever holds it goes on holding it."""
    connection.execute(_SAVE, {**_columns(lane), "not_before": 0})


def mend(connection: Connection, *, now: int) -> int:
    """Have lanes looked at that have something due and do not know it; how many those were. Only PostgreSQL needs it.

    A delivery may be queued while another transaction claims from its lane: that one does not see it yet, and writes
    down when the lane is next due without it; the ring before finds the lane due already, and leaves it so.
    """
    if connection.dialect.name == "sqlite":
        return 0
    return connection.execute(_MEND, {"now": now}).rowcount


def next_due(connection: Connection, *, holder: Key) -> int | None:
    """When `holder` may serve the next lane: the worker's time to wake if nobody rings before."""
    found = connection.execute(_NEXT_DUE, {"me": holder})
    return min((max(at for at in row if at is not None) for row in found), default=None)


# Built once: these run several times for each delivery, and building a statement costs more than running it.
_OF_WORKSPACE = lanes.c.workspace_id == bindparam("the_workspace")
_NOW, _ME = bindparam("now", type_=BigInteger), bindparam("me", type_=lanes.c.holder.type)
_LANES = (
    select(
        lanes,
        workspaces.c.region,
        workspaces.c.mode,
        regions.c.region.is_not(None).label("known"),
        TROUBLED.label("troubled"),
    )
    .join(workspaces, workspaces.c.id == lanes.c.workspace_id)
    .outerjoin(regions, regions.c.region == workspaces.c.region)
)
_DUE = (
    _LANES.where(
        lanes.c.next_due <= _NOW,
        workspaces.c.mode.in_(SERVED),
        or_(lanes.c.blocked_until.is_(None), lanes.c.blocked_until <= _NOW),
        or_(lanes.c.breaker_until.is_(None), lanes.c.breaker_until <= _NOW),
        or_(lanes.c.holder.is_(None), lanes.c.holder == _ME, lanes.c.held_until <= _NOW),
    )
    .order_by(lanes.c.last_served_at, lanes.c.workspace_id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(of=lanes, skip_locked=True)
)
_HAS_DUE = select(queue.c.due).where(queue.c.workspace_id == lanes.c.workspace_id, queue.c.due <= _NOW)
_FORGETFUL = (
    select(lanes.c.workspace_id)
    .where(
        or_(lanes.c.next_due.is_(None), lanes.c.next_due > _NOW),
        or_(*(_HAS_DUE.where(queue.c.priority == priority.value).exists() for priority in QUEUED)),
    )
    .with_for_update(skip_locked=True)
)
_MEND = update(lanes).where(lanes.c.workspace_id.in_(_FORGETFUL)).values(next_due=_NOW)
_NEXT_DUE = (
    select(
        lanes.c.next_due,
        lanes.c.blocked_until,
        lanes.c.breaker_until,
        case((lanes.c.holder != _ME, lanes.c.held_until)),
    )
    .join(workspaces, workspaces.c.id == lanes.c.workspace_id)
    .where(workspaces.c.mode.in_(SERVED), lanes.c.next_due.is_not(None))
    .order_by(lanes.c.next_due)
    .limit(100)
)


def _earliest_of(priority: Priority) -> Select[int]:
    # as the first row of an order, and not as a minimum: PostgreSQL keeps to the index for it whatever it believes
    return select(
        select(queue.c.due)
        .where(queue.c.workspace_id == bindparam("the_workspace"), queue.c.priority == priority.value)
        .order_by(queue.c.due)
        .limit(1)
        .scalar_subquery()
        .label("due")
    )


_DUES = union_all(*map(_earliest_of, QUEUED)).subquery("dues")
_NOT_BEFORE = bindparam("not_before", type_=BigInteger)
# where there is no row it is null, and so stays null
_NEXT = select(case((func.min(_DUES.c.due) < _NOT_BEFORE, _NOT_BEFORE), else_=func.min(_DUES.c.due)))
_LOCKED = _LANES.where(_OF_WORKSPACE).with_for_update(of=lanes)
_RING = (
    update(lanes)
    .where(_OF_WORKSPACE, or_(lanes.c.next_due.is_(None), lanes.c.next_due > bindparam("due", type_=BigInteger)))
    .values(next_due=bindparam("due", type_=BigInteger))
)
_BREAKER = {"failures": "breaker_failures", "opened": "breaker_opened", "until": "breaker_until"}
_STORED = (*_BREAKER.values(), *Budget.__slots__)
_SAVE = (
    update(lanes)
    .where(_OF_WORKSPACE)
    .values({name: bindparam(name) for name in _STORED})
    .values(next_due=_NEXT.scalar_subquery())
)
_SERVE = _SAVE.values({name: bindparam(name) for name in ("holder", "held_until", "last_served_at")})
_SERVE_AGAIN = _SERVE.values(next_due=_NOT_BEFORE)


def _empty(workspace_id: int, next_due: int | None = None) -> dict[str, object]:
    return {"workspace_id": workspace_id, "next_due": next_due, "last_served_at": 0}


def _columns(lane: Lane) -> dict[str, object]:
    breaker = {column: getattr(lane.breaker, name) for name, column in _BREAKER.items()}
    budget = {name: getattr(lane.budget, name) for name in Budget.__slots__}
    return {"the_workspace": lane.workspace_id, **breaker, **budget}


def _lane(row: RowMapping) -> Lane:
    return Lane(
        row["workspace_id"],
        _budget(row),
        _breaker(row),
        row["region"],
        bool(row["known"]),
        bool(row["troubled"]),
        Mode(row["mode"]),
    )


def _budget(row: RowMapping) -> Budget:
    values: dict[str, Any] = {name: row[name] for name in Budget.__slots__}
    return Budget(**values)


def _breaker(row: RowMapping) -> Breaker:
    return Breaker(row["breaker_failures"], row["breaker_opened"], row["breaker_until"])
