"""Proof of delivery: what was delivered is read back from Intercom, contact by contact, and compared.

Each call draws on the workspace's budget, behind its deliveries. What was delivered a moment ago may not be listed yet,
and is left for later; what is older than Intercom lists is compared by its counts.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from connector.database.engine import Database
from connector.database.tables import deliveries, seconds
from connector.events import Identifier, Key
from connector.intercom.client import IntercomClient
from connector.intercom.listed_events import EventPage, event_counts, event_page
from connector.intercom.outcome import Answer
from connector.outbox import seen
from connector.outbox.delivery import Delivery, State, from_row
from connector.outbox.matching import Trouble, learn, take_turn
from connector.sync.comparison import Counted, Difference, Held, Sent, What, compare, compare_counts
from connector.workspaces.store import Workspace

LISTED_S = 89 * 24 * 3600
"""Intercom lists events of less than 90 days."""
GRACE_MS = 10 * 60_000
"""An accepted event may take a while to be listed."""
LOOKED_AT = 10_000
"""The newest deliveries that a sample is taken from."""
MOST_PAGES = 50
TRIES = 3
CONTACT_GONE = "contact_gone"


@dataclass(frozen=True, slots=True)
class Checked:
    """One contact's part. `why_not` says why its deliveries could not be compared: the contact is gone."""

    deliveries: int
    differences: tuple[Difference, ...] = ()
    why_not: str | None = None
    seen: int = 0
    """Deliveries of which Intercom's own webhook has told."""


@dataclass
class Verification:
    """All of it so far."""

    asked: int
    checked: int = 0
    unchecked: int = 0
    seen: int = 0
    differences: list[Difference] = field(default_factory=list)
    why_not: str | None = None
    """Why it did not go on."""

    @property
    def as_sent(self) -> int:
        """Deliveries that Intercom holds just as they were sent."""
        return self.checked - len({each.delivery for each in self.differences})

    def add(self, checked: Checked) -> None:
        """Count one contact's part in."""
        if checked.why_not is None:
            self.checked += checked.deliveries
        else:
            self.unchecked += checked.deliveries
        self.differences += checked.differences
        self.seen += checked.seen


def sample(
    connection: Connection, workspace_id: int, *, size: int, since: int, until: int, choose: random.Random | None = None
) -> list[Delivery]:
    """Some of what was delivered in between (milliseconds), by chance; what retention has emptied is left out."""
    columns = deliveries.c
    query = (
        select(columns.id)
        .where(
            columns.workspace_id == workspace_id,
            columns.state == State.DELIVERED.value,
            columns.updated_at >= since,
            columns.delivered_at >= since,
            columns.delivered_at <= until,
            columns.identifier_value.is_not(None),
        )
        .order_by(columns.updated_at.desc())
        .limit(LOOKED_AT)
    )
    found = list(connection.scalars(query))
    chosen = (choose or random.Random()).sample(found, min(size, len(found)))
    return _deliveries(connection, workspace_id, chosen)


def of_contact(connection: Connection, workspace_id: int, who: Identifier, *, until: int) -> list[Delivery]:
    """All that was delivered to somebody, by any name they are known by, until then (milliseconds)."""
    ids = _ids_of(connection, workspace_id, who)
    return [each for each in _deliveries(connection, workspace_id, ids) if (each.delivered_at or 0) <= until]


def _ids_of(connection: Connection, workspace_id: int, who: Identifier) -> list[Key]:
    query = select(seconds.c.delivery_id).where(seconds.c.workspace_id == workspace_id, seconds.c.identifier == who.key)
    return list(connection.scalars(query.distinct().limit(LOOKED_AT)))


def _deliveries(connection: Connection, workspace_id: int, ids: Sequence[Key]) -> list[Delivery]:
    found: list[Delivery] = []
    for start in range(0, len(ids), 500):
        query = select(deliveries).where(
            deliveries.c.workspace_id == workspace_id,
            deliveries.c.id.in_(sorted(ids)[start : start + 500]),
            deliveries.c.state == State.DELIVERED.value,
            deliveries.c.identifier_value.is_not(None),
        )
        found += [from_row(row) for row in connection.execute(query).mappings()]
    return found


