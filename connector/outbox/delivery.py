"""One delivery: the Intercom event that came of a received event, and where it stands.

    waiting ──► due ──► delivered        accepted by Intercom (202)
       │        │ ▲ └──► dead            refused, or given up: the reason tells which
       │        │ │ └──► discarded       by an operator
       │        ▼ │
       │      parked                     Intercom does not know the contact, yet
       │
       ├──► held ──► due                 its workspace is watching, or its name is not sent: until that is over
       └──► dead, discarded

`waiting`: nobody is known whom it is for. A `held` delivery goes back to `due` when it is released; one that is `due`
or `parked` becomes `held` when its name is stopped, or has no place among the 120 that Intercom allows. A `dead` or
`discarded` one does when it is replayed and a try of it may have arrived; if none can have, it is forgotten, and its
event mapped again. "In flight" is no state: it is a live lease in the queue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping

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


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of `deliveries`. `created_at` is Unix seconds; the other times are milliseconds."""

    workspace_id: int
    id: Key
    received_key: Key
    mapping_id: str
    mapping_digest: str
    generation: int
    name: str
    created_at: int
    contact: tuple[Identifier, ...]
    identifier: Identifier | None
    metadata: Mapping[str, MetadataValue]
    notes: tuple[str, ...]
    state: State
    reason: str | None
    mapped_at: int
    updated_at: int
    delivered_at: int | None


def delivery_id(received: Key, mapping_id: str, generation: int) -> Key:
    """The same event through the same entry is the same delivery, however often it is mapped."""
    return digest(received, mapping_id, generation)


def once_key(event: IntercomEvent) -> Key | None:
    """What several source events of one fact share; None where each counts by itself."""
    return None if event.once is None else digest(event.mapping_id, event.once)


def name_key(name: str) -> Key:
    """Equal for names that Intercom takes for one: it ignores case and writes `-` for `.` and `$`."""
    return digest(name.casefold().replace(".", "-").replace("$", "-"))


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
        "contact": json.dumps([[identifier.kind.value, identifier.value] for identifier in event.contact]),
        "identifier_kind": None,
        "identifier_value": None,
        "metadata": json.dumps(event.metadata, ensure_ascii=False),
        "notes": json.dumps(event.notes, ensure_ascii=False),
        "state": State.WAITING.value,
        "reason": None,
        "mapped_at": now,
        "updated_at": now,
        "delivered_at": None,
    }


def from_row(row: RowMapping) -> Delivery:
    """A row of `deliveries` as a value."""
    return Delivery(
        workspace_id=row["workspace_id"],
        id=row["id"],
        received_key=row["received_key"],
        mapping_id=row["mapping_id"],
        mapping_digest=row["mapping_digest"],
        generation=row["generation"],
        name=row["name"],
        created_at=row["created_at"],
        contact=_identifiers(json.loads(row["contact"])),
        identifier=row["identifier_kind"]
        and Identifier(IdentifierKind(row["identifier_kind"]), row["identifier_value"]),
        metadata=json.loads(row["metadata"]),
        notes=tuple(json.loads(row["notes"])),
        state=State(row["state"]),
        reason=row["reason"],
        mapped_at=row["mapped_at"],
        updated_at=row["updated_at"],
        delivered_at=row["delivered_at"],
    )


def _identifiers(pairs: Sequence[Sequence[str]]) -> tuple[Identifier, ...]:
    return tuple(Identifier(IdentifierKind(kind), value) for kind, value in pairs)
