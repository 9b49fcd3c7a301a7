"""The daily partitions of `bodies` on PostgreSQL: made ahead of time, and dropped whole when all in them is old.  [SQL]

Dropping a partition gives the disk its space back at once, where deleting row by row leaves that to vacuum. Each
statement here waits at most half a second for its lock, so that ingest never queues behind it for longer; what does
not get its lock is done at the next turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

DAY_MS = 86_400_000
DAYS_AHEAD = 3
"""Longer than a service may be down over a weekend without its rows going to the partition for the rest."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows received from `begins` to before `ends` (milliseconds); `begins` is None for all from the beginning."""

    name: str
    begins: int | None
    ends: int


def wanted(now: int) -> Iterator[Partition]:
    """The partitions that there should be: today's and those of the days to come."""
    today = now // DAY_MS
    for day in range(today, today + DAYS_AHEAD + 1):
        begins = day * DAY_MS
        name = f"bodies_{datetime.fromtimestamp(begins / 1000, UTC):%Y%m%d}"
        yield Partition(name, begins, begins + DAY_MS)


def found(connection: Connection) -> list[Partition]:
    """The partitions that there are, the one for the rest left out, oldest first."""
    query = text(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bounds FROM pg_inherits i "
        "JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'bodies'::regclass"
    )
    partitions = (_partition(row.relname, row.bounds) for row in connection.execute(query))
    return sorted((each for each in partitions if each is not None), key=lambda each: each.ends)


_BOUNDS = re.compile(r"FROM \((?:'(-?\d+)'|MINVALUE)\) TO \('(-?\d+)'\)")


def _partition(name: str, bounds: str) -> Partition | None:
    match = _BOUNDS.search(bounds)
    return match and Partition(name, None if match[1] is None else int(match[1]), int(match[2]))


def make(connection: Connection, partition: Partition) -> None:
    """Make a partition. It is filled with its index first and attached then, which locks nobody out."""
    _wait_shortly(connection)
    name, begins, ends = partition.name, partition.begins, partition.ends
    kept_as_they_came = "toast_tuple_target = 8160"  # see migration 0002
    connection.execute(text(f"CREATE TABLE {name} (LIKE bodies INCLUDING ALL) WITH ({kept_as_they_came})"))
    bounds = f"FOR VALUES FROM ({'MINVALUE' if begins is None else begins}) TO ({ends})"
    connection.execute(text(f"ALTER TABLE bodies ATTACH PARTITION {name} {bounds}"))


def lacking(connection: Connection, now: int) -> list[Partition]:
    """Partitions that are still to be made: those whose days no other covers."""
    covered = max((each.ends for each in found(connection)), default=0)
    return [each for each in wanted(now) if each.begins is not None and each.begins >= covered]


def lock(connection: Connection, partition: Partition) -> None:
    """Keep everybody out of a partition until this transaction ends."""
    _wait_shortly(connection)
    connection.execute(text(f"LOCK TABLE {partition.name} IN ACCESS EXCLUSIVE MODE"))


def drop(connection: Connection, partition: Partition) -> None:
    """Drop a partition with all that is in it."""
    _wait_shortly(connection)
    connection.execute(text(f"DROP TABLE {partition.name}"))


def _wait_shortly(connection: Connection) -> None:
    connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
