"""One delivery: the Intercom event that came of a received event, and where it stands.

    waiting ──► due ──► delivered        accepted by Intercom (202)
       │        │ ▲ └──► dead            refused, or given up: the reason tells which
       │        │ │ └──► discarded       by an operator
       │        ▼ │
       │      parked                     Intercom does not know the contact, yet
       │
       ├──► held ──► due                 an operator lets it go
       └──► dead, discarded

    due ──► held                         too old to be sent unasked, its workspace tries others, or its name is stopped
    parked ──► held                      its name is stopped
    waiting, held, parked ──► dead       nothing happened until what is old is pruned

`waiting`: nobody is known whom it is for. A `held` delivery goes back to `due` when it is released. A `dead` or
`discarded` one does when it is replayed and a try of it may have arrived; if none can have, it is forgotten, and its
event mapped again. "In flight" is no state: it is a live lease in the queue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import RowMapping

from connector.database.tables import deliveries
from connector.events import Identifier, IdentifierKind, IntercomEvent, Key, MetadataValue, digest, display


class State(StrEnum):
    """Where a delivery stands; drawn above."""

    WAITING = "waiting"
    HELD = "held"
    DUE = "due"
    PARKED = "parked"
    DELIVERED = "delivered"
    DEAD = "dead"
    DISCARDED = "discarded"


FORGOTTEN = "person_deleted"
"""The reason on what was a person's who is forgotten: nothing of it is left to send or to map again."""
FINAL = (State.DELIVERED, State.DEAD, State.DISCARDED)

AFTER: Mapping[State, tuple[State, ...]] = {
    State.WAITING: (State.DUE, State.HELD, State.DEAD, State.DISCARDED),
    State.HELD: (State.DUE, State.DISCARDED),
    State.DUE: (State.DELIVERED, State.PARKED, State.HELD, State.DEAD, State.DISCARDED),
    State.PARKED: (State.DUE, State.DELIVERED, State.HELD, State.DEAD, State.DISCARDED),
    State.DELIVERED: (),
    State.DEAD: (State.DUE, State.DELIVERED, State.DISCARDED),
    State.DISCARDED: (State.DUE, State.DELIVERED),
}
"""Which states may follow; a late answer can still make any of them delivered."""


class Delivery(msgspec.Struct, frozen=True):
    """One row of `deliveries`. `created_at` is Unix seconds; the other times are milliseconds.

    What is JSON in the row stays text until somebody asks: most deliveries go out without a look into it.
    """

    workspace_id: int
    id: Key
    received_key: Key
    mapping_id: str
    mapping_digest: str
    generation: int
    name: str
    created_at: int
    contact_json: str
    identifier: Identifier | None
    metadata_json: str
    """As it goes on the wire."""
    notes_json: str
    state: State
    reason: str | None
    mapped_at: int
    updated_at: int
    delivered_at: int | None

    @property
    def contact(self) -> tuple[Identifier, ...]:
        """Every way to name its person that the mapping found, most trusted first."""
        return tuple(Identifier(IdentifierKind(kind), value) for kind, value in json.loads(self.contact_json))

    @property
    def metadata(self) -> Mapping[str, MetadataValue]:
        """In the order of sending."""
        found: Mapping[str, MetadataValue] = msgspec.json.decode(self.metadata_json)
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """What the mapping left out or corrected."""
        return tuple(json.loads(self.notes_json))


def delivery_id(received: Key, mapping_id: str, generation: int) -> Key:
    """The same event through the same entry is the same delivery, however often it is mapped."""
    return digest(received, mapping_id, generation)


def once_key(event: IntercomEvent) -> Key | None:
    """What several source events of one fact share; None where each counts by itself."""
    return None if event.once is None else digest(event.mapping_id, event.once)


@lru_cache(maxsize=4096)
def name_key(name: str) -> Key:
    """Equal for names that Intercom takes for one: it ignores case and writes `-` for `.` and `$`."""
    return digest(name.casefold().replace(".", "-").replace("$", "-"))


compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""JSON as it is stored, and as metadata goes on the wire."""


def as_row(
    event: IntercomEvent, *, workspace_id: int, received: Key, digest_of_catalogue: str, now: int
) -> dict[str, Any]:
    """`event` as a new row of `deliveries`, waiting."""
    return {
        "workspace_id": workspace_id,
        "id": delivery_id(received, event.mapping_id, 0),
        "received_key": received,
        "mapping_id": event.mapping_id,
        "mapping_digest": digest_of_catalogue,
        "generation": 0,
        "once_key": once_key(event),
        "name": display(event.name),
        "created_at": event.created_at,
        "contact": compact([[identifier.kind.value, identifier.value] for identifier in event.contact]),
        "identifier_kind": None,
        "identifier_value": None,
        "metadata": compact(event.metadata),
        "notes": compact(event.notes) if event.notes else "[]",
        "state": State.WAITING.value,
        "reason": None,
        "mapped_at": now,
        "updated_at": now,
        "delivered_at": None,
    }


COLUMNS = (
    deliveries.c.workspace_id,
    deliveries.c.id,
    deliveries.c.received_key,
    deliveries.c.mapping_id,
    deliveries.c.mapping_digest,
    deliveries.c.generation,
    deliveries.c.name,
    deliveries.c.created_at,
    deliveries.c.contact,
    deliveries.c.identifier_kind,
    deliveries.c.identifier_value,
    deliveries.c.metadata,
    deliveries.c.notes,
    deliveries.c.state,
    deliveries.c.reason,
    deliveries.c.mapped_at,
    deliveries.c.updated_at,
    deliveries.c.delivered_at,
)
"""In the order in which `from_values` takes their values."""
_NAMES = tuple(column.name for column in COLUMNS)


def from_row(row: RowMapping) -> Delivery:
    """A row of `deliveries` as a value."""
    return from_values([row[name] for name in _NAMES])


def from_values(values: Sequence[Any]) -> Delivery:
    """The values of `COLUMNS` as a delivery."""
    first, (kind, value, metadata, notes, state), last = values[:9], values[9:14], values[14:]
    identifier = Identifier(_KINDS[kind], value) if kind else None
    return Delivery(*(*first, identifier, metadata, notes, _STATES[state], *last))


_KINDS = {kind.value: kind for kind in IdentifierKind}
_STATES = {state.value: state for state in State}
