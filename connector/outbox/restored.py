"""What a restored database means for deliveries: leases are void, nothing is sent until told, and what may go twice.

Between the backup and now the world went on: what was delivered since is due again here, goes out again with the same
identity, and Intercom drops it; what arrived since is not here, and is brought back by Stripe's and Segment's own
retries, or by replaying at the sender. Counts (`outbox.summaries`) are not dropped as doubles: what was to be counted
is in doubt.  [SQL of the outbox]
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from connector.database.tables import deliveries, received_events, workspaces
from connector.events import ReceivedState
from connector.outbox import queue, summaries
from connector.outbox.delivery import State
from connector.workspaces import store
from connector.workspaces.modes import Mode


@dataclass(frozen=True, slots=True)
class Restored:
    """What is to be known: how many workspaces were paused, deliveries may go out again, events are to be mapped."""

    paused: int
    may_be_sent_again: int
    to_be_mapped: int


def take_over(connection: Connection, *, now: int, pause: bool, reason: str) -> Restored:
    """Void every lease, and pause what was running, unless told otherwise."""
    queue.free_all(connection, now=now)
    summaries.restored(connection, now=now)
    paused = 0
    if pause:
        running = select(workspaces.c.id).where(workspaces.c.mode.not_in([mode for mode in Mode if mode.stopped]))
        for workspace_id in list(connection.scalars(running)):
            paused += store.set_mode(connection, workspace_id, Mode.PAUSED, reason=reason, now=now)
    moving = deliveries.c.state.in_([State.DUE.value, State.PARKED.value])
    unmapped = received_events.c.state == ReceivedState.RECEIVED.value
    return Restored(
        paused,
        connection.scalar(select(func.count()).select_from(deliveries).where(moving)) or 0,
        connection.scalar(select(func.count()).select_from(received_events).where(unmapped)) or 0,
    )
