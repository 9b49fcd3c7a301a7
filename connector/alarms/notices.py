"""Which sink has been told of which alert: once for each opening, tried again until it is done.  [SQL]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from connector.database.rows import insert_new
from connector.database.tables import alert_notices, alerts
from connector.outbox.alerts import Alert

FIRST_MS, LONGEST_MS = 30_000, 3_600_000
MOST_TRIES = 40
"""A day and a half, then nobody listens."""
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert that `sink` is to be told of, for the `tries`-th time."""

    alert: Alert
    sink: str
    tries: int


def claim(connection: Connection, sink: str, *, now: int) -> list[Notice]:
    """What is to be sent now, the oldest first. No other process gets it before it is due again.

    An alert that was closed before anybody was told of it is not told of any more.
    """
    mine = and_(
        alert_notices.c.workspace_id == alerts.c.workspace_id,
        alert_notices.c.kind == alerts.c.kind,
        alert_notices.c.subject == alerts.c.subject,
        alert_notices.c.sink == sink,
    )
    of_this_opening = alert_notices.c.opened_at == alerts.c.opened_at
    due = and_(alert_notices.c.sent_at.is_(None), alert_notices.c.again_at <= now, alert_notices.c.tries < MOST_TRIES)
    query = (
        select(alerts, alert_notices.c.tries, of_this_opening.label("same"))
        .outerjoin(alert_notices, mine)
        .where(alerts.c.closed_at.is_(None))
        .where(or_(alert_notices.c.sink.is_(None), ~of_this_opening, due))
        .order_by(alerts.c.opened_at)
        .limit(AT_ONCE)
    )
    found = []
    for row in connection.execute(query):
        alert = Alert(row.workspace_id, row.kind, row.subject, row.detail, row.opened_at)
        tries = (row.tries if row.same else 0) + 1
        if _take(connection, alert, sink, tries, now):
            found.append(Notice(alert, sink, tries))
    return found


def done(connection: Connection, notice: Notice, *, now: int) -> None:
    """It was sent."""
    here = (*_key(notice.alert, notice.sink), alert_notices.c.opened_at == notice.alert.opened_at)
    connection.execute(update(alert_notices).where(*here).values(sent_at=now))


def wait_ms(tries: int) -> int:
    """How long after so many tries the next one is."""
    return min(LONGEST_MS, FIRST_MS << min(max(0, tries - 1), 20))


def _take(connection: Connection, alert: Alert, sink: str, tries: int, now: int) -> bool:
    """Write down that it is being sent; whether nobody else was faster."""
    values = {"opened_at": alert.opened_at, "tries": tries, "again_at": now + wait_ms(tries), "sent_at": None}
    key = {"workspace_id": alert.workspace_id, "kind": alert.kind, "subject": alert.subject, "sink": sink}
    if insert_new(connection, alert_notices, [{**key, **values}]):
        return True
    still = or_(
        alert_notices.c.opened_at != alert.opened_at,
        and_(alert_notices.c.tries == tries - 1, alert_notices.c.sent_at.is_(None)),
    )
    return connection.execute(update(alert_notices).where(*_key(alert, sink), still).values(values)).rowcount > 0


def _key(alert: Alert, sink: str) -> Sequence[ColumnElement[bool]]:
    return (
        alert_notices.c.workspace_id == alert.workspace_id,
        alert_notices.c.kind == alert.kind,
        alert_notices.c.subject == alert.subject,
        alert_notices.c.sink == sink,
    )
