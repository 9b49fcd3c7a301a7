"""Who did what: one row for each thing that a person changed, never changed itself.  [SQL]"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection, insert

from connector.database.tables import audit
from connector.events import display


def record(
    connection: Connection, workspace_id: int, *, actor: str, action: str, detail: Mapping[str, object], now: int
) -> None:
    """Write down that `actor` did `action`. `detail` holds ids and counts, never a secret. `now` in milliseconds."""
    row = {
        "workspace_id": workspace_id,
        "at": now,
        "actor": display(actor),
        "action": display(action),
        "detail": json.dumps(detail),
    }
    connection.execute(insert(audit).values(row))
