"""A clock that was set back between two lives of the one process on a SQLite: what is scheduled moves with it.  [SQL]

Within a life the schedule's clock only ever rises. The next life begins with the machine's time; were that an hour
earlier, a breaker that was open for five minutes would be open for sixty-five, and every retry an hour late.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, func, select, update

from connector.database.tables import lanes, queue, regions

_TIMES = {
    lanes: (
        "next_due",
        "last_served_at",
        "breaker_until",
        "refilled_at",
        "window_reset_at",
        "clean_since_at",
        "blocked_until",
    ),
    queue: ("due", "first_attempt_at"),
    regions: ("breaker_until", "refilled_at", "refused_at"),
}
"""What the schedule has written down, in Unix ms."""


def follow(connection: Connection, *, now: int) -> int:
    """Move what is scheduled back by as much as `now` lies before the last claim: that, in milliseconds."""
    latest = connection.scalar(select(func.max(lanes.c.last_served_at))) or 0
    by = max(0, latest - now)
    if by:
        for table, names in _TIMES.items():
            connection.execute(update(table).values(_earlier(table, names, by)))
    return by


def _earlier(table: Table, names: tuple[str, ...], by: int) -> dict[str, object]:
    return {name: table.c[name] - by for name in names}
