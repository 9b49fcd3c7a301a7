"""Alerts: what somebody should look at. One is open once for each kind and subject, and may open again after it closed.

[SQL of `alerts`; workspace 0 is the service itself]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from connector.database.rows import insert_new
from connector.database.tables import alerts
from connector.events import display

THE_SERVICE = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """One open alert. `opened_at` in milliseconds."""

    workspace_id: int
    kind: str
    subject: str
    detail: str
    opened_at: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """An alert, and when it was closed (milliseconds), if it was."""

    alert: Alert
    closed_at: int | None


def open_alert(connection: Connection, workspace_id: int, kind: str, subject: str, detail: str, *, now: int) -> bool:
    """Open an alert, or say something newer in one that is open; whether it was not open before."""
    subject = display(subject)
    here = (alerts.c.workspace_id == workspace_id, alerts.c.kind == kind, alerts.c.subject == subject)
    reopened = update(alerts).where(*here, alerts.c.closed_at.is_not(None))
    if connection.execute(reopened.values(detail=detail, opened_at=now, closed_at=None)).rowcount:
        return True
    row = {"workspace_id": workspace_id, "kind": kind, "subject": subject, "detail": detail, "opened_at": now}
    if insert_new(connection, alerts, [row | {"closed_at": None}]):
        return True
    connection.execute(update(alerts).where(*here, alerts.c.detail != detail).values(detail=detail))
    return False


def close_alerts(
    connection: Connection, kind: str, *, workspace_id: int | None = None, beginning: str = "", now: int
) -> int:
    """Close those of a kind, of one workspace or of all, whose subject begins so; how many were open."""
    statement = update(alerts).where(alerts.c.kind == kind, alerts.c.closed_at.is_(None))
    if workspace_id is not None:
        statement = statement.where(alerts.c.workspace_id == workspace_id)
    if beginning:
        statement = statement.where(alerts.c.subject.startswith(beginning, autoescape=True))
    return connection.execute(statement.values(closed_at=now)).rowcount


def close_alert(connection: Connection, workspace_id: int, kind: str, subject: str, *, now: int) -> bool:
    """Close one; whether it was open."""
    here = (alerts.c.workspace_id == workspace_id, alerts.c.kind == kind, alerts.c.subject == display(subject))
    statement = update(alerts).where(*here, alerts.c.closed_at.is_(None))
    return connection.execute(statement.values(closed_at=now)).rowcount > 0


def open_alerts(connection: Connection, workspace_id: int | None = None, *, limit: int = 100) -> Sequence[Alert]:
    """What is open, of one workspace or of all, the newest first."""
    query = select(alerts).where(alerts.c.closed_at.is_(None)).order_by(alerts.c.opened_at.desc()).limit(limit)
    if workspace_id is not None:
        query = query.where(alerts.c.workspace_id == workspace_id)
    return [
        Alert(row.workspace_id, row.kind, row.subject, row.detail, row.opened_at) for row in connection.execute(query)
    ]


def page(
    connection: Connection,
    workspace_id: int | None = None,
    *,
    closed: bool = False,
    skip: int = 0,
    limit: int,
) -> Sequence[Recorded]:
    """Alerts that are open, with `closed` also those that were, the newest first."""
    query = select(alerts).order_by(alerts.c.opened_at.desc(), alerts.c.workspace_id, alerts.c.kind, alerts.c.subject)
    if not closed:
        query = query.where(alerts.c.closed_at.is_(None))
    if workspace_id is not None:
        query = query.where(alerts.c.workspace_id == workspace_id)
    return [
        Recorded(Alert(row.workspace_id, row.kind, row.subject, row.detail, row.opened_at), row.closed_at)
        for row in connection.execute(query.limit(limit).offset(skip))
    ]


def count_open(connection: Connection) -> int:
    """How many are open."""
    return connection.scalar(select(func.count()).select_from(alerts).where(alerts.c.closed_at.is_(None))) or 0
