"""Forgetting one person: their bodies, deliveries, tries' words and statements go; digests of what came in stay.

A repeated webhook, a poll or a backfill finds the digest of its event and brings nobody back; a replay finds no body.
What is not delivered yet is given up. It is done in short transactions, a page each, and again until nothing is found:
what was being mapped meanwhile is found the second time.  [SQL]
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, update

from connector.contacts import erasures
from connector.database.engine import Database
from connector.database.rows import parts
from connector.database.tables import attempts, bodies, deliveries, identities, known_contacts, received_events, seconds
from connector.errors import DatabaseError
from connector.events import Identifier, ReceivedState
from connector.outbox import queue, summaries
from connector.outbox.delivery import FORGOTTEN, State
from connector.outbox.summaries import IN_SUMMARY
from connector.people.mentions import Mention, Names, redacted, without
from connector.people.person import Person, person
from connector.people.records import START, Body, Mentioned, Place, body_page, delivery_page, statements
from connector.telemetry.facts import PersonForgotten, StageFailed, Tell
from connector.workspaces import audit

PASSES = 3


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was deleted, and how many bodies and deliveries of others were rid of the name."""

    deliveries: int = 0
    events: int = 0
    identities: int = 0
    redacted: int = 0

    def __add__(self, other: Forgotten) -> Forgotten:
        return Forgotten(
            self.deliveries + other.deliveries,
            self.events + other.events,
            self.identities + other.identities,
            self.redacted + other.redacted,
        )


async def forget(database: Database, workspace_id: int, asked: Identifier, *, actor: str) -> Forgotten:
    """Delete everything that is known of the person whom `asked` names; the audit log keeps who asked, and counts."""
    whom = await database.read(person, workspace_id, asked)
    names, total = Names.of(whom), Forgotten()
    for _ in range(PASSES):
        found = await _pass(database, names)
        total += found
        if found == Forgotten():
            break
    await database.transact(_record, whom, total, actor, now=database.clock.now())
    return total


async def _pass(database: Database, names: Names) -> Forgotten:
    found = Forgotten()
    after: Place | None = START
    while after is not None:
        page, after = await database.read(body_page, names, after=after)
        if page:
            found += await database.transact(_forget_bodies, names, page)
    last: bytes | None = b""
    while last is not None:
        some, last = await database.read(delivery_page, names, after=last)
        if some:
            found += await database.transact(_forget_deliveries, names, some, now=database.clock.now())
    return found + await database.transact(_forget_statements, names.person)


def _forget_bodies(connection: Connection, names: Names, page: Sequence[Body]) -> Forgotten:
    workspace_id = names.person.workspace_id
    about = [each for each in page if each.mention is Mention.ABOUT]
    for each in page:
        here = (
            bodies.c.workspace_id == workspace_id,
            bodies.c.received_at == each.received_at,
            bodies.c.key == each.key,
        )
        if each.mention is Mention.ABOUT:
            connection.execute(delete(bodies).where(*here))
        else:
            connection.execute(update(bodies).where(*here).values(body=redacted(names, each.body)))
    for keys in parts([each.key for each in about]):
        unmapped = (
            received_events.c.workspace_id == workspace_id,
            received_events.c.key.in_(keys),
            received_events.c.state == ReceivedState.RECEIVED.value,
        )
        values = {"state": ReceivedState.IGNORED.value, "reason": FORGOTTEN}
        connection.execute(update(received_events).where(*unmapped).values(values))
    return Forgotten(events=len(about), redacted=len(page) - len(about))


def _forget_deliveries(connection: Connection, names: Names, page: Sequence[Mentioned], *, now: int) -> Forgotten:
    workspace_id = names.person.workspace_id
    theirs = [each.delivery for each in page if each.theirs]
    summaries.forget(connection, workspace_id, {each.id for each in theirs if each.reason == IN_SUMMARY}, now=now)
    ids = [(workspace_id, each.id) for each in theirs]
    queue.give_up(
        connection,
        [each for each, delivery in zip(ids, theirs, strict=True) if delivery.state is not State.DELIVERED],
        State.DISCARDED,
        FORGOTTEN,
        now=now,
    )
    for here in queue.among(deliveries, "id", ids):
        connection.execute(update(deliveries).where(here).values(_EMPTY))
    for here in queue.among(attempts, "delivery_id", ids):
        connection.execute(update(attempts).where(here).values(words=None))
    for here in queue.among(seconds, "delivery_id", ids):
        connection.execute(delete(seconds).where(here))
    others = [each for each in page if not each.theirs]
    for each in others:
        _unname(connection, names, each)
    return Forgotten(deliveries=len(theirs), redacted=len(others))


_EMPTY = {
    "contact": "[]",
    "identifier_kind": None,
    "identifier_value": None,
    "metadata": "{}",
    "notes": "[]",
    "reason": FORGOTTEN,
}


def _unname(connection: Connection, names: Names, other: Mentioned) -> None:
    """Somebody else's delivery, without the person."""
    delivery = other.delivery
    kept = [[way.kind.value, way.value] for way in delivery.contact if not names.person.has(way)]
    metadata = without(names, json.loads(json.dumps(dict(delivery.metadata))))
    values = {"contact": json.dumps(kept), "metadata": json.dumps(metadata, ensure_ascii=False)}
    here = (deliveries.c.workspace_id == delivery.workspace_id, deliveries.c.id == delivery.id)
    connection.execute(update(deliveries).where(*here).values(values))


def _forget_statements(connection: Connection, whom: Person) -> Forgotten:
    found = statements(connection, whom)
    for row in found:
        here = (
            identities.c.workspace_id == whom.workspace_id,
            identities.c.source_key == row["source_key"],
            identities.c.target_key == row["target_key"],
        )
        connection.execute(delete(identities).where(*here))
    for keys in parts(sorted(whom.keys)):
        here_too = (known_contacts.c.workspace_id == whom.workspace_id, known_contacts.c.identifier.in_(keys))
        connection.execute(delete(known_contacts).where(*here_too))
    return Forgotten(identities=len(found))


def _record(connection: Connection, whom: Person, total: Forgotten, actor: str, *, now: int) -> None:
    counts = {name: getattr(total, name) for name in Forgotten.__slots__}
    audit.record(connection, whom.workspace_id, actor=actor, action="people.delete", detail=counts, now=now)


@dataclass
class Forgetting:
    """Does what Segment and Intercom asked for, one person at a time, behind everything else."""

    database: Database
    tell: Tell
    _task: asyncio.Task[None] | None = None
    _closed: bool = False

    def soon(self) -> None:
        """Look for work, unless that is being done: what comes meanwhile is found by the next look."""
        if not self._closed and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Begin nothing new, and end what was begun: the rest is still asked for at the next start."""
        self._closed = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while (asked := await self.database.read(erasures.pending)) and not self._closed:
                for each in asked:
                    await self._forget(each)
        except (DatabaseError, OSError) as error:
            self.tell(StageFailed("forget people", error))

    async def _forget(self, asked: erasures.Erasure) -> None:
        workspace_id, actor = asked.workspace_id, asked.asked_by
        found = await forget(self.database, workspace_id, asked.identifier, actor=actor)
        await self.database.transact(erasures.done, asked)
        self.tell(PersonForgotten(workspace_id, actor, found.deliveries, found.events, found.identities))
