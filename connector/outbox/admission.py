"""The last door before a delivery is sent: its name has a place and is not stopped, its keys keep their types.

Whatever way a delivery came to be due, it is claimed before it is sent, and claims of one workspace follow each other;
so what is decided here holds: two processes never give away the last place, or freeze one key in two types.  [SQL]
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, update

from connector.database.rows import run_many
from connector.database.tables import deliveries
from connector.events import Key
from connector.mapping.wire import keep_types, seen_type
from connector.outbox import alerts, event_names, queue
from connector.outbox.delivery import State, name_key
from connector.outbox.event_names import ALLOWED, FULL, STOPPED, WARN_AT, EventName

MANY, DRIFT = "event_names_many", "key_type_drift"
_TELL_APART = "\u2003"
"""Between a name and a key in an alert's subject."""

Row = RowMapping | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """An alert that was not open before."""

    workspace_id: int
    kind: str
    subject: str
    detail: str


@dataclass(slots=True)
class Admission:
    """What is being found out about some claimed rows of one workspace."""

    workspace_id: int
    names: dict[Key, EventName]
    now: int
    free: int | None = None
    counted: int = 0
    changed: dict[Key, EventName] = field(default_factory=dict)
    held: dict[str, list[queue.Id]] = field(default_factory=dict)
    rewritten: list[dict[str, Any]] = field(default_factory=list)
    opened: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Admitted:
    """The rows that may be sent, as they may be sent, and the alerts that were opened."""

    rows: Sequence[Row]
    opened: tuple[Opened, ...] = ()


def admit(connection: Connection, workspace_id: int, rows: Sequence[Row], *, now: int) -> Admitted:
    """Let through what may be sent; what may not is held with its reason."""
    if not rows:
        return Admitted(rows)
    keys = {name_key(row["name"]) for row in rows}
    door = Admission(workspace_id, event_names.known(connection, workspace_id, keys), now)
    passed = [fit for row in rows if (fit := _pass(connection, door, row)) is not None]
    _write_down(connection, door)
    return Admitted(passed, tuple(_opened(connection, door)))


def _pass(connection: Connection, door: Admission, row: Row) -> Row | None:
    key = name_key(row["name"])
    name = door.names.get(key) or EventName(door.workspace_id, key, row["name"], first_seen_at=door.now)
    if name.counted_at is None and name.stopped_reason is None:
        name = _placed(connection, door, name)
    if name.stopped_reason is not None:
        reason = FULL if name.stopped_reason == FULL else STOPPED
        door.held.setdefault(reason, []).append((door.workspace_id, row["delivery_id"]))
        return None
    return _typed(door, name, row)


def _placed(connection: Connection, door: Admission, name: EventName) -> EventName:
    """With a place, or without one where there is none left."""
    if door.free is None:
        places = event_names.places(connection, door.workspace_id)
        door.free, door.counted = places.free, places.counted
    if door.free > 0:
        door.free, door.counted = door.free - 1, door.counted + 1
        name = replace(name, counted_at=door.now)
        if door.counted == WARN_AT:
            door.opened.append((MANY, "", f"{WARN_AT} event names are in use, and Intercom keeps {ALLOWED}"))
    else:
        name = replace(name, stopped_reason=FULL)
        door.opened.append((FULL, "", f"there is no place left for {name.name!r}: Intercom keeps {ALLOWED} names"))
    door.names[name.key] = door.changed[name.key] = name
    return name


def _typed(door: Admission, name: EventName, row: Row) -> Row:
    """The row with what its types allow; what is sent for the first time is frozen as it is sent."""
    metadata = json.loads(row["metadata"])
    kept = keep_types(metadata, name.types)
    new = {
        key.casefold(): seen_type(key, value)
        for key, value in kept.metadata.items()
        if key.casefold() not in name.types
    }
    if new:
        name = replace(name, types={**name.types, **new})
        door.names[name.key] = door.changed[name.key] = name
    if not kept.drifted or row["ambiguous"] or row["claims"]:
        return row  # what may have arrived goes out again as it was
    notes = [f"{key}: {is_}, and this name was first sent with {was}" for key, (is_, was) in kept.drifted.items()]
    for key, (is_, was) in kept.drifted.items():
        words = f"{key!r} of {name.name!r} is {is_} now and was first sent as {was}: it is left out, or sent as {was}"
        door.opened.append((DRIFT, f"{name.name}{_TELL_APART}{key}", words))
    rewritten = {
        "metadata": json.dumps(kept.metadata, ensure_ascii=False),
        "notes": json.dumps([*json.loads(row["notes"]), *notes], ensure_ascii=False),
    }
    here = {"the_workspace": door.workspace_id, "the_delivery": row["delivery_id"]}
    door.rewritten.append(here | rewritten)
    return {**row, **rewritten}


_REWRITE = (
    update(deliveries)
    .where(deliveries.c.workspace_id == bindparam("the_workspace"), deliveries.c.id == bindparam("the_delivery"))
    .values(metadata=bindparam("metadata"), notes=bindparam("notes"))
)


def _write_down(connection: Connection, door: Admission) -> None:
    if door.changed:
        event_names.save(connection, list(door.changed.values()))
    for reason, ids in door.held.items():
        queue.give_up(connection, ids, State.HELD, reason, now=door.now)
    run_many(connection, _REWRITE, door.rewritten)


def _opened(connection: Connection, door: Admission) -> list[Opened]:
    return [
        Opened(door.workspace_id, kind, subject, detail)
        for kind, subject, detail in dict.fromkeys(door.opened)
        if alerts.open_alert(connection, door.workspace_id, kind, subject, detail, now=door.now)
    ]


def close_drift(connection: Connection, *, workspace_id: int | None = None, name: str = "", now: int) -> None:
    """Close the alerts about keys that changed their type: they open again where that is still so."""
    beginning = name + _TELL_APART if name else ""
    alerts.close_alerts(connection, DRIFT, workspace_id=workspace_id, beginning=beginning, now=now)
