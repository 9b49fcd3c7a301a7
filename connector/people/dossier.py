"""Everything that is known of one person, read in one go: for showing it, and for handing it over.  [reading only]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping

from connector.database.engine import Database
from connector.events import Identifier, Key
from connector.outbox import history
from connector.outbox.history import Attempt
from connector.people.mentions import Names
from connector.people.person import Person, person
from connector.people.records import START, Body, Mentioned, body_page, delivery_page, statements


@dataclass(frozen=True, slots=True)
class Dossier:
    """`deliveries` and `bodies` that are somebody else's and name the person in passing are among them."""

    person: Person
    statements: Sequence[RowMapping]
    deliveries: Sequence[Mentioned]
    attempts: dict[Key, list[Attempt]]
    bodies: Sequence[Body]


async def dossier(database: Database, workspace_id: int, asked: Identifier) -> Dossier:
    """All of it. It is a walk through everything that the workspace has stored."""
    whom = await database.read(person, workspace_id, asked)
    names = Names.of(whom)
    said = await database.read(statements, whom)
    deliveries = await _deliveries(database, names)
    tries = {
        each.delivery.id: await database.read(history.attempts_of, workspace_id, each.delivery.id)
        for each in deliveries
        if each.theirs
    }
    return Dossier(whom, said, deliveries, tries, await _bodies(database, names))


async def _deliveries(database: Database, names: Names) -> list[Mentioned]:
    found: list[Mentioned] = []
    after: Key | None = b""
    while after is not None:
        page, after = await database.read(delivery_page, names, after=after)
        found += page
    return sorted(found, key=lambda each: (each.delivery.mapped_at, each.delivery.id))


async def _bodies(database: Database, names: Names) -> list[Body]:
    found: list[Body] = []
    after: tuple[int, Key] | None = START
    while after is not None:
        page, after = await database.read(body_page, names, after=after)
        found += page
    return found
