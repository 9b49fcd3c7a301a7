"""The last door before a delivery is sent: its name has a place and is not stopped, its keys keep their types.

Whatever way a delivery came to be due, it is claimed before it is sent, and claims of one workspace follow each other;
so what is decided here holds: two processes never give away the last place, or freeze one key in two types.  [SQL]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, bindparam, update

from connector.database.rows import run_many
from connector.database.tables import deliveries
from connector.events import Key, MetadataValue
from connector.mapping.wire import fits, keep_types, seen_type
from connector.outbox import alerts, event_names, queue
from connector.outbox.delivery import Delivery, State, compact, name_key
from connector.outbox.event_names import ALLOWED, FULL, STOPPED, WARN_AT, EventName

if TYPE_CHECKING:
    from connector.outbox.claim import Claimed

MANY, DRIFT = "event_names_many", "key_type_drift"
_TELL_APART = "\u2003"
"""Between a name and a key in an alert's subject."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An alert that was not open before."""

    workspace_id: int
    kind: str
    subject: str
    detail: str


@dataclass(slots=True)
class Admission:
    """What is being found out about some claimed deliveries of one workspace."""

    workspace_id: int
    keys: dict[str, Key]
    names: dict[Key, EventName]
    now: int
    free: int | None = None
    counted: int = 0
    changed: dict[Key, EventName] = field(default_factory=dict)
    held: dict[str, list[queue.Id]] = field(default_factory=dict)
    rewritten: list[dict[str, Any]] = field(default_factory=list)
    opened: list[tuple[str, str, str]] = field(default_factory=list)

    def rewrite(self, delivery: Delivery, metadata: Mapping[str, MetadataValue], notes: Sequence[str]) -> Delivery:
        """The delivery with other metadata and more notes; written down with the rest."""
        row = {"metadata": compact(metadata), "notes": compact([*delivery.notes, *notes])}
        self.rewritten.append({"the_workspace": self.workspace_id, "the_delivery": delivery.id, **row})
        return msgspec.structs.replace(delivery, metadata_json=row["metadata"], notes_json=row["notes"])


@dataclass(frozen=True, slots=True)
class Admitted:
    """The deliveries that may be sent, as they may be sent, and the alerts that were opened."""

    claimed: Sequence[Claimed]
    opened: tuple[Opened, ...] = ()


def admit(connection: Connection, workspace_id: int, claimed: Sequence[Claimed], *, now: int) -> Admitted:
    """Let through what may be sent; what may not is held with its reason."""
    if not claimed:
        return Admitted(claimed)
    keys = {name: name_key(name) for name in {each.delivery.name for each in claimed}}
    door = Admission(workspace_id, keys, event_names.known(connection, workspace_id, set(keys.values())), now)
    passed = [fit for each in claimed if (fit := _pass(connection, door, each)) is not None]
    _write_down(connection, door)
    return Admitted(passed, tuple(_opened(connection, door)))


@dataclass(frozen=True, slots=True)
class Use:
    """Whether a name may be sent: the reason where it may not, and the alerts that asking has opened."""

    reason: str | None
    opened: tuple[Opened, ...] = ()


def may_use(connection: Connection, workspace_id: int, name: str, *, now: int) -> Use:
    """The same for a name alone, of which Intercom is told in counts; the caller holds the workspace's lane."""
    key = name_key(name)
    door = Admission(workspace_id, {name: key}, event_names.known(connection, workspace_id, {key}), now)
    found = _name(connection, door, name)
    _write_down(connection, door)
    return Use(_why_not(found), tuple(_opened(connection, door)))


def _pass(connection: Connection, door: Admission, claimed: Claimed) -> Claimed | None:
    delivery = claimed.delivery
    name = _name(connection, door, delivery.name)
    if (reason := _why_not(name)) is not None:
        door.held.setdefault(reason, []).append((door.workspace_id, delivery.id))
        return None
    return _typed(door, name, claimed)


def _name(connection: Connection, door: Admission, text: str) -> EventName:
    """What is known of a name, with a place if one is left."""
    key = door.keys[text]
    name = door.names.get(key) or EventName(door.workspace_id, key, text, first_seen_at=door.now)
    new = name.counted_at is None and name.stopped_reason is None
    return _placed(connection, door, name) if new else name


def _why_not(name: EventName) -> str | None:
    reason = FULL if name.stopped_reason == FULL else STOPPED
    return None if name.stopped_reason is None else reason


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


def _typed(door: Admission, name: EventName, claimed: Claimed) -> Claimed:
    """With what its types allow; what is sent for the first time is frozen as it is sent."""
    delivery = claimed.delivery
    metadata = delivery.metadata
    if fits(metadata, name.types):
        return claimed
    kept = keep_types(metadata, name.types)
    new = {
        key.casefold(): seen_type(key, value)
        for key, value in kept.metadata.items()
        if key.casefold() not in name.types
    }
    if new:
        name = replace(name, types={**name.types, **new})
        door.names[name.key] = door.changed[name.key] = name
    if not kept.drifted or claimed.history.ambiguous:
        return claimed  # what may have arrived goes out again as it was
    for key, (is_, was) in kept.drifted.items():
        words = f"{key!r} of {name.name!r} is {is_} now and was first sent as {was}: it is left out, or sent as {was}"
        door.opened.append((DRIFT, f"{name.name}{_TELL_APART}{key}", words))
    notes = [f"{key}: {is_}, and this name was first sent with {was}" for key, (is_, was) in kept.drifted.items()]
    return msgspec.structs.replace(claimed, delivery=door.rewrite(delivery, kept.metadata, notes))


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
