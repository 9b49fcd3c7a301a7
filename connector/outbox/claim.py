"""Claiming work: from each lane that is due as many deliveries as its budget, breaker and region and our room admit.

Pace comes before the claim: what is claimed may be sent at once. A claimed row is leased: its `due` is the end of the
lease, so that what a dead process held falls due again by itself, and its `lease_id` fences a late answer out. The
first half of that is the process's own, by which the others find what a dead one has left.  [SQL]
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import BigInteger, Connection, Integer, Select, bindparam, case, or_, select, update

from connector.database.rows import AnyRow, ByKeys
from connector.database.tables import deliveries, queue, received_events
from connector.events import QUEUED, Key, Priority
from connector.outbox import admission, gate, lanes, regions
from connector.outbox import queue as queue_sql
from connector.outbox.admission import Admitted, Opened
from connector.outbox.careful import carefully
from connector.outbox.delivery import COLUMNS, Delivery, State, from_values
from connector.outbox.lanes import Lane
from connector.outbox.queue import LEASE_MS
from connector.outbox.regions import Region
from connector.outbox.retry import CLAIMS_TOGETHER, History, quarantined, runs_alone

LEFT_TO_START_MS = 25_000
"""No call starts with less of its lease left than this."""
LANES_AT_ONCE = 32


class Claimed(msgspec.Struct, frozen=True):
    """A delivery that is this process's to try until `lease_until`; `number` is that of the try."""

    delivery: Delivery
    lease_id: Key
    lease_until: int
    number: int
    history: History
    received_at: int
    due: int
    region: str
    occurred_at: int | None = None
    """By its sender's time, in Unix seconds."""
    released_at: int | None = None
    priority: Priority = Priority.LIVE
    """Of its event."""

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
    held: Mapping[int, int] | None = None,
    max_age_ms: int | None = None,
    opened: list[Opened] | None = None,
    broken: list[Exception] | None = None,
) -> list[Claimed]:
    """Up to `room` deliveries to try now, fairly from all lanes that are due; without `suspects`, none of those.

    `held` (by workspace) are those that the process has already. With it no workspace gets more than an even share of
    all there is room for, and one share is left for the next that comes: whose calls hang cannot take everybody's room.
    What may not go out (`gate`, `admission`) is held instead; alerts that this opens are put into `opened`. With
    `broken`, one is claimed of each lane, and why one cannot be is put there.
    """
    opened = [] if opened is None else opened
    claimed: list[Claimed] = []
    due = lanes.due(connection, holder=holder, now=now, limit=min(LANES_AT_ONCE, room))
    troubled = _troubled_regions(connection, due)
    rooms = _rooms(due, room, held)
    for place, lane in enumerate(due):
        share = (room - len(claimed)) // (len(due) - place)  # of what those before it have left over
        share = min(share, rooms.get(lane.workspace_id, room))
        region = troubled.get(lane.region) or Region(lane.region)
        share = share if broken is None else min(share, 1)
        claim_from = partial(
            _claim_from,
            *(connection, lane, region),
            holder=holder,
            now=now,
            room=share,
            suspects=suspects,
            max_age_ms=max_age_ms,
        )
        let_through = claim_from() if broken is None else carefully(connection, lane, claim_from, broken, now=now)
        found = let_through.claimed
        opened += let_through.opened
        if lane.region in troubled:
            troubled[lane.region] = region.sent(len(found), now)
        claimed += found
        suspects = suspects and not any(each.suspect for each in found)
    for region in troubled.values():
        regions.save(connection, region)
    return claimed


def _troubled_regions(connection: Connection, due: Iterable[Lane]) -> dict[str, Region]:
    """Those of these lanes' regions that hold somebody back; no other process changes them meanwhile."""
    names = sorted({lane.region for lane in due if lane.region_troubled})
    return {name: regions.locked(connection, name) for name in names}


