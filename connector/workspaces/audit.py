"""Who did what: one row for each thing that a person changed, never changed itself.  [SQL]"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

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


@dataclass(frozen=True, slots=True)
class Deed:
    """One row; `workspace_id` 0 stands for several workspaces, `at` is in milliseconds."""

    id: int
    workspace_id: int
    at: int
    actor: str
    action: str
    detail: Mapping[str, Any]


def page(connection: Connection, workspace_id: int | None, *, before: int | None, limit: int) -> list[Deed]:
    """What was done, the latest first, behind the id `before`."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if workspace_id is not None:
        query = query.where(audit.c.workspace_id == workspace_id)
    if before is not None:
        query = query.where(audit.c.id < before)
    return [Deed(**(dict(row) | {"detail": json.loads(row["detail"])})) for row in connection.execute(query).mappings()]