@dataclass
class Verifier:
    """Asks Intercom on behalf of one workspace; `now` in milliseconds."""

    database: Database
    client: IntercomClient
    workspace: Workspace
    now: Callable[[], int]

    async def verify(self, asked: Sequence[Delivery]) -> AsyncIterator[Checked]:
        """Compare, one contact after the other. Raises Trouble where Intercom cannot be asked."""
        by_contact: dict[Identifier, list[Delivery]] = {}
        for each in asked:
            if each.identifier is not None:
                by_contact.setdefault(each.identifier, []).append(each)
        for who, theirs in by_contact.items():
            yield await self._contact(who, theirs)

    async def _contact(self, who: Identifier, asked: Sequence[Delivery]) -> Checked:
        ours = await self.database.read(of_contact, self.workspace.id, who, until=self.now())
        oldest = self.now() // 1000 - LISTED_S
        listed = [_sent(each) for each in asked if each.created_at >= oldest]
        counted = [_sent(each) for each in asked if each.created_at < oldest]
        all_ours = [_sent(each) for each in ours]
        differences: list[Difference] = []
        if listed:
            held = await self._held(who, until=min(each.created_at for each in listed) - NEAR_ENOUGH_S)
            if held is None:
                return Checked(len(asked), why_not=CONTACT_GONE)
            differences += compare(listed, all_ours, held)
        if counted:
            counts = await self._counts(who)
            if counts is None:
                return Checked(len(asked), why_not=CONTACT_GONE)
            differences += compare_counts(counted, all_ours, counts)
        told = await self.database.read(seen.times, self.workspace.id, [each.id for each in asked])
        return Checked(len(asked), tuple(_with_what_was_told(each, told) for each in differences), seen=len(told))

    async def _held(self, who: Identifier, *, until: int) -> list[Held] | None:
        """The contact's events back to `until` (Unix seconds); None where Intercom knows no such contact any more."""
        held: list[Held] = []
        before: int | None = None
        for _ in range(MOST_PAGES):
            answer = await self._ask(who, before=before)
            if answer is None:
                return None
            if (page := event_page(answer)) is None:
                raise Trouble("Intercom's list of events cannot be read")
            held += [Held(each.id, each.name, each.created_at, each.metadata) for each in page.events]
            if _is_last(page, until):
                return held
            before = page.before
        raise Trouble(f"a contact has more than {MOST_PAGES} pages of events: choose a shorter time with --since")

    async def _counts(self, who: Identifier) -> list[Counted] | None:
        answer = await self._ask(who, summary=True)
        if answer is None:
            return None
        if (found := event_counts(answer)) is None:
            raise Trouble("Intercom's summary of events cannot be read")
        return [Counted(each.name, each.count, each.first, each.last) for each in found]

    async def _ask(self, who: Identifier, *, before: int | None = None, summary: bool = False) -> Answer | None:
        """A good answer; None where the contact is not there. Raises Trouble."""
        if self.workspace.token is None:
            raise Trouble("the workspace has no access token")
        for number in range(1, TRIES + 1):
            await take_turn(self.database, self.workspace.id)
            region, token = self.workspace.region, self.workspace.token
            answer = await self.client.list_events(region, token, who, before=before, summary=summary)
            await self.database.transact(learn, self.workspace.id, answer, now=self.database.clock.now())
            if answer.status == 200:
                return answer
            if answer.status in (404, 409):
                return None
            if number == TRIES or not _worth_another(answer):
                raise Trouble(_why(answer))
        return None


NEAR_ENOUGH_S = 2 * 3600
"""So much further back than the oldest that is asked for, a double of it may lie."""


def _is_last(page: EventPage, until: int) -> bool:
    return page.before is None or not page.events or page.events[-1].created_at < until


def _with_what_was_told(difference: Difference, told: Mapping[Key, int]) -> Difference:
    """What is missing and was there once was archived or deleted; what never was did not arrive."""
    at = told.get(bytes.fromhex(difference.delivery))
    if at is None or difference.what is not What.MISSING:
        return difference
    when = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
    return replace(difference, detail=f"{difference.detail}; Intercom told of it at {when}: it was there")


def _sent(delivery: Delivery) -> Sent:
    return Sent(delivery.id.hex(), delivery.name, delivery.created_at, delivery.metadata)


def _worth_another(answer: Answer) -> bool:
    return answer.status is None or answer.status == 429 or answer.status >= 500


def _why(answer: Answer) -> str:
    match answer.status:
        case 403:
            return (
                "the token may not read events. The listed app does not ask for that; in an app of your own turn on "
                "`Read events` in the Developer Hub, and have the workspace install it again"
            )
        case 401:
            return "Intercom refuses the workspace's token"
        case 429:
            return "Intercom's rate limit is used up: ask again in a minute"
        case None:
            return f"Intercom cannot be reached ({answer.fault})"
    return f"Intercom answered {answer.status}"