def _rooms(due: Sequence[Lane], room: int, held: Mapping[int, int] | None) -> dict[int, int]:
    """How many more each workspace may have."""
    if held is None:
        return {}
    workspaces = held.keys() | {lane.workspace_id for lane in due}
    even = max(1, (room + sum(held.values())) // (len(workspaces) + 1))
    return {each: max(0, even - held.get(each, 0)) for each in workspaces}


def _claim_from(
    connection: Connection,
    lane: Lane,
    region: Region,
    *,
    holder: Key,
    now: int,
    room: int,
    suspects: bool,
    max_age_ms: int | None,
) -> Admitted:
    admitted = region.admits(lane.breaker.admits(min(room, lane.budget.available(now)), now), now)
    lease_id, until = holder[:8] + secrets.token_bytes(8), now + LEASE_MS
    rows = _due_rows(connection, lane.workspace_id, now, admitted, suspects=suspects) if admitted else []
    found = [_claimed(row, lease_id, until, now, lane.region) for row in rows]
    found = gate.hold_back(connection, lane, found, now=now, max_age_ms=max_age_ms)
    found = _alone(_without_killers(connection, found, now))
    let_through = admission.admit(connection, lane.workspace_id, found, now=now)
    found = list(let_through.claimed)
    queue_sql.note_interrupted(connection, [_id(each) for each in found if each.history.claims])
    ids = [each.delivery.id for each in found]
    _LEASE.run(connection, ids, the_workspace=lane.workspace_id, the_lease=lease_id, until=until, at=now)
    budget = lane.budget.spend(len(found), now)
    breaker = lane.breaker.probing(now) if found else lane.breaker
    lane = replace(lane, budget=budget, breaker=breaker)
    not_before = _not_before(lane, region.sent(len(found), now), now)
    more = len(rows) == admitted > 0  # maybe
    lanes.serve(connection, lane, holder=holder if found else None, now=now, not_before=not_before, more=more)
    return let_through


def _due_rows(connection: Connection, workspace_id: int, now: int, limit: int, *, suspects: bool) -> list[_Values]:
    """Live work first; each priority is one walk along the index."""
    found: list[_Values] = []
    for priority in QUEUED:
        if len(found) < limit:
            given = {"the_workspace": workspace_id, "of": priority.value, "now": now, "most": limit - len(found)}
            if connection.dialect.name == "sqlite":
                rows: list[_Values] = [*connection.execute(_DUE if suspects else _DUE_WITHOUT_SUSPECTS, given)]
            else:
                rows = _looked_up(connection, workspace_id, connection.execute(_PICKS[suspects], given).all())
            found += sorted(rows, key=itemgetter(_OWN + _QUEUE.index("due")))
    return found


def _looked_up(connection: Connection, workspace_id: int, picked: Sequence[AnyRow]) -> list[_Values]:
    """What `_with_their_deliveries` joins, in two look-ups by keys.

    PostgreSQL without statistics takes a workspace for a single row. For each delivery of a join it then reads all that
    the workspace has: a quarter of a minute for the first claims of a new database.
    """
    here = {"the_workspace": workspace_id}
    own = {row.id: row for row in _DELIVERIES.rows(connection, [each.delivery_id for each in picked], **here)}
    came = {row.key: row for row in _RECEIVED.rows(connection, [each.received_key for each in own.values()], **here)}
    found: list[_Values] = []
    for each in picked:
        delivery = own.get(each.delivery_id)
        if delivery is not None and (event := came.get(delivery.received_key)) is not None:
            of_queue = (getattr(each, name) for name in _QUEUE)
            found.append((*delivery[:_OWN], *of_queue, event[1], event[2], delivery.released_at, event[3]))
    return found


_Values: TypeAlias = Sequence[Any]
"""Those of `COLUMNS`, those of `_QUEUE`, and what `_claimed` takes from the received event."""
_QUEUE = (
    *("claims", "number", "due", "attempts", "first_attempt_at"),
    *("stood_still", "ambiguous", "lookups", "unknowns", "ladder"),
)
# history was asked for by an operator: its age counts from then
_OCCURRED = case((received_events.c.priority == Priority.LIVE.value, received_events.c.occurred_at))
_PICK = (
    select(queue)
    .where(
        queue.c.workspace_id == bindparam("the_workspace"),
        queue.c.priority == bindparam("of"),
        queue.c.due <= bindparam("now", type_=BigInteger),
    )
    .order_by(queue.c.due)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)  # a lease may end while it is completed
)


