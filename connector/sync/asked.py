"""What Stripe was asked for, so that nobody asks again before it makes sense.  [SQL of `asked`]

Asking is claimed first: of several processes that miss the same thing one asks, and one that dies over it is replaced
a minute later.
"""

from __future__ import annotations

from sqlalchemy import Connection, update

from connector.database.rows import insert_new, upsert
from connector.database.tables import asked
from connector.events import Key

CLAIMED_MS = 60_000
HOUR_MS = 3_600_000
AGAIN_MS = {"found": 24 * HOUR_MS, "missing": 24 * HOUR_MS, "says_nothing": 6 * HOUR_MS}
"""After which answer it is asked for again, and when; after a refusal in an hour."""


def claim(connection: Connection, workspace_id: int, key: Key, *, now: int) -> bool:
    """Whether the caller is to ask for this now."""
    row = {
        "workspace_id": workspace_id,
        "key": key,
        "outcome": "asking",
        "asked_at": now,
        "again_at": now + CLAIMED_MS,
    }
    if insert_new(connection, asked, [row]):
        return True
    due = (asked.c.workspace_id == workspace_id, asked.c.key == key, asked.c.again_at <= now)
    values = {name: row[name] for name in ("outcome", "asked_at", "again_at")}
    return connection.execute(update(asked).where(*due).values(values)).rowcount > 0


def settle(
    connection: Connection, workspace_id: int, key: Key, outcome: str, *, now: int, again_at: int | None = None
) -> None:
    """What came of it; `again_at` where Stripe said when."""
    again = again_at or now + AGAIN_MS.get(outcome, HOUR_MS)
    row = {"workspace_id": workspace_id, "key": key, "outcome": outcome[:32], "asked_at": now, "again_at": again}
    upsert(connection, asked, [row], changes=["outcome", "asked_at", "again_at"])
