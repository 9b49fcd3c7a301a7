"""A workspace's event names: which count among the 120 that Intercom allows, which are stopped, what types they have.

    (first needed) ──► counted            it has one of the places; its keys' types are frozen as they are sent
          └──────────► no room            all places are taken: what is made under it is held, in order of first need
    any of them ──► stopped               by an operator, in one workspace or (as workspace 0) in all; and started again

Forgetting a name, once it is archived in Intercom, frees its place and its types.  [SQL of `event_names`]
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, or_, select, update

from connector.database.rows import upsert
from connector.database.tables import event_names
from connector.events import Key
from connector.outbox.delivery import name_key

ALLOWED = 120
"""Active event names of a workspace (https://www.intercom.com/help/en/articles/5245634)."""
WARN_AT = 100
EVERY_WORKSPACE = 0

FULL, STOPPED = "event_names_full", "name_stopped"
"""Why a name is not sent, and the reason of the deliveries that are held because of it."""

Name = tuple[int, Key]
"""(workspace, name_key)."""


@dataclass(frozen=True, slots=True)
class EventName:
    """One row. `counted_at` (milliseconds) is None while the name has no place; `types` are by key in lower case."""

    workspace_id: int
    key: Key
    name: str
    types: Mapping[str, str] = field(default_factory=dict)
    first_seen_at: int = 0
    stopped_reason: str | None = None
    counted_at: int | None = None


@dataclass(frozen=True, slots=True)
class Frozen:
    """The types that some workspaces have sent the keys of one name with; `workspaces` is how many agree in all."""

    name_key: Key
    types: Mapping[str, str]
    workspaces: int


@dataclass(frozen=True, slots=True)
class Places:
    """How many of a workspace's names count, and how many wait for a place."""

    counted: int
    waiting: int

    @property
    def free(self) -> int:
        """Places for names that are new: none while others wait, for those came first."""
        return 0 if self.waiting else max(0, ALLOWED - self.counted)


def stopped(connection: Connection, names: Iterable[Name]) -> dict[Name, str]:
    """Those of `names` that are not to be sent, and why: one look at the few that are stopped at all."""
    wanted = set(names)
    workspaces = {EVERY_WORKSPACE, *(workspace_id for workspace_id, _ in wanted)}
    rows = connection.execute(_ALL_STOPPED, {"workspaces": sorted(workspaces)})
    reasons = {(row.workspace_id, row.key): row.stopped_reason for row in rows}
    everywhere = {key: reason for (workspace_id, key), reason in reasons.items() if workspace_id == EVERY_WORKSPACE}
    found = {each: everywhere.get(each[1]) or reasons.get(each) for each in wanted} if reasons else {}
    return {each: reason for each, reason in found.items() if reason is not None}


_ALL_STOPPED = select(event_names.c.workspace_id, event_names.c.key, event_names.c.stopped_reason).where(
    event_names.c.workspace_id.in_(bindparam("workspaces", expanding=True, type_=event_names.c.workspace_id.type)),
    event_names.c.stopped_reason.is_not(None),
)


def known(connection: Connection, workspace_id: int, keys: Collection[Key]) -> dict[Key, EventName]:
    """What is known of these names in a workspace; one that is stopped everywhere is stopped here."""
    rows = connection.execute(_KNOWN, {"the_workspace": workspace_id, "keys": sorted(keys)})
    found: dict[Key, EventName] = {}
    for row in sorted(rows, key=lambda row: -row.workspace_id):
        if row.workspace_id == workspace_id:
            found[row.key] = _event_name(row)
        elif row.stopped_reason is not None:
            here = found.get(row.key) or EventName(workspace_id, row.key, row.name, first_seen_at=row.first_seen_at)
            found[row.key] = EventName(
                workspace_id, here.key, here.name, here.types, here.first_seen_at, STOPPED, here.counted_at
            )
    return found


_KNOWN = select(event_names).where(
    event_names.c.workspace_id.in_([EVERY_WORKSPACE, bindparam("the_workspace")]),
    event_names.c.key.in_(bindparam("keys", expanding=True, type_=event_names.c.key.type)),
)


def places(connection: Connection, workspace_id: int) -> Places:
    """How full a workspace is."""
    waiting = func.count().filter(event_names.c.stopped_reason == FULL)
    query = select(func.count(event_names.c.counted_at), waiting).where(event_names.c.workspace_id == workspace_id)
    counted, waits = connection.execute(query).one()
    return Places(counted, waits)


def page(
    connection: Connection, workspace_id: int | None, *, limit: int, after: tuple[int, Key] | None = None
) -> list[EventName]:
    """Names by workspace and in order of first need, of one workspace or of all, from behind `after`."""
    columns = event_names.c
    query = select(event_names).order_by(columns.workspace_id, columns.key).limit(limit)
    if workspace_id is not None:
        query = query.where(columns.workspace_id.in_([EVERY_WORKSPACE, workspace_id]))
    if after is not None:
        later = and_(columns.workspace_id == after[0], columns.key > after[1])
        query = query.where(or_(columns.workspace_id > after[0], later))
    return [_event_name(row) for row in connection.execute(query)]


def save(connection: Connection, names: Sequence[EventName]) -> None:
    """Store names as they are now."""
    rows = [
        {
            "workspace_id": each.workspace_id,
            "key": each.key,
            "name": each.name,
            "types": json.dumps(dict(each.types)),
            "first_seen_at": each.first_seen_at,
            "stopped_reason": each.stopped_reason,
            "counted_at": each.counted_at,
        }
        for each in sorted(names, key=lambda each: (each.workspace_id, each.key))
    ]
    upsert(connection, event_names, rows, changes=["types", "stopped_reason", "counted_at"])


def stop(connection: Connection, workspace_id: int, name: str, reason: str, *, now: int) -> None:
    """Send a name no more; one that has no room has no place either."""
    row = {
        "workspace_id": workspace_id,
        "key": name_key(name),
        "name": name,
        "types": "{}",
        "first_seen_at": now,
        "stopped_reason": reason,
        "counted_at": None,
    }
    changes = ["stopped_reason", "counted_at"] if reason == FULL else ["stopped_reason"]
    upsert(connection, event_names, [row], changes=changes)


def start(connection: Connection, workspace_id: int | None, name: str) -> list[int]:
    """Undo an operator's stop, in one workspace or (None) everywhere; the workspaces in which it was stopped."""
    here = [event_names.c.key == name_key(name), event_names.c.stopped_reason == STOPPED]
    if workspace_id is not None:
        here.append(event_names.c.workspace_id == workspace_id)
    found = list(connection.scalars(select(event_names.c.workspace_id).where(*here)))
    connection.execute(delete(event_names).where(*here, event_names.c.workspace_id == EVERY_WORKSPACE))
    connection.execute(update(event_names).where(*here).values(stopped_reason=None))
    return found


def forget(connection: Connection, workspace_id: int, name: str) -> bool:
    """Free a name's place and its types; whether it was there."""
    here = (event_names.c.workspace_id == workspace_id, event_names.c.key == name_key(name))
    return connection.execute(delete(event_names).where(*here)).rowcount > 0


def give_places(connection: Connection, workspace_id: int, most: int, *, now: int) -> list[str]:
    """Count up to `most` of the names that wait for a place, those that were needed first; their names."""
    columns = event_names.c
    waiting = select(columns.key, columns.name).where(
        columns.workspace_id == workspace_id, columns.stopped_reason == FULL
    )
    first = connection.execute(waiting.order_by(columns.first_seen_at, columns.key).limit(max(0, most))).all()
    for row in first:
        here = (columns.workspace_id == workspace_id, columns.key == row.key)
        connection.execute(update(event_names).where(*here).values(stopped_reason=None, counted_at=now))
    return [row.name for row in first]


def frozen(connection: Connection, workspace_id: int | None = None) -> list[Frozen]:
    """What was sent, of one workspace or of all: few rows however many workspaces, for most have sent the same."""
    columns = event_names.c
    query = select(columns.key, columns.types, func.count().label("workspaces")).where(columns.types != "{}")
    if workspace_id is not None:
        query = query.where(columns.workspace_id == workspace_id)
    rows = connection.execute(query.group_by(columns.key, columns.types))
    return [Frozen(row.key, json.loads(row.types), row.workspaces) for row in rows]


@lru_cache(maxsize=4096)
def _types(text: str) -> Mapping[str, str]:
    """Read once: most workspaces have frozen the same, and every claim reads them."""
    types: dict[str, str] = json.loads(text)
    return types


def _event_name(row: Row[Any]) -> EventName:
    return EventName(
        row.workspace_id,
        row.key,
        row.name,
        _types(row.types),
        row.first_seen_at,
        row.stopped_reason,
        row.counted_at,
    )
