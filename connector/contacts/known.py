"""Who somebody is at Intercom, for the minutes in which its search does not say so; and who creates them.  [SQL]

Intercom's search may miss a new contact "for a few minutes". What its webhook told, or our own creating, is kept for
that long, by the digest of what events call the person. The same row is the lock under which a person is created: one
holder at a time across processes, for no longer than the calls can take.

https://developers.intercom.com/docs/references/rest-api/api.intercom.io/contacts/searchcontacts
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, select, update

from connector.database.rows import insert_new, upsert
from connector.database.tables import known_contacts
from connector.events import Identifier, Key

FRESH_MS = 15 * 60_000
HELD_MS = 60_000
"""Two calls to Intercom of at most twenty seconds each, and some."""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody has made or seen them already."""

    contact_id: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else creates them just now."""


@dataclass(frozen=True, slots=True)
class Taken:
    """They are ours to create."""


Turn: TypeAlias = Known | Busy | Taken


def learn(
    connection: Connection, workspace_id: int, people: Iterable[Identifier], contact_id: str, *, now: int
) -> None:
    """Everyone who is called one of `people` is the contact `contact_id`; nobody need create them."""
    rows = [_row(workspace_id, key, contact_id=contact_id, now=now) for key in _keys(people)]
    upsert(connection, known_contacts, rows, changes=["contact_id", "seen_at", "holder", "held_until"])


def contact_of(connection: Connection, workspace_id: int, identifier: Identifier, *, now: int) -> str | None:
    """Intercom's id of whoever is called so, if that was learnt a short while ago."""
    rows = _rows(connection, workspace_id, [identifier.key])
    return next((row["contact_id"] for row in rows if _fresh(row, now)), None)


def take(
    connection: Connection, workspace_id: int, people: Sequence[Identifier], *, holder: Key, now: int, not_id: str
) -> Turn:
    """Whose turn it is to create the person who is called all of `people`. `not_id` is known to be nobody any more."""
    keys = _keys(people)
    insert_new(connection, known_contacts, [_row(workspace_id, key, contact_id=None, now=now) for key in keys])
    rows = _rows(connection, workspace_id, keys, lock=True)
    for row in rows:
        if _fresh(row, now) and row["contact_id"] != not_id:
            return Known(row["contact_id"])
    if any(row["held_until"] is not None and row["held_until"] > now and row["holder"] != holder for row in rows):
        return Busy()
    values = {"holder": holder, "held_until": now + HELD_MS, "contact_id": None, "seen_at": now}
    connection.execute(update(known_contacts).where(*_among(workspace_id, keys)).values(values))
    return Taken()


def let_go(connection: Connection, workspace_id: int, people: Sequence[Identifier], *, holder: Key) -> None:
    """They were not created: the next one may try."""
    mine = known_contacts.c.holder == holder
    connection.execute(delete(known_contacts).where(*_among(workspace_id, _keys(people)), mine))


def forget(connection: Connection, workspace_id: int, contact_id: str) -> None:
    """The contact is archived, merged away or deleted: its id leads nowhere."""
    here = (known_contacts.c.workspace_id == workspace_id, known_contacts.c.contact_id == contact_id)
    connection.execute(delete(known_contacts).where(*here))


def prune(connection: Connection, *, now: int) -> None:
    """Forget what Intercom's own search knows by now."""
    connection.execute(delete(known_contacts).where(known_contacts.c.seen_at < now - FRESH_MS))


def _fresh(row: RowMapping, now: int) -> bool:
    return row["contact_id"] is not None and row["seen_at"] > now - FRESH_MS


def _keys(people: Iterable[Identifier]) -> list[Key]:
    return sorted({person.key for person in people})


def _among(workspace_id: int, keys: Sequence[Key]) -> tuple[ColumnElement[bool], ...]:
    return known_contacts.c.workspace_id == workspace_id, known_contacts.c.identifier.in_(keys)


def _rows(
    connection: Connection, workspace_id: int, keys: Sequence[Key], *, lock: bool = False
) -> Sequence[RowMapping]:
    query = select(known_contacts).where(*_among(workspace_id, keys)).order_by(known_contacts.c.identifier)
    return connection.execute(query.with_for_update() if lock else query).mappings().all()


def _row(workspace_id: int, key: Key, *, contact_id: str | None, now: int) -> dict[str, object]:
    return {
        "workspace_id": workspace_id,
        "identifier": key,
        "contact_id": contact_id,
        "seen_at": now,
        "holder": None,
        "held_until": None,
    }
