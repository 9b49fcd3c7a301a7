"""Chores that are done once by one of many equal processes: whoever takes the tick does it.

A tick is the time divided by the chore's interval, and a row of (task, tick) can be inserted once. Should its taker die
over it, the chore is done in the next tick: what must not wait that long is no chore.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete

from connector.database.rows import insert_new
from connector.database.tables import ticks

KEPT = 10
"""Ticks of a task that are remembered, for a process whose clock is behind."""


def take(connection: Connection, task: str, *, every_ms: int, now: int) -> bool:
    """Whether the caller is the one who does `task` (≤64 characters) in the tick that `now` lies in.

    In a transaction of its own the tick is taken whatever becomes of the chore; in the chore's transaction it is taken
    only if that commits, and others who ask wait for it.
    """
    tick = now // every_ms
    if insert_new(connection, ticks, [{"task": task, "tick": tick, "taken_at": now}]) == 0:
        return False
    connection.execute(_FORGET, {"of": task, "before": tick - KEPT})
    return True


_FORGET = delete(ticks).where(ticks.c.task == bindparam("of"), ticks.c.tick < bindparam("before"))
