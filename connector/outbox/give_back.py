"""Leases that end before their time: given back by who did not begin, or taken from who has died.  [SQL]"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Connection, bindparam, select, update

from connector.database.rows import ByKeys
from connector.database.tables import lanes as lanes_table
from connector.database.tables import queue
from connector.events import Key
from connector.outbox import lanes
from connector.outbox.claim import Claimed
from connector.outbox.queue import LEASE_MS

WAIT_MS = 500
"""How long what was given back is left alone: whoever gave it back may not have heard yet that it may be sent."""


def give_back(connection: Connection, unsent: Sequence[Claimed], *, now: int) -> None:
    """Undo the claims of deliveries that were not begun, as far as they still hold."""
    by_lease: dict[tuple[int, Key], list[Key]] = {}
    for each in unsent:
        by_lease.setdefault((each.delivery.workspace_id, each.lease_id), []).append(each.delivery.id)
    for (workspace_id, lease_id), keys in sorted(by_lease.items()):
        _GIVE_BACK.run(connection, sorted(keys), the_workspace=workspace_id, the_lease=lease_id, then=now + WAIT_MS)
    lanes.ring(connection, {workspace_id: now + WAIT_MS for workspace_id, _ in by_lease})


_GIVE_BACK = ByKeys(
    lambda among: (
        update(queue)
        .where(
            queue.c.workspace_id == bindparam("the_workspace"),
            among(queue.c.delivery_id),
            queue.c.lease_id == bindparam("the_lease"),
        )
        .values(
            lease_id=None,
            due=bindparam("then", type_=BigInteger),
            number=queue.c.number - 1,
            claims=queue.c.claims - 1,
        )
    )
)


def free(connection: Connection, holder: Key, *, now: int) -> None:
    """Void the leases and holds of a process that is no more; what it was trying may have arrived (PostgreSQL)."""
    first, last = holder[:8] + b"\x00" * 8, holder[:8] + b"\xff" * 8
    its = queue.c.lease_id.between(first, last)
    workspaces = connection.scalars(select(queue.c.workspace_id).where(its).distinct()).all()
    connection.execute(update(queue).where(its).values(lease_id=None, due=queue.c.due - LEASE_MS))
    connection.execute(update(lanes_table).where(lanes_table.c.holder == holder).values(holder=None, held_until=None))
    lanes.ring(connection, dict.fromkeys(sorted(workspaces), now))
