"""A chore that one process does for all: the first to take its turn has it, the others find it taken.  [SQL]

Turns are numbered by the clock that all processes share, so that equal processes need not know of each other.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete

from connector.database.rows import insert_new
from connector.database.tables import ticks

KEPT_TICKS = 100


def take(connection: Connection, task: str, *, every_ms: int, now: int) -> bool:
    """Whether the turn of `task` that `now` (milliseconds) falls into is ours; it is to nobody afterwards."""
    tick = now // every_ms
    taken = insert_new(connection, ticks, [{"task": task, "tick": tick, "taken_at": now}]) == 1
    if taken:
        connection.execute(delete(ticks).where(ticks.c.task == task, ticks.c.tick < tick - KEPT_TICKS))
    return taken
