"""What stops more than one delivery: a token that is refused, and an event name that is one too many.  [SQL]"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from connector.database.rows import insert_new
from connector.database.tables import alerts, deliveries, event_names
from connector.events import display
from connector.outbox import queue
from connector.outbox.delivery import State, name_key
from connector.workspaces.store import Mode, set_mode


def stop_workspace(
    connection: Connection, workspace_id: int, reason: str, words: str | None, *, now: int, if_unchanged_since: int
) -> bool:
    """Send nothing until there is another token; whether this is what stopped it. `words` are Intercom's own."""
    stopped = set_mode(
        connection,
        workspace_id,
        Mode.NEEDS_REAUTHORIZATION,
        reason=display(words or reason),
        now=now,
        if_unchanged_since=if_unchanged_since,
    )
    if stopped:
        _open_alert(connection, workspace_id, reason, "", words, now)
    return stopped


def stop_name(
    connection: Connection, workspace_id: int, name: str, reason: str, words: str | None, *, now: int
) -> bool:
    """Give up what else waits under this name, which Intercom would refuse, too; whether that is news."""
    connection.execute(
        update(event_names)
        .where(event_names.c.workspace_id == workspace_id, event_names.c.key == name_key(name))
        .values(stopped_reason=reason)
    )
    same_name = select(deliveries.c.workspace_id, deliveries.c.id).where(
        deliveries.c.workspace_id == workspace_id,
        deliveries.c.name == name,
        deliveries.c.state.in_([State.DUE.value, State.PARKED.value]),
    )
    others = [(row.workspace_id, row.id) for row in connection.execute(same_name)]
    queue.give_up(connection, others, State.DEAD, reason, now=now)
    return _open_alert(connection, workspace_id, reason, name, words, now)


def _open_alert(
    connection: Connection, workspace_id: int, kind: str, subject: str, words: str | None, now: int
) -> bool:
    """Open an alert, once; whether it is new."""
    row = {
        "workspace_id": workspace_id,
        "kind": kind,
        "subject": subject,
        "detail": words or "",
        "opened_at": now,
        "closed_at": None,
    }
    return insert_new(connection, alerts, [row]) == 1
