"""How far each endpoint is in step with Stripe, in each mode.  [SQL of `sync_state`]"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, case, func, select, update

from connector.database.rows import insert_new, upsert
from connector.database.tables import alerts, sync_state

MOST_GAPS = 20
"""Gaps that are kept of an endpoint, the newest."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a row of `sync_state` is about."""

    workspace_id: int
    endpoint_id: int
    livemode: bool


@dataclass(frozen=True, slots=True)
class SyncState:
    """One row; times are milliseconds, `gaps` are [from, to) in milliseconds."""

    place: Place
    last_webhook_at: int | None = None
    reconciled_until: int | None = None
    reconciled_at: int | None = None
    listed: int = 0
    found: int = 0
    named_at: int | None = None
    trouble: str | None = None
    trouble_at: int | None = None
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody should look at; `subject` tells several of one kind apart."""

    workspace_id: int
    kind: str
    subject: str
    detail: str


def load(connection: Connection, place: Place) -> SyncState:
    """The state of one endpoint and mode."""
    row = connection.execute(select(sync_state).where(*_here(place))).mappings().one_or_none()
    return SyncState(place) if row is None else _state(row)


def page(connection: Connection, workspace_id: int | None = None) -> list[SyncState]:
    """All states, of one workspace or of every."""
    query = select(sync_state).order_by(sync_state.c.workspace_id, sync_state.c.endpoint_id, sync_state.c.livemode)
    if workspace_id is not None:
        query = query.where(sync_state.c.workspace_id == workspace_id)
    return [_state(row) for row in connection.execute(query).mappings()]


def note_webhooks(connection: Connection, seen: Mapping[Place, int]) -> None:
    """When the latest webhook came, by place (milliseconds)."""
    rows = [
        {**_key(place), "last_webhook_at": at} for place, at in sorted(seen.items(), key=lambda each: _order(each[0]))
    ]
    upsert(connection, sync_state, rows, changes=["last_webhook_at"])


def save_progress(connection: Connection, place: Place, *, until: int, listed: int, found: int) -> None:
    """Everything up to `until` (milliseconds) has been looked at; what was looked at before stays so."""
    before = sync_state.c.reconciled_until
    _change(
        connection,
        place,
        reconciled_until=case((before > until, before), else_=until),
        listed=sync_state.c.listed + listed,
        found=sync_state.c.found + found,
    )


def save_end(connection: Connection, place: Place, *, now: int) -> None:
    """A look came to its end: there is no trouble any more, and its alert is closed."""
    _change(connection, place, reconciled_at=now, trouble=None, trouble_at=None)
    still_open = (
        alerts.c.workspace_id == place.workspace_id,
        alerts.c.kind == TROUBLE,
        alerts.c.subject == _subject(place),
        alerts.c.closed_at.is_(None),
    )
    connection.execute(update(alerts).where(*still_open).values(closed_at=now))


def save_trouble(connection: Connection, place: Place, trouble: str, *, now: int) -> Alert | None:
    """It does not go on until somebody acts; the alert where it is new."""
    before = load(connection, place)
    _change(connection, place, trouble=trouble[:255], trouble_at=before.trouble_at or now)
    alert = Alert(place.workspace_id, TROUBLE, _subject(place), trouble)
    return alert if _open(connection, alert, now) else None


def save_gap(connection: Connection, place: Place, gap: tuple[int, int], *, now: int) -> Alert | None:
    """What happened in between [from, to) (milliseconds) can no longer be listed; the alert where it is new."""
    before = load(connection, place)
    gaps = [*before.gaps, gap][-MOST_GAPS:]
    _change(connection, place, gaps=json.dumps(gaps), reconciled_until=gap[1])
    detail = "events of this time are in no list of Stripe's any more: `connector backfill stripe` makes up for some"
    alert = Alert(place.workspace_id, GAP, f"{_subject(place)} {gap[0]}-{gap[1]}", detail)
    return alert if _open(connection, alert, now) else None


def save_named(connection: Connection, place: Place, *, now: int) -> None:
    """Products, prices and coupons were all asked for."""
    _change(connection, place, named_at=now)


@dataclass(frozen=True, slots=True)
class Totals:
    """All endpoints together, for metrics; `oldest_until` in milliseconds."""

    endpoints: int
    oldest_until: int | None
    in_trouble: int
    with_gaps: int


def totals(connection: Connection) -> Totals:
    """How all of them stand."""
    columns = sync_state.c
    reconciled = columns.reconciled_until.is_not(None)
    query = select(
        func.count().filter(reconciled),
        func.min(columns.reconciled_until),
        func.count().filter(columns.trouble.is_not(None)),
        func.count().filter(columns.gaps != "[]"),
    ).select_from(sync_state)
    return Totals(*connection.execute(query).one())


TROUBLE, GAP = "sync_trouble", "sync_gap"
"""Kinds of alerts."""


def _change(connection: Connection, place: Place, **values: object) -> None:
    insert_new(connection, sync_state, [{**_key(place), "last_webhook_at": None}])
    connection.execute(update(sync_state).where(*_here(place)).values(values))


def _open(connection: Connection, alert: Alert, now: int) -> bool:
    row = {
        "workspace_id": alert.workspace_id,
        "kind": alert.kind,
        "subject": alert.subject,
        "detail": alert.detail,
        "opened_at": now,
        "closed_at": None,
    }
    if insert_new(connection, alerts, [row]):
        return True
    same = (
        alerts.c.workspace_id == alert.workspace_id,
        alerts.c.kind == alert.kind,
        alerts.c.subject == alert.subject,
        alerts.c.closed_at.is_not(None),
    )
    again = {"detail": alert.detail, "opened_at": now, "closed_at": None}
    return connection.execute(update(alerts).where(*same).values(again)).rowcount > 0


def _subject(place: Place) -> str:
    return f"endpoint {place.endpoint_id} {'live' if place.livemode else 'test'}"


def _here(place: Place) -> Sequence[Any]:
    return (
        sync_state.c.workspace_id == place.workspace_id,
        sync_state.c.endpoint_id == place.endpoint_id,
        sync_state.c.livemode == place.livemode,
    )


def _key(place: Place) -> dict[str, Any]:
    return {name: getattr(place, name) for name in Place.__slots__}


def _order(place: Place) -> tuple[int, int, bool]:
    return place.workspace_id, place.endpoint_id, place.livemode


def _state(row: RowMapping) -> SyncState:
    return SyncState(
        Place(row["workspace_id"], row["endpoint_id"], row["livemode"]),
        row["last_webhook_at"],
        row["reconciled_until"],
        row["reconciled_at"],
        row["listed"],
        row["found"],
        row["named_at"],
        row["trouble"],
        row["trouble_at"],
        tuple((start, end) for start, end in json.loads(row["gaps"])),
    )
