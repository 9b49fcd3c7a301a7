"""Which of a workspace's customers Intercom knows: asked with its token, paced by its budget, remembered for a day."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from connector.database.engine import Database
from connector.database.rows import upsert
from connector.database.tables import matches
from connector.events import Key, digest
from connector.intercom.client import IntercomClient
from connector.intercom.contact import Found
from connector.intercom.outcome import Answer
from connector.outbox import lanes
from connector.outbox.report import Match, Person
from connector.workspaces.store import Workspace

REMEMBERED_MS = 86_400_000
AT_ONCE = 8
PATIENCE_MS = 20_000
"""How long to wait for the workspace's budget: deliveries draw on the same one, and go first by being many."""


@dataclass(frozen=True, slots=True)
class Trouble(Exception):
    """Intercom cannot be asked; `why` is a sentence."""

    why: str


def key_of(person: Person) -> Key:
    """What stands for a person in the table of what Intercom said."""
    return digest(*(part for way in person for part in (way.kind.value, way.value)))


async def match(database: Database, client: IntercomClient, workspace: Workspace, people: Sequence[Person]) -> Match:
    """How many of `people` Intercom knows. What it does not answer is in `why_not`; nothing is raised for it."""
    now = database.clock.now()
    known: dict[Key, str | None] = dict(await database.read(remembered, workspace.id, since=now - REMEMBERED_MS))
    named = [person for person in people if person]
    unknown = [person for person in named if key_of(person) not in known]
    limit, troubles = asyncio.Semaphore(AT_ONCE), list[str]()

    async def ask(person: Person) -> None:
        async with limit:
            if troubles:
                return
            try:
                known[key_of(person)] = found = await _matched_by(database, client, workspace, person)
                await database.transact(remember, workspace.id, person, found, now=now)
            except Trouble as trouble:
                troubles.append(trouble.why)

    await asyncio.gather(*map(ask, unknown))
    return tally(people, known, why_not=troubles[0] if troubles else None)


def tally(people: Sequence[Person], known: Mapping[Key, str | None], *, why_not: str | None) -> Match:
    """The numbers; `known` is by what Intercom knows each of those who were asked about. Pure."""
    answers = [known[key_of(person)] for person in people if person and key_of(person) in known]
    by = Counter(answer for answer in answers if answer is not None)
    nameless = sum(not person for person in people)
    return Match(
        people=len(people),
        matched=sum(by.values()),
        by=tuple(by.most_common()),
        unmatched=len(answers) - sum(by.values()),
        nameless=nameless,
        unasked=len(people) - nameless - len(answers),
        why_not=why_not,
    )


async def _matched_by(database: Database, client: IntercomClient, workspace: Workspace, person: Person) -> str | None:
    """The kind of the first identifier that Intercom knows, as a delivery would go through them. Raises Trouble."""
    if workspace.token is None:
        raise Trouble("the workspace has no access token")
    for way in person:
        await take_turn(database, workspace.id)
        found = await client.find_contacts(workspace.region, workspace.token, way)
        answer = found.answer if isinstance(found, Found) else found
        await database.transact(learn, workspace.id, answer, now=database.clock.now())
        if not isinstance(found, Found):
            raise Trouble(_why(answer))
        if found.contacts:
            return way.kind.value
    return None


def _why(answer: Answer) -> str:
    match answer.status:
        case 401 | 403:
            return "Intercom refuses the workspace's token, or the token may not read contacts"
        case 429:
            return "Intercom's rate limit is used up: ask again in a minute"
        case None:
            return f"Intercom cannot be reached ({answer.fault})"
    return f"Intercom answered {answer.status}"


async def take_turn(database: Database, workspace_id: int) -> None:
    """Wait until the workspace's budget has a call to spare, and spend it. Raises Trouble."""
    give_up = database.clock.now() + PATIENCE_MS
    while (wait_ms := await database.transact(_spend, workspace_id, now=database.clock.now())) > 0:
        if database.clock.now() + wait_ms > give_up:
            raise Trouble("the workspace's rate limit is needed for deliveries: ask again later")
        await asyncio.sleep(wait_ms / 1000)


def _spend(connection: Connection, workspace_id: int, *, now: int) -> int:
    """Take one call off the budget: 0; or the milliseconds until there is one."""
    lane = lanes.opened(connection, workspace_id)
    if lane.budget.available(now) < 1:
        return max(1, lane.budget.next_at(now) - now)
    lanes.save(connection, replace(lane, budget=lane.budget.spend(1, now)))
    return 0


def learn(connection: Connection, workspace_id: int, answer: Answer, *, now: int) -> None:
    lane = lanes.locked(connection, workspace_id)
    lanes.save(connection, replace(lane, budget=lane.budget.learn(answer, now)))


def remembered(connection: Connection, workspace_id: int, *, since: int) -> list[tuple[Key, str | None]]:
    """What Intercom said since then, by the key of a person."""
    query = select(matches.c.key, matches.c.matched_by).where(
        matches.c.workspace_id == workspace_id, matches.c.asked_at >= since
    )
    return [(row.key, row.matched_by) for row in connection.execute(query)]


def remember(connection: Connection, workspace_id: int, person: Person, matched_by: str | None, *, now: int) -> None:
    """Keep what Intercom said of a person."""
    row = {"workspace_id": workspace_id, "key": key_of(person), "matched_by": matched_by, "asked_at": now}
    upsert(connection, matches, [row], changes=("matched_by", "asked_at"))
