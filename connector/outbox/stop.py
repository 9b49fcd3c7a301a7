"""What stops more than one delivery: a refused token, an event name too many or one that an operator stopped.  [SQL]

Stopping a name needs no look at its deliveries: none is sent, because of `admission`. Holding them at once, some at a
time, is for those who look at the list.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from connector.database.tables import deliveries
from connector.events import display
from connector.outbox import event_names, history, queue, readiness
from connector.outbox.admission import MANY, close_drift
from connector.outbox.alerts import close_alerts, open_alert
from connector.outbox.delivery import State, name_key
from connector.outbox.event_names import FULL, STOPPED, WARN_AT
from connector.workspaces.store import Mode, set_mode

AT_ONCE = 500
"""Deliveries moved in one transaction."""


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
        open_alert(connection, workspace_id, reason, "", words or "", now=now)
    return stopped


def no_place(connection: Connection, workspace_id: int, name: str, words: str | None, *, now: int) -> bool:
    """Intercom has no place for this name: hold what waits under it; whether that is news. `words` are Intercom's."""
    event_names.stop(connection, workspace_id, name, FULL, now=now)
    hold(connection, workspace_id, name, FULL, now=now)
    return open_alert(connection, workspace_id, FULL, "", f"{name}: {words or 'refused'}", now=now)


def stop_name(connection: Connection, workspace_id: int, name: str, *, now: int) -> None:
    """Send no more of this name, by an operator's word; what is in flight may still arrive. 0 is every workspace."""
    event_names.stop(connection, workspace_id, name, STOPPED, now=now)


def hold(connection: Connection, workspace_id: int, name: str, reason: str, *, now: int, most: int = AT_ONCE) -> int:
    """Hold up to `most` of what is due or parked under this name; how many those were."""
    ids = _under(connection, workspace_id, name, [State.DUE, State.PARKED], most=most)
    queue.give_up(connection, ids, State.HELD, reason, now=now)
    return len(ids)


def let_go(connection: Connection, workspace_id: int, name: str, *, now: int, most: int = AT_ONCE) -> int:
    """Send up to `most` of what was held because of its name, or hold them for what else there is; how many."""
    ids = _under(connection, workspace_id, name, [State.HELD], reasons=(STOPPED, FULL), most=most)
    standing = readiness.standings(connection, [workspace_id]).get(workspace_id)
    ready: dict[tuple[State, str | None], list[queue.Id]] = {}
    for delivery in history.some(connection, workspace_id, [each for _, each in ids]):
        contact = (*delivery.contact, *([delivery.identifier] if delivery.identifier else []))
        ready.setdefault(readiness.ready(standing, contact), []).append((workspace_id, delivery.id))
    for (state, why), some in ready.items():
        queue.set_state(connection, some, state, why, now=now)
        if state is State.DUE:
            queue.wake(connection, some, now=now)
    return sum(map(len, ready.values()))


def workspaces_with(connection: Connection, states: Sequence[State]) -> list[int]:
    """The workspaces that have deliveries in one of these states."""
    query = select(deliveries.c.workspace_id).where(deliveries.c.state.in_([state.value for state in states]))
    return sorted(set(connection.scalars(query.distinct())))


def _under(
    connection: Connection,
    workspace_id: int,
    name: str,
    states: Sequence[State],
    *,
    most: int,
    reasons: Sequence[str] | None = None,
) -> list[queue.Id]:
    """Deliveries under all spellings of a name that Intercom takes for one."""
    here = [deliveries.c.workspace_id == workspace_id, deliveries.c.state.in_([state.value for state in states])]
    if reasons is not None:
        here.append(deliveries.c.reason.in_(reasons))
    spellings = connection.scalars(select(deliveries.c.name).where(*here).distinct())
    same = [each for each in spellings if name_key(each) == name_key(name)]
    query = select(deliveries.c.workspace_id, deliveries.c.id).where(*here, deliveries.c.name.in_(same))
    return [(row.workspace_id, row.id) for row in connection.execute(query.order_by(deliveries.c.id).limit(most))]


def give_places(connection: Connection, workspace_id: int, most: int, *, now: int) -> list[str]:
    """Give up to `most` places to the names that wait for one; close the alerts that are over. The names."""
    names = event_names.give_places(connection, workspace_id, most, now=now)
    places = event_names.places(connection, workspace_id)
    if not places.waiting:
        close_alerts(connection, FULL, workspace_id=workspace_id, now=now)
    if places.counted < WARN_AT:
        close_alerts(connection, MANY, workspace_id=workspace_id, now=now)
    return names


def forget_name(connection: Connection, workspace_id: int, name: str, *, now: int) -> list[str] | None:
    """Forget a name that is archived in Intercom, with its types; the names that got a place. None: not known."""
    if not event_names.forget(connection, workspace_id, name):
        return None
    close_drift(connection, workspace_id=workspace_id, name=name, now=now)
    return give_places(connection, workspace_id, 1, now=now)
