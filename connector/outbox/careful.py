"""Claiming one delivery at a time, for when a turn has failed for a reason that nobody foresaw.  [SQL]

One row that cannot be read would otherwise stop all workspaces, turn after turn. It is put off, with a word to the log,
and not given up: it may be we who are wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import BigInteger, Connection, bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError

from connector.database.tables import queue
from connector.events import QUEUED
from connector.outbox import lanes
from connector.outbox.admission import Admitted
from connector.outbox.lanes import Lane

PUT_OFF_MS = 600_000
FOR_S = 60.0
"""How long a worker goes on carefully after the last such failure."""


def carefully(
    connection: Connection, lane: Lane, claim_from: Callable[[], Admitted], broken: list[Exception], *, now: int
) -> Admitted:
    """What `claim_from` claims of a lane; where it fails, what is due first there is put off, and `broken` says why."""
    try:
        with connection.begin_nested():
            return claim_from()
    except (SQLAlchemyError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it was, the other lanes are to go on
        broken.append(error)
    _put_off(connection, lane, now)
    return Admitted(())


def _put_off(connection: Connection, lane: Lane, now: int) -> None:
    firsts = (connection.scalar(_FIRST, {"here": lane.workspace_id, "of": each, "now": now}) for each in QUEUED)
    if (first := next((each for each in firsts if each is not None), None)) is not None:
        connection.execute(_PUT_OFF, {"here": lane.workspace_id, "the_delivery": first, "until": now + PUT_OFF_MS})
    lanes.serve(connection, lane, holder=None, now=now, not_before=0)


_HERE = queue.c.workspace_id == bindparam("here")
_FIRST = (
    select(queue.c.delivery_id)
    .where(_HERE, queue.c.priority == bindparam("of"), queue.c.due <= bindparam("now", type_=BigInteger))
    .order_by(queue.c.due)
    .limit(1)
)
_PUT_OFF = (
    update(queue)
    .where(_HERE, queue.c.delivery_id == bindparam("the_delivery", type_=queue.c.delivery_id.type))
    .values(due=bindparam("until", type_=BigInteger), lease_id=None)
)
