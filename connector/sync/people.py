"""Asking Stripe whom an event is for, where no event has told: a refund's charge, its customer, the customer's address.

What Stripe says is kept as evidence like any event's, and the deliveries that waited for it are addressed in the same
transaction. What it does not know is remembered, so that it is not asked for again the next second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from connector.contacts import directory
from connector.contacts.directory import Statement, Unresolved
from connector.contacts.evidence import evidence
from connector.database.clock import wall
from connector.database.engine import Database
from connector.events import Identifier, IdentifierKind, Key, SourceEvent, digest
from connector.outbox import waiting
from connector.outbox.waiting import Unknown
from connector.stripe_api import objects
from connector.stripe_api.answers import Answer, Found, Missing, Refused, TryLater
from connector.stripe_api.client import StripeApi
from connector.stripe_api.objects import Thing
from connector.sync import asked
from connector.telemetry.facts import StripeAsked, Tell

ASKED_FOR: Mapping[IdentifierKind, str] = {
    IdentifierKind.STRIPE_CUSTOMER: "customer",
    IdentifierKind.STRIPE_CHARGE: "charge",
    IdentifierKind.STRIPE_INVOICE: "invoice",
    IdentifierKind.STRIPE_PAYMENT_INTENT: "payment_intent",
    IdentifierKind.STRIPE_SUBSCRIPTION: "subscription",
}
"""What Stripe can be asked for, the nearest to a person first."""
STEPS = 4
"""From a refund's charge to the customer to the person, with one to spare."""
PAGE = 100

KeyOf = Callable[[Unknown], str | None]
"""The key to ask with on behalf of a delivery, None where there is none."""


@dataclass
class People:
    """Finds out whom deliveries are for; `addressed` is rung when one of them may go out now."""

    database: Database
    api: StripeApi
    tell: Tell
    addressed: Callable[[], None]

    async def find_all(self, workspace_id: int, key_of: KeyOf) -> None:
        """Ask for everybody whom a delivery of this workspace waits for, page by page."""
        after: Key = b""
        while True:
            page = await self.database.read(waiting.unknown, workspace_id, after=after, limit=PAGE)
            for each in page:
                if (key := key_of(each)) is not None:
                    await self._find(workspace_id, each.contact, key)
            if len(page) < PAGE:
                return
            after = page[-1].id

    async def _find(self, workspace_id: int, contact: Sequence[Identifier], key: str) -> None:
        for _ in range(STEPS):
            thing = await self.database.read(_next_to_ask, workspace_id, contact)
            done = [await self._ask(workspace_id, each, key) for each in thing]
            if not any(done):
                return

    async def _ask(self, workspace_id: int, identifier: Identifier, key: str) -> bool:
        """Whether something is known now that was not before."""
        if not await self.database.transact(asked.claim, workspace_id, _name(identifier), now=wall()):
            return False
        kind = ASKED_FOR[identifier.kind]
        answer = await objects.one(self.api, key, kind, identifier.value)
        outcome, again_at = _outcome(answer)
        if isinstance(answer, Found):
            learnt = await self.database.transact(self._learn, workspace_id, identifier, answer.value)
            outcome = "found" if learnt else "says_nothing"
        else:
            await self.database.transact(
                asked.settle, workspace_id, _name(identifier), outcome, now=wall(), again_at=again_at
            )
        self.tell(StripeAsked(workspace_id, kind, outcome))
        return outcome == "found"

    def _learn(self, connection: Connection, workspace_id: int, identifier: Identifier, thing: Thing) -> bool:
        """Keep what the thing says, and address whoever waited for it; whether it said anything new."""
        now = wall()
        directory.take_turns(connection, asking={workspace_id}, learning=set())
        news = directory.record(connection, _statements(workspace_id, thing, now), now=now)
        waiting.address(connection, news, now=self.database.clock.now())
        outcome = "found" if news else "says_nothing"
        asked.settle(connection, workspace_id, _name(identifier), outcome, now=now)
        if news:
            self.addressed()
        return bool(news)


def _next_to_ask(connection: Connection, workspace_id: int, contact: Sequence[Identifier]) -> list[Identifier]:
    """What the contact leads to and ends at, the nearest to a person first; nothing where it is known by now."""
    resolution = directory.resolve(connection, workspace_id, contact)
    if not isinstance(resolution, Unresolved) or resolution.reason != "contact_unknown":
        return []
    askable = [each for each in resolution.wanted if each.kind in ASKED_FOR]
    order = list(ASKED_FOR)
    return sorted(askable, key=lambda each: order.index(each.kind))


def _statements(workspace_id: int, thing: Thing, now: int) -> list[Statement]:
    source = SourceEvent("stripe", thing.id, f"{thing.kind}.asked", b"")
    said = evidence(source, {"data": {"object": thing.values}})
    return [Statement(workspace_id, each, digest("stripe_api", thing.kind, thing.id), now) for each in said]


def _outcome(answer: Answer[Thing]) -> tuple[str, int | None]:
    """A word for what came of it, and when to ask again where Stripe says so."""
    match answer:
        case Missing():
            return "missing", None
        case Refused(reason):
            return reason, None
        case TryLater(at, why):
            return why, at
        case _:
            return "found", None


def _name(identifier: Identifier) -> Key:
    return digest("person", identifier.kind.value, identifier.value)
