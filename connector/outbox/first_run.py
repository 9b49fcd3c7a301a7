"""What becomes of deliveries when a workspace goes back to watching.  [SQL of the outbox]"""

from __future__ import annotations

from sqlalchemy import Connection, select

from connector.database.tables import deliveries, queue
from connector.outbox import queue as queue_sql
from connector.outbox.delivery import State


def hold_due(connection: Connection, workspace_id: int, *, limit: int, now: int) -> int:
    """Hold up to `limit` deliveries that are to be sent and that nobody is sending now; how many those were.

    One that may have arrived already goes on as it was once the workspace is live.
    """
    query = (
        select(queue.c.delivery_id)
        .join(
            deliveries,
            (deliveries.c.workspace_id == queue.c.workspace_id) & (deliveries.c.id == queue.c.delivery_id),
        )
        .where(
            queue.c.workspace_id == workspace_id,
            queue.c.lease_id.is_(None),
            queue.c.claims == 0,
            queue.c.ambiguous.is_(False),
            deliveries.c.state == State.DUE.value,
        )
        .limit(limit)
        .with_for_update(of=queue, skip_locked=True)
    )
    ids = [(workspace_id, key) for key in connection.scalars(query)]
    queue_sql.settle(connection, ids, State.HELD, "watching", now=now)
    return len(ids)