def _with_their_deliveries(pick: Select[Any]) -> Select[Any]:
    """Picked first and joined then, so that however the tables grow the queue's index is what is walked."""
    picked = pick.subquery("picked")
    return (
        select(
            *COLUMNS,
            *(picked.c[name] for name in _QUEUE),
            received_events.c.received_at,
            _OCCURRED,
            deliveries.c.released_at,
            received_events.c.priority,
        )
        .select_from(picked)
        .join(
            deliveries,
            (deliveries.c.workspace_id == picked.c.workspace_id) & (deliveries.c.id == picked.c.delivery_id),
        )
        .join(
            received_events,
            (received_events.c.workspace_id == picked.c.workspace_id)
            & (received_events.c.key == deliveries.c.received_key),
        )
    )


_PICKS = {True: _PICK, False: _PICK.where(queue.c.claims < CLAIMS_TOGETHER)}
"""With suspects, and without."""
_DUE = _with_their_deliveries(_PICKS[True])
_DUE_WITHOUT_SUSPECTS = _with_their_deliveries(_PICKS[False])
_DELIVERIES = ByKeys(
    lambda among: select(*COLUMNS, deliveries.c.released_at).where(
        deliveries.c.workspace_id == bindparam("the_workspace"), among(deliveries.c.id)
    )
)
_RECEIVED = ByKeys(
    lambda among: select(
        received_events.c.key, received_events.c.received_at, _OCCURRED, received_events.c.priority
    ).where(received_events.c.workspace_id == bindparam("the_workspace"), among(received_events.c.key))
)
# What a row that was tried before has waited beyond its time does not count towards giving up.
_WAITED = case((queue.c.first_attempt_at.is_(None), 0), else_=bindparam("at", type_=BigInteger) - queue.c.due)
_LEASE = ByKeys(
    lambda among: (
        update(queue)
        .where(queue.c.workspace_id == bindparam("the_workspace"), among(queue.c.delivery_id))
        .values(
            lease_id=bindparam("the_lease"),
            due=bindparam("until", type_=BigInteger),
            number=queue.c.number + 1,
            claims=queue.c.claims + 1,
            stood_still=queue.c.stood_still + _WAITED,
            ambiguous=or_(queue.c.ambiguous, queue.c.claims > 0),
        )
    )
)


def _without_killers(connection: Connection, found: Sequence[Claimed], now: int) -> Sequence[Claimed]:
    """What was claimed again and again without an outcome is not tried once more."""
    killers = [_id(each) for each in found if quarantined(each.history)]
    queue_sql.give_up(connection, killers, State.DEAD, "quarantined", now=now)
    return [each for each in found if not quarantined(each.history)] if killers else found


def _id(claimed: Claimed) -> queue_sql.Id:
    return claimed.delivery.workspace_id, claimed.delivery.id


def _alone(found: Sequence[Claimed]) -> list[Claimed]:
    """What was claimed twice without an outcome may be what kills us: it is tried with no other beside it."""
    suspects = [each for each in found if each.suspect]
    return suspects[:1] or list(found)


def _not_before(lane: Lane, region: Region, now: int) -> int:
    """When the next call may be made, or everything is looked at anew."""
    return min(max(lane.budget.next_at(now), region.next_at(now)), now + LEASE_MS)


def _claimed(row: _Values, lease_id: Key, until: int, now: int, region: str) -> Claimed:
    delivery, more = from_values(row[:_OWN]), row[_OWN:]
    claims, number, due, attempts, first_attempt_at, stood_still, ambiguous, lookups, unknowns, ladder, *times = more
    received_at, occurred_at, released_at, priority = times
    waited = max(0, now - due) if first_attempt_at is not None else 0
    history = History(
        attempts,
        claims,
        first_attempt_at,
        unknowns,
        lookups,
        stood_still + waited,
        bool(ambiguous or claims > 0),  # whoever claimed it before may have sent it
        ladder,
    )
    return Claimed(
        delivery,
        lease_id,
        until,
        number + 1,
        history,
        received_at,
        due,
        region,
        occurred_at,
        released_at,
        _PRIORITIES[priority],
    )


_PRIORITIES = {each.value: each for each in Priority}
_OWN = len(COLUMNS)
