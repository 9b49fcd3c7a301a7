"""How a workspace's endpoints stand, for the lines at the foot of the card.  [SQL, reading only]

All of it is found by the workspace, at the beginning of each table's key: a few rows, whatever has come in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, bindparam, select

from connector.database.rows import AnyRow
from connector.database.tables import backfills, endpoints, sync_state
from connector.sync.backfills import BackfillState

MOST = 50
"""Rows of each kind that are looked at."""
_HERE = bindparam("the_workspace", type_=Integer)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint, all its modes together; times in milliseconds. `compared_until` is None where nothing compares."""

    source: str
    label: str
    last_webhook_at: int | None = None
    compared_until: int | None = None
    gaps: int = 0
    trouble: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """A backfill that is not done: how far it is (0 … 1), and when it was last heard of (milliseconds)."""

    position: float
    read: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A workspace's endpoints, and the newest backfill that is not done."""

    endpoints: tuple[Endpoint, ...] = ()
    history: History | None = None


ENDPOINTS = (
    select(endpoints.c.id, endpoints.c.source, endpoints.c.label)
    .where(endpoints.c.workspace_id == _HERE, endpoints.c.removed_at.is_(None))
    .limit(MOST)
)
STATES = (
    select(
        sync_state.c.endpoint_id,
        sync_state.c.last_webhook_at,
        sync_state.c.reconciled_until,
        sync_state.c.gaps,
        sync_state.c.trouble,
    )
    .where(sync_state.c.workspace_id == _HERE)
    .limit(2 * MOST)
)
BACKFILLS = (
    select(backfills.c.cursor, backfills.c.read, backfills.c.updated_at)
    .where(backfills.c.workspace_id == _HERE, backfills.c.state == BackfillState.RUNNING.value)
    .limit(MOST)
)


def standing(connection: Connection, workspace_id: int) -> Standing:
    """How it stands now."""
    given = {"the_workspace": workspace_id}
    states = connection.execute(STATES, given).all()
    found = [
        _endpoint(row, [each for each in states if each.endpoint_id == row.id])
        for row in connection.execute(ENDPOINTS, given)
    ]
    running = connection.execute(BACKFILLS, given).all()
    newest = max(running, key=lambda row: int(row.updated_at), default=None)
    return Standing(tuple(found), None if newest is None else _history(newest))


def _endpoint(row: AnyRow, modes: Sequence[AnyRow]) -> Endpoint:
    webhooks = [each.last_webhook_at for each in modes if each.last_webhook_at is not None]
    compared = [each.reconciled_until for each in modes if each.reconciled_until is not None]
    return Endpoint(
        row.source,
        row.label,
        max(webhooks, default=None),
        min(compared, default=None),
        sum(len(json.loads(each.gaps)) for each in modes),
        any(each.trouble is not None for each in modes),
    )


def _history(row: AnyRow) -> History:
    cursor = json.loads(row.cursor) if row.cursor else {}
    return History(float(cursor.get("position", 0.0)), row.read, row.updated_at)
