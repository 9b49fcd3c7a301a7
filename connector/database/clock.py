"""Two clocks: `wall` for facts about the world, `now` for schedules, which must not jump when somebody sets the time.

Both give milliseconds since 1970. Processes that share a PostgreSQL share its clock: `follow` sets `now` by it.
"""

from __future__ import annotations

import time


def wall() -> int:
    """Milliseconds since 1970 by this machine's clock."""
    return time.time_ns() // 1_000_000


def _steady_ms() -> int:
    """Milliseconds since some start; also counts while a machine sleeps where the system can tell (Linux)."""
    return time.clock_gettime_ns(_STEADY) // 1_000_000


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """Milliseconds that only ever rise at the pace of real time, starting from the wall clock."""

    def __init__(self) -> None:
        self._offset = wall() - _steady_ms()

    def now(self) -> int:
        """The time by which leases, retries and pacing are reckoned."""
        return _steady_ms() + self._offset

    def follow(self, database_ms: int, *, round_trip_ms: int = 0) -> None:
        """Take over the database's time, read in a query that took `round_trip_ms`."""
        self._offset = database_ms + round_trip_ms // 2 - _steady_ms()
