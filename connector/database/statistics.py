"""Statistics for PostgreSQL's planner, as soon as a new database has something in it.

PostgreSQL collects them by itself, up to a minute after a table has grown. Until then it takes a workspace for a single
row, and reads all of its rows where it should follow a key: in a burst into a new database, that minute counts.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, text

from connector.database import tables

COLLECT_S = 5.0
ENOUGH = 100
"""Rows, from which on a table is worth it."""
GROWING = tuple(
    each.name
    for each in (
        tables.received_events,
        tables.deliveries,
        tables.queue,
        tables.attempts,
        tables.seconds,
        tables.identities,
        tables.wanted,
    )
)


def collect_first(connection: Connection) -> list[str]:
    """Collect statistics of the tables that have grown and have none; their names. Nothing to do on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    names = sorted(connection.scalars(_WITHOUT, {"growing": GROWING, "enough": ENOUGH}))
    for name in names:
        connection.exec_driver_sql(f"ANALYZE {name}")  # one of GROWING
    return names


_WITHOUT = text(
    "SELECT relname FROM pg_stat_user_tables WHERE relname IN :growing AND schemaname = current_schema()"
    " AND last_analyze IS NULL AND last_autoanalyze IS NULL AND n_live_tup >= :enough"
).bindparams(bindparam("growing", expanding=True))
