"""Claiming work: from each lane that is due as many deliveries as its budget, its breaker and our room admit.

Pace comes before the claim: what is claimed may be sent at once. A claimed row is leased: its `due` is the end of the
lease, so that what a dead process held falls due again by itself, and its `lease_id` fences a late answer out.  [SQL]
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, Connection, Integer, RowMapping, bindparam, case, or_, select, update

from connector.database.tables import deliveries, queue, received_events
from connector.events import Key
from connector.outbox import admission, lanes
from connector.outbox import queue as queue_sql
from connector.outbox.admission import Opened
from connector.outbox.delivery import Delivery, State, from_row
from connector.outbox.lanes import Lane
from connector.outbox.queue import LEASE_MS
from connector.outbox.retry import CLAIMS_TOGETHER, History, quarantined, runs_alone

LEFT_TO_START_MS = 25_000
"""No call starts with less of its lease left than this."""
LANES_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is this process's to try until `lease_until`; `number` is that of the try."""

    delivery: Delivery
    lease_id: Key
    lease_until: int
    number: int
    history: History
    received_at: int
    due: int

    @property
    def suspect(self) -> bool:
        """Whether it may be what killed those who tried it: while it is tried, no other suspect is."""
        return runs_alone(self.history)


def claim(
    connection: Connection,
    *,
    holder: Key,
    now: int,
    room: int,
    suspects: bool = True,
    opened: list[Opened] | None = None,
) -> list[Claimed]:
    """Up to `room` deliveries to try now, fairly from all lanes that are due; without `suspects`, none of those.

    Alerts that this opens are put into `opened`.
    """
    opened = [] if opened is None else opened
    claimed: list[Claimed] = []
    due = lanes.due(connection, holder=holder, now=now, limit=min(LANES_AT_ONCE, room))
    for place, lane in enumerate(due):
        share = (room - len(claimed)) // (len(due) - place)  # of what those before it have left over
        claimed += _claim_from(connection, lane, holder=holder, now=now, room=share, suspects=suspects, opened=opened)
        suspects = suspects and not any(each.suspect for each in claimed)
    return claimed


def _claim_from(
    connection: Connection, lane: Lane, *, holder: Key, now: int, room: int, suspects: bool, opened: list[Opened]
) -> list[Claimed]:
    admitted = lane.breaker.admits(min(room, lane.budget.available(now)), now)
    rows = _due_rows(connection, lane.workspace_id, now, admitted, suspects=suspects) if admitted else []
    rows = _alone(_without_killers(connection, rows, now))
    lease_id, until = secrets.token_bytes(16), now + LEASE_MS
    let_through = admission.admit(
        connection, lane.workspace_id, [_claimed(row, lease_id, until, now) for row in rows], now=now
    )
    claimed = let_through.claimed
    opened += let_through.opened
    ids = [(lane.workspace_id, each.delivery.id) for each in claimed]
    queue_sql.note_interrupted(connection, [_id(row) for row in rows if row["claims"] and _id(row) in ids])
    _lease(connection, ids, lease_id, until, now)
    budget = lane.budget.spend(len(claimed), now)
    breaker = lane.breaker.probing(now) if claimed else lane.breaker
    lane = replace(lane, budget=budget, breaker=breaker, next_due=_next(connection, replace(lane, budget=budget), now))
    lanes.serve(connection, lane, holder=holder if claimed else None, now=now)
    return list(claimed)


def _due_rows(
    connection: Connection, workspace_id: int, now: int, limit: int, *, suspects: bool
) -> Sequence[RowMapping]:
    """Live work first; each priority is one walk along the index."""
    found: list[RowMapping] = []
    for priority in lanes.Priority:
        if len(found) < limit:
            given = {"the_workspace": workspace_id, "of": priority.value, "now": now, "most": limit - len(found)}
            found += connection.execute(_DUE if suspects else _DUE_WITHOUT_SUSPECTS, given).mappings().all()
    return found


_DELIVERY = [column for column in deliveries.c if column.name != "workspace_id"]
_DUE = (
    select(queue, *_DELIVERY, received_events.c.received_at)
    .join(
        deliveries,
        (deliveries.c.workspace_id == queue.c.workspace_id) & (deliveries.c.id == queue.c.delivery_id),
    )
    .join(
        received_events,
        (received_events.c.workspace_id == queue.c.workspace_id) & (received_events.c.key == deliveries.c.received_key),
    )
    .where(
        queue.c.workspace_id == bindparam("the_workspace"),
        queue.c.priority == bindparam("of"),
        queue.c.due <= bindparam("now", type_=BigInteger),
    )
    .order_by(queue.c.due)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(of=queue, skip_locked=True)  # a lease may end while it is completed
)
_DUE_WITHOUT_SUSPECTS = _DUE.where(queue.c.claims < CLAIMS_TOGETHER)


def _without_killers(connection: Connection, rows: Sequence[RowMapping], now: int) -> Sequence[RowMapping]:
    """A row that was claimed again and again without an outcome is not tried once more."""
    killers = [row for row in rows if quarantined(_history(row, 0))]
    queue_sql.give_up(connection, [_id(row) for row in killers], State.DEAD, "quarantined", now=now)
    return [row for row in rows if row not in killers]


def _id(row: RowMapping) -> queue_sql.Id:
    return row["workspace_id"], row["delivery_id"]


def _alone(rows: Sequence[RowMapping]) -> Sequence[RowMapping]:
    """A row that was claimed twice without an outcome may be what kills us: it is tried with no other beside it."""
    suspects = [row for row in rows if runs_alone(_history(row, 0))]
    return suspects[:1] or rows


def _lease(connection: Connection, ids: Sequence[queue_sql.Id], lease_id: Key, until: int, now: int) -> None:
    """Hold rows until `until`. What a row that was tried before has waited beyond its time does not count."""
    waited = case((queue.c.first_attempt_at.is_(None), 0), else_=now - queue.c.due)
    for here in queue_sql.among(queue, "delivery_id", ids):
        connection.execute(
            update(queue)
            .where(here)
            .values(
                lease_id=lease_id,
                due=until,
                number=queue.c.number + 1,
                claims=queue.c.claims + 1,
                stood_still=queue.c.stood_still + waited,
                ambiguous=or_(queue.c.ambiguous, queue.c.claims > 0),
            )
        )


def _next(connection: Connection, lane: Lane, now: int) -> int | None:
    due = lanes.earliest(connection, lane.workspace_id)
    return None if due is None else max(due, min(lane.budget.next_at(now), now + LEASE_MS))


def _claimed(row: RowMapping, lease_id: Key, until: int, now: int) -> Claimed:
    waited = max(0, now - row["due"]) if row["first_attempt_at"] is not None else 0
    return Claimed(
        from_row(row), lease_id, until, row["number"] + 1, _history(row, waited), row["received_at"], row["due"]
    )


def _history(row: RowMapping, waited: int) -> History:
    return History(
        attempts=row["attempts"],
        claims=row["claims"],
        first_attempt_ms=row["first_attempt_at"],
        unknowns=row["unknowns"],
        lookups=row["lookups"],
        frozen_ms=row["stood_still"] + waited,
        ambiguous=row["ambiguous"] or row["claims"] > 0,  # whoever claimed it before may have sent it
        ladder=row["ladder"],
    )
