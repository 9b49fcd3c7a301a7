"""Everything that names a person, wherever it is kept.  [SQL, reading only; whole tables of a workspace, in pages]

There is no index for it, and should be none: an index by person would be one more copy of what people are called.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, or_, select, tuple_

from connector.database.rows import parts
from connector.database.tables import bodies, deliveries, identities, received_events
from connector.events import IdentifierKind, Key
from connector.outbox.delivery import Delivery, from_row
from connector.people.mentions import Mention, Names, mention, without
from connector.people.person import Person

PAGE = 200


@dataclass(frozen=True, slots=True)
class Body:
    """A stored body that names somebody; `received_at` and `key` are where it is."""

    key: Key
    received_at: int
    source: str
    type: str
    state: str
    body: bytes
    mention: Mention


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A delivery that names somebody: it is for them, or it is somebody else's."""

    delivery: Delivery
    theirs: bool


Place = tuple[int, Key]
"""Behind which body the next page begins."""
START: Place = (-1, b"")


def body_page(connection: Connection, names: Names, *, after: Place = START) -> tuple[Sequence[Body], Place | None]:
    """The bodies of one page that name the person, and where the next page begins; None behind the last."""
    place = tuple_(bodies.c.received_at, bodies.c.key)
    query = (
        select(bodies, received_events.c.source, received_events.c.type, received_events.c.state)
        .join(
            received_events,
            (received_events.c.workspace_id == bodies.c.workspace_id) & (received_events.c.key == bodies.c.key),
        )
        .where(bodies.c.workspace_id == names.person.workspace_id, place > after)
        .order_by(bodies.c.received_at, bodies.c.key)
        .limit(PAGE)
    )
    rows = connection.execute(query).mappings().all()
    found = [(row, mention(names, row["source"], row["body"])) for row in rows]
    last = (rows[-1]["received_at"], rows[-1]["key"]) if len(rows) == PAGE else None
    return [_body(row, how) for row, how in found if how is not Mention.NOT], last


def _body(row: RowMapping, how: Mention) -> Body:
    return Body(row["key"], row["received_at"], row["source"], row["type"], row["state"], row["body"], how)


def delivery_page(connection: Connection, names: Names, *, after: Key = b"") -> tuple[Sequence[Mentioned], Key | None]:
    """The same for deliveries."""
    columns = deliveries.c
    query = (
        select(deliveries)
        .where(columns.workspace_id == names.person.workspace_id, columns.id > after)
        .order_by(columns.id)
        .limit(PAGE)
    )
    rows = connection.execute(query).mappings().all()
    found = [each for row in rows if (each := _mentioned(names, from_row(row)))]
    return found, rows[-1]["id"] if len(rows) == PAGE else None


def _mentioned(names: Names, delivery: Delivery) -> Mentioned | None:
    person = names.person
    ways = [way for way in (delivery.identifier, *delivery.contact) if way is not None]
    if _is_theirs(person, delivery):
        return Mentioned(delivery, theirs=True)
    told = json.loads(json.dumps(dict(delivery.metadata)))
    if any(person.has(way) for way in ways) or without(names, told) != told:
        return Mentioned(delivery, theirs=False)
    return None


def _is_theirs(person: Person, delivery: Delivery) -> bool:
    """Whether it goes to them: by what it is sent by, or else by what the event names first."""
    if person.has(delivery.identifier):
        return True
    by_id = delivery.identifier is None or delivery.identifier.kind is IdentifierKind.ID
    return by_id and person.has(next(iter(delivery.contact), None))


def statements(connection: Connection, person: Person) -> list[RowMapping]:
    """What the directory says of them, former statements included."""
    found: dict[tuple[Key, Key], RowMapping] = {}
    for some in parts(sorted(person.keys)):
        either = or_(identities.c.source_key.in_(some), identities.c.target_key.in_(some))
        query = select(identities).where(identities.c.workspace_id == person.workspace_id, either)
        found |= {(row["source_key"], row["target_key"]): row for row in connection.execute(query).mappings()}
    return [found[key] for key in sorted(found)]
